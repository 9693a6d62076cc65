package dev.pagoda.lab.experiment;

import java.util.List;

/**
 * A chat in turns, served by an engine that gets the whole conversation with each request.
 *
 * @param without each turn computed from its first token
 * @param with each turn opened through the prefix cache
 */
record ChatResult(List<Turn> without, List<Turn> with) {
  /** Copies the lists. */
  ChatResult {
    without = List.copyOf(without);
    with = List.copyOf(with);
  }

  /**
   * One turn.
   *
   * @param contextTokens tokens of the conversation when it was done
   * @param computedTokens of those, computed in this turn
   * @param firstTokenNanos until the first token of the reply could be sampled, median
   * @param wallNanos until the reply was complete, median
   */
  record Turn(int contextTokens, long computedTokens, double firstTokenNanos, double wallNanos) {}

  static long computed(List<Turn> turns) {
    return turns.stream().mapToLong(Turn::computedTokens).sum();
  }

  static double nanos(List<Turn> turns) {
    return turns.stream().mapToDouble(Turn::wallNanos).sum();
  }

  /** How many times fewer tokens are computed with the cache. */
  double savedTokens() {
    return (double) computed(without) / computed(with);
  }

  /** How many times faster the whole chat is with the cache. */
  double speedup() {
    return nanos(without) / nanos(with);
  }
}
