package dev.pagoda.lab.experiment;

import dev.pagoda.CacheStatistics;

/**
 * How many blocks continuations of a prompt use, and how many they would use without sharing:
 * references in block tables, each of which would be a block of its own.
 *
 * @param usedBlocks distinct blocks, summed over moments
 * @param unsharedBlocks references to blocks, summed over the same moments
 */
record SharingCount(long usedBlocks, long unsharedBlocks) {
  static final SharingCount NOTHING = new SharingCount(0, 0);

  /** Counts a cache in which nothing else lives. */
  static SharingCount of(CacheStatistics now) {
    return new SharingCount(now.blocks().numUsed(), now.blocks().numReferences());
  }

  SharingCount plus(SharingCount other) {
    return new SharingCount(usedBlocks + other.usedBlocks, unsharedBlocks + other.unsharedBlocks);
  }

  /** Share of the blocks that sharing saves. */
  double saved() {
    return 1 - (double) usedBlocks / unsharedBlocks;
  }

  /** The same against tokens kept one by one, without blocks and without sharing. */
  double savedAgainstTokens(int blockSize, long numTokens) {
    return 1 - (double) usedBlocks * blockSize / numTokens;
  }
}
