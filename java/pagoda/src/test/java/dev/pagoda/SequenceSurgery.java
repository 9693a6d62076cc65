package dev.pagoda;

import java.util.function.UnaryOperator;

/** Reaches into a sequence, so that tests can plant the mistakes that others must find. */
public final class SequenceSurgery {
  private SequenceSurgery() {}

  /** Advances a length before its step is committed. */
  public static void setLength(KvSequence sequence, int length) {
    sequence.setLength(length);
  }

  /** Comes between a sequence and whoever observes it. */
  public static void interpose(KvSequence sequence, UnaryOperator<SequenceObserver> change) {
    sequence.observe(change.apply(sequence.observer()));
  }
}
