package dev.pagoda.prefix;

/**
 * What a prefix cache has of a prompt.
 *
 * @param cachedTokens tokens that a request would not have to compute
 * @param headTokens those of them that are the head of a block
 * @param missReason why there are no more
 */
public record PrefixMatch(int cachedTokens, int headTokens, MissReason missReason) {}
