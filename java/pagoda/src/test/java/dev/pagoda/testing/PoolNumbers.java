package dev.pagoda.testing;

import dev.pagoda.block.BlockStatistics;

/** Expected statistics of pools that use only a part of what a pool can do. */
public final class PoolNumbers {
  private PoolNumbers() {}

  /** Of a pool in which nothing was ever cached. */
  public static BlockStatistics uncached(
      int numBlocks,
      int numFree,
      int numShared,
      long numReferences,
      int peakUsed,
      long numAllocations,
      long numRefusals) {
    return uncached(
        numBlocks, numFree, 0, numShared, numReferences, peakUsed, numAllocations, numRefusals);
  }

  /** Of a pool in which nothing was ever cached, but some free blocks are promised. */
  public static BlockStatistics uncached(
      int numBlocks,
      int numFree,
      int numReserved,
      int numShared,
      long numReferences,
      int peakUsed,
      long numAllocations,
      long numRefusals) {
    return new BlockStatistics(
        numBlocks,
        numFree,
        numReserved,
        0,
        0,
        0,
        numShared,
        numReferences,
        peakUsed,
        numAllocations,
        0,
        numRefusals);
  }
}
