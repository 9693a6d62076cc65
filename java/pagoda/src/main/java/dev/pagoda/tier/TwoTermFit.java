package dev.pagoda.tier;

/**
 * Fits {@code nanos = a * first + b * second} to measurements, a above 0 and b at least 0, by least
 * squares of the relative errors.
 */
final class TwoTermFit {
  /** Below this share of independence the two columns count as one. */
  private static final double DEPENDENT = 1e-9;

  private final String first;
  private final String second;
  private int numSamples;
  private double firstFirst;
  private double firstSecond;
  private double secondSecond;
  private double firstNanos;
  private double secondNanos;

  /** What was found. */
  record Solution(double nanosPerFirst, double nanosPerSecond) {}

  TwoTermFit(String first, String second) {
    this.first = first;
    this.second = second;
  }

  /** Divided by its time, every sample asks for the same: a sum of 1. */
  void add(long firstCount, long secondCount, long nanos) {
    double x = (double) firstCount / nanos;
    double y = (double) secondCount / nanos;
    numSamples++;
    firstFirst += x * x;
    firstSecond += x * y;
    secondSecond += y * y;
    firstNanos += x;
    secondNanos += y;
  }

  Solution solve() {
    if (numSamples < 2) {
      throw new IllegalArgumentException(
          "two costs need two samples at least: numSamples=" + numSamples);
    }
    double determinant = firstFirst * secondSecond - firstSecond * firstSecond;
    if (determinant <= DEPENDENT * firstFirst * secondSecond) {
      throw new IllegalArgumentException(
          "all samples have the same "
              + first
              + " per "
              + second
              + ", which cannot tell the two costs apart: numSamples="
              + numSamples);
    }
    double nanosPerFirst = (firstNanos * secondSecond - secondNanos * firstSecond) / determinant;
    double nanosPerSecond = (secondNanos * firstFirst - firstNanos * firstSecond) / determinant;
    if (nanosPerSecond < 0) {
      nanosPerSecond = 0;
      nanosPerFirst = firstNanos / firstFirst;
    }
    if (!(nanosPerFirst > 0)) {
      throw new IllegalArgumentException(
          "more " + first + " do not take longer in these samples: nanosPer=" + nanosPerFirst);
    }
    return new Solution(nanosPerFirst, nanosPerSecond);
  }

  static void requirePositive(String name, long value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be at least 1: " + name + "=" + value);
    }
  }

  static void requireRate(String name, double value) {
    if (!(value > 0) || Double.isInfinite(value)) {
      throw new IllegalArgumentException(
          name + " must be finite and above 0: " + name + "=" + value);
    }
  }

  static void requireCost(String name, double value) {
    if (!(value >= 0) || Double.isInfinite(value)) {
      throw new IllegalArgumentException(
          name + " must be finite and at least 0: " + name + "=" + value);
    }
  }
}
