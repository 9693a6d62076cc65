package dev.pagoda;

import dev.pagoda.block.BlockStatistics;

/**
 * A cache's numbers at one moment. Counters run from the moment it was opened.
 *
 * @param blocks who owns what
 * @param blockBytes size of a block
 * @param numSequences sequences open, parked ones included
 * @param numTokens sum of the context lengths of sequences whose blocks are here; shared tokens
 *     count for each
 * @param numForks sequences made by fork
 * @param numBlockCopies blocks copied before a write because they were shared
 * @param numStepsCommitted steps whose tokens were kept
 * @param numStepsRolledBack steps whose tokens were dropped
 */
public record CacheStatistics(
    BlockStatistics blocks,
    long blockBytes,
    int numSequences,
    long numTokens,
    long numForks,
    long numBlockCopies,
    long numStepsCommitted,
    long numStepsRolledBack) {
  /**
   * Bytes of the pool.
   *
   * @return {@code numBlocks * blockBytes}
   */
  public long poolBytes() {
    return blocks.numBlocks() * blockBytes;
  }

  /**
   * Bytes of the blocks that are owned.
   *
   * @return {@code numUsed * blockBytes}
   */
  public long usedBytes() {
    return blocks.numUsed() * blockBytes;
  }
}
