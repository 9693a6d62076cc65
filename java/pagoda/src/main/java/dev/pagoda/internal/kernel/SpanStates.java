package dev.pagoda.internal.kernel;

import java.util.Arrays;

/**
 * What rows know of each span of their context, on its way from the threads that computed the spans
 * to the one that merges them. What a state holds is the kernels' business.
 *
 * <pre>
 *   memory   [numTokens, numQueryHeads, numSpans, stateFloats]
 * </pre>
 *
 * <p>Grows and is kept, so that a step used again allocates nothing.
 */
public final class SpanStates {
  /** More than this is never worth it: long batches have other units to share out. 16 MiB. */
  private static final int FLOATS_MAX = 1 << 22;

  private float[] memory = {};
  private int numQueryHeads;
  private int numSpans;
  private int stateFloats;

  /**
   * Makes room for a batch.
   *
   * @param newNumSpans spans of the longest context
   * @param newStateFloats of one row, head and span
   * @return false if that would be too much; then nothing may be stored
   */
  public boolean open(int numTokens, int newNumQueryHeads, int newNumSpans, int newStateFloats) {
    long floats = (long) numTokens * newNumQueryHeads * newStateFloats;
    if (floats > FLOATS_MAX || floats * newNumSpans > FLOATS_MAX) {
      return false;
    }
    int needed = (int) (floats * newNumSpans);
    if (needed > memory.length) {
      memory = Arrays.copyOf(memory, Math.max(needed, 2 * memory.length));
    }
    numQueryHeads = newNumQueryHeads;
    numSpans = newNumSpans;
    stateFloats = newStateFloats;
    return true;
  }

  /** All states. Shared, not a copy. */
  public float[] memory() {
    return memory;
  }

  /** Where a state starts in {@link #memory}. */
  public int offset(int token, int queryHead, int span) {
    return ((token * numQueryHeads + queryHead) * numSpans + span) * stateFloats;
  }
}
