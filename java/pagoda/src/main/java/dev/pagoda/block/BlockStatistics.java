package dev.pagoda.block;

/**
 * A pool's numbers at one moment.
 *
 * @param numBlocks blocks in the pool
 * @param numFree blocks nobody owns
 * @param numReserved free blocks that are promised to somebody
 * @param numShared blocks with more than one owner
 * @param numReferences sum of all reference counts
 * @param peakUsed most blocks ever owned at once
 * @param numAllocations blocks handed out since the pool exists
 * @param numRefusals requests refused for want of blocks
 */
public record BlockStatistics(
    int numBlocks,
    int numFree,
    int numReserved,
    int numShared,
    long numReferences,
    int peakUsed,
    long numAllocations,
    long numRefusals) {
  /**
   * Blocks with at least one owner.
   *
   * @return {@code numBlocks - numFree}
   */
  public int numUsed() {
    return numBlocks - numFree;
  }

  /**
   * Blocks that anybody can have now.
   *
   * @return {@code numFree - numReserved}
   */
  public int numUnreserved() {
    return numFree - numReserved;
  }
}
