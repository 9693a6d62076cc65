package dev.pagoda.lab.simulation;

/**
 * How long a step of a model server takes: a sum of what each of its parts costs.
 *
 * @param nanosPerStep whatever a step costs with nothing in it: reading the weights, launches
 * @param nanosPerSequence per sequence that generates a token: sampling, bookkeeping
 * @param nanosPerContextToken per token that a generating sequence attends to: reading its keys and
 *     values
 * @param nanosPerPrefillToken per prompt token: matrix products
 * @param nanosPerAttendedPair per prompt token and token that it attends to
 */
public record LatencyModel(
    double nanosPerStep,
    double nanosPerSequence,
    double nanosPerContextToken,
    double nanosPerPrefillToken,
    double nanosPerAttendedPair) {
  /** Checks that time goes forward. */
  public LatencyModel {
    requireCost("nanosPerStep", nanosPerStep);
    requireCost("nanosPerSequence", nanosPerSequence);
    requireCost("nanosPerContextToken", nanosPerContextToken);
    requireCost("nanosPerPrefillToken", nanosPerPrefillToken);
    requireCost("nanosPerAttendedPair", nanosPerAttendedPair);
    if (!(nanosPerStep > 0)) {
      throw new IllegalArgumentException("a step takes time: nanosPerStep=" + nanosPerStep);
    }
  }

  private static void requireCost(String name, double value) {
    if (!(value >= 0) || Double.isInfinite(value)) {
      throw new IllegalArgumentException(
          name + " must be finite and at least 0: " + name + "=" + value);
    }
  }

  /** Every step takes the same time: for questions in which only the order of steps counts. */
  static LatencyModel constant(double nanosPerStep) {
    return new LatencyModel(nanosPerStep, 0, 0, 0, 0);
  }

  double nanos(StepLoad load) {
    return nanosPerStep
        + nanosPerSequence * load.numSequences
        + nanosPerContextToken * load.contextTokens
        + nanosPerPrefillToken * load.prefillTokens
        + nanosPerAttendedPair * load.attendedPairs;
  }

  /** What is in a step; one object for all steps of a run. */
  static final class StepLoad {
    int numSequences;
    long contextTokens;
    long prefillTokens;
    double attendedPairs;

    void clear() {
      numSequences = 0;
      contextTokens = 0;
      prefillTokens = 0;
      attendedPairs = 0;
    }

    /** A run of prompt tokens, each of which attends to all before it. */
    void addPrefill(int from, int to) {
      prefillTokens += to - from;
      attendedPairs += (double) (to - from) * (from + to + 1) / 2;
    }
  }
}
