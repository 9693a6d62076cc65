package dev.pagoda.block;

/**
 * A pool's numbers at one moment.
 *
 * @param numBlocks blocks in the pool
 * @param numFree blocks that nobody owns and nothing is known of
 * @param numReserved free blocks that are promised to somebody
 * @param numIdle cached blocks that nobody owns
 * @param numReclaimable idle blocks that may be given up now
 * @param numInFlight blocks that nobody owns but work in flight still uses
 * @param numShared blocks with more than one owner
 * @param numReferences sum of all reference counts
 * @param peakUsed most blocks ever owned at once
 * @param numAllocations blocks handed out since the pool exists
 * @param numReclaimed those of them that were idle before
 * @param numRefusals requests refused for want of blocks
 */
public record BlockStatistics(
    int numBlocks,
    int numFree,
    int numReserved,
    int numIdle,
    int numReclaimable,
    int numInFlight,
    int numShared,
    long numReferences,
    int peakUsed,
    long numAllocations,
    long numReclaimed,
    long numRefusals) {
  /**
   * Blocks with at least one owner.
   *
   * @return {@code numBlocks - numFree - numIdle - numInFlight}
   */
  public int numUsed() {
    return numBlocks - numFree - numIdle - numInFlight;
  }

  /**
   * Blocks that anybody can have now.
   *
   * @return {@code numFree - numReserved + numReclaimable}
   */
  public int numAvailable() {
    return numFree - numReserved + numReclaimable;
  }
}
