package dev.pagoda.prefix;

/**
 * What the prefix cache did for one request.
 *
 * @param promptTokens tokens it was opened with
 * @param cachedTokens tokens it need not compute, those that were loaded included; since it was
 *     opened, so that a request that came back counts twice
 * @param loadedTokens those of them that came from a lower tier
 * @param headTokens those of them that are the head of a block, to be copied by the next write
 * @param computedTokens tokens it has appended in steps
 * @param publishedTokens tokens that became shareable through it
 * @param missReason why it found no longer prefix
 */
public record PrefixUse(
    int promptTokens,
    long cachedTokens,
    long loadedTokens,
    long headTokens,
    long computedTokens,
    long publishedTokens,
    MissReason missReason) {}
