package dev.pagoda.pressure;

import dev.pagoda.tier.PreemptionCost;
import java.util.Objects;

/**
 * What a {@link PreemptionPolicy} wants one group to do.
 *
 * @param <V> what the policy was given
 * @param victim the group
 * @param firstBlockIndex block index from which on it gives up its blocks; 0 for all
 * @param way whether they are moved or dropped
 * @param numFreed blocks that this makes available
 * @param cost figures it was chosen by
 * @param reason why, in one sentence
 */
public record Preemption<V extends Victim>(
    V victim,
    int firstBlockIndex,
    PreemptionCost.Preemption way,
    int numFreed,
    PreemptionCost cost,
    String reason) {
  /**
   * Checks that all are there.
   *
   * @throws IllegalArgumentException if the index is negative
   */
  public Preemption {
    Objects.requireNonNull(victim, "victim");
    Objects.requireNonNull(way, "way");
    Objects.requireNonNull(cost, "cost");
    Objects.requireNonNull(reason, "reason");
    if (firstBlockIndex < 0) {
      throw new IllegalArgumentException(
          "a block index is not negative: firstBlockIndex=" + firstBlockIndex);
    }
  }

  /**
   * Whether the group keeps its first blocks.
   *
   * @return true unless all leave
   */
  public boolean isTail() {
    return firstBlockIndex > 0;
  }
}
