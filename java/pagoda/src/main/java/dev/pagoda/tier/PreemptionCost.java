package dev.pagoda.tier;

import java.util.Locale;
import java.util.Objects;

/**
 * What each way of preempting a group costs, in and out together.
 *
 * @param load what has to be moved or computed
 * @param swapNanos moving the blocks out and in again
 * @param recomputeNanos computing the tokens again; dropping them is free
 */
public record PreemptionCost(PreemptionLoad load, double swapNanos, double recomputeNanos) {
  /** Checks that there is a load. */
  public PreemptionCost {
    Objects.requireNonNull(load, "load");
  }

  /** A way to make room. */
  public enum Preemption {
    /** Blocks move to the host and back. */
    SWAP,
    /** Blocks are dropped, and their tokens computed again. */
    RECOMPUTE
  }

  /**
   * The cheaper way; of equal ones swapping, which leaves the compute to others.
   *
   * @return which
   */
  public Preemption cheaper() {
    return swapNanos <= recomputeNanos ? Preemption.SWAP : Preemption.RECOMPUTE;
  }

  /**
   * Why, in one sentence with all figures.
   *
   * @return one line
   */
  public String describe() {
    return String.format(
        Locale.ROOT,
        "%s: swapping %d blocks (%d bytes) out and in takes %.3f ms, computing %d tokens in %d"
            + " feeds takes %.3f ms",
        cheaper() == Preemption.SWAP ? "swap" : "recompute",
        load.numBlocks(),
        load.bytes(),
        swapNanos / 1e6,
        load.numTokens(),
        load.numFeeds(),
        recomputeNanos / 1e6);
  }
}
