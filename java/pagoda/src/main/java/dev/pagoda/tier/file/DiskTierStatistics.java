package dev.pagoda.tier.file;

/**
 * A disk tier's numbers at one moment. Counters run from the moment it was opened.
 *
 * @param numBlocks blocks that are there
 * @param bytes their files' length
 * @param bytesMax most that it may be
 * @param numFound blocks that were there when it was opened
 * @param numHits blocks read
 * @param numWritten blocks written
 * @param numEvicted blocks that made room for others
 * @param numNotSeenTwice blocks not written because they were offered for the first time
 * @param numSkipped blocks not written because the writers were busy, or writing had failed before
 * @param numRefused files removed because they were damaged, truncated, foreign or newer
 * @param numReadFailures times that the machine refused a read
 * @param numWriteFailures times that the machine refused a write
 */
public record DiskTierStatistics(
    int numBlocks,
    long bytes,
    long bytesMax,
    int numFound,
    long numHits,
    long numWritten,
    long numEvicted,
    long numNotSeenTwice,
    long numSkipped,
    long numRefused,
    long numReadFailures,
    long numWriteFailures) {}
