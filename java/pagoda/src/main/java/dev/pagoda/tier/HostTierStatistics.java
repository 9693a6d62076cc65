package dev.pagoda.tier;

/**
 * A host tier's numbers at one moment. Counters run from the moment it was opened.
 *
 * @param numSlots blocks it has room for
 * @param numBlocks blocks that are here
 * @param blockBytes size of a block
 * @param numHits blocks copied back into the cache
 * @param numStored blocks that came
 * @param numEvicted blocks that made room for others
 * @param numFailures times that the tier below threw
 */
public record HostTierStatistics(
    int numSlots,
    int numBlocks,
    long blockBytes,
    long numHits,
    long numStored,
    long numEvicted,
    long numFailures) {}
