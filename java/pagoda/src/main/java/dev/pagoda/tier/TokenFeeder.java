package dev.pagoda.tier;

import dev.pagoda.KvSequence;

/** Computes tokens that an application has kept. */
@FunctionalInterface
public interface TokenFeeder {
  /**
   * Appends tokens to a sequence through committed steps, keys and values included.
   *
   * @param sequence an idle sequence of length {@code fromPosition}
   * @param fromPosition position of the first token to feed
   * @param toPosition position behind the last one: the sequence's length afterwards
   */
  void feed(KvSequence sequence, int fromPosition, int toPosition);
}
