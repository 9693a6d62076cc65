package dev.pagoda.internal.kernel;

import java.util.Arrays;

/**
 * The rows of one step, sequence after sequence: how many queries each sequence has, how long its
 * context is with them, and where its blocks are.
 *
 * <p>Written by the step that owns it, read by kernels; never both at once. Its arrays grow and are
 * kept, so that a step used again allocates nothing.
 *
 * <pre>
 *   queryStarts      [numSeqs + 1]    cumulative query lengths, from 0
 *   contextLengths   [numSeqs]        this step's tokens included
 *   tableStarts      [numSeqs + 1]    where each sequence's block ids start
 *   blockIds         [sum of blocks]  block tables, one behind the other
 *   tokenSequences   [numTokens]      the sequence a row belongs to
 * </pre>
 */
public final class RaggedBatch {
  private int numSeqs;
  private long numContextTokens;
  private int[] queryStarts = new int[9];
  private int[] contextLengths = new int[8];
  private int[] tableStarts = new int[9];
  private int[] blockIds;
  private int[] tokenSequences = new int[64];

  /** Makes an empty batch with room for a number of block ids. */
  public RaggedBatch(int numBlockIds) {
    blockIds = new int[numBlockIds];
  }

  /** Forgets all rows; keeps the arrays. */
  public void clear() {
    numSeqs = 0;
    numContextTokens = 0;
  }

  /**
   * Adds a sequence.
   *
   * @param queryLength its rows in this step, at least 1
   * @param contextLength its tokens in the cache with them
   * @param numBlockIds length of its block table
   * @return where to write the block table in {@link #blockIds()}
   */
  public int addSequence(int queryLength, int contextLength, int numBlockIds) {
    if (numSeqs == contextLengths.length) {
      queryStarts = Arrays.copyOf(queryStarts, 2 * numSeqs + 1);
      contextLengths = Arrays.copyOf(contextLengths, 2 * numSeqs);
      tableStarts = Arrays.copyOf(tableStarts, 2 * numSeqs + 1);
    }
    int queryStart = queryStarts[numSeqs];
    int queryEnd = Math.addExact(queryStart, queryLength);
    int tableStart = tableStarts[numSeqs];
    int tableEnd = Math.addExact(tableStart, numBlockIds);
    if (queryEnd > tokenSequences.length) {
      tokenSequences = Arrays.copyOf(tokenSequences, Math.max(queryEnd, grown(queryStart)));
    }
    if (tableEnd > blockIds.length) {
      blockIds = Arrays.copyOf(blockIds, Math.max(tableEnd, grown(tableStart)));
    }
    Arrays.fill(tokenSequences, queryStart, queryEnd, numSeqs);
    contextLengths[numSeqs] = contextLength;
    numContextTokens += contextLength;
    numSeqs++;
    queryStarts[numSeqs] = queryEnd;
    tableStarts[numSeqs] = tableEnd;
    return tableStart;
  }

  private static int grown(int length) {
    return length + (length >> 1) + 16;
  }

  public int numSeqs() {
    return numSeqs;
  }

  /** Rows of all sequences. */
  public int numTokens() {
    return queryStarts[numSeqs];
  }

  /** Tokens of all contexts, counted as often as they are in one. */
  public long numContextTokens() {
    return numContextTokens;
  }

  /** First row of a sequence. */
  public int queryStart(int seqIndex) {
    return queryStarts[seqIndex];
  }

  /** Rows of a sequence. */
  public int queryLength(int seqIndex) {
    return queryStarts[seqIndex + 1] - queryStarts[seqIndex];
  }

  public int contextLength(int seqIndex) {
    return contextLengths[seqIndex];
  }

  /** Where a sequence's block table starts in {@link #blockIds()}. */
  public int tableStart(int seqIndex) {
    return tableStarts[seqIndex];
  }

  /** All block tables. Shared, not a copy. */
  public int[] blockIds() {
    return blockIds;
  }

  /** The sequence a row belongs to. */
  public int sequenceOf(int tokenIndex) {
    return tokenSequences[tokenIndex];
  }

  /** Position of a row's token in its sequence. */
  public int positionOf(int tokenIndex) {
    int seqIndex = tokenSequences[tokenIndex];
    return contextLengths[seqIndex] - (queryStarts[seqIndex + 1] - tokenIndex);
  }
}
