package dev.pagoda.lab.simulation;

import java.util.Arrays;

/** Numbers, one per request, of which percentiles are wanted. Immutable. */
final class Distribution {
  private final double[] ascending;

  private Distribution(double[] ascending) {
    this.ascending = ascending;
  }

  /** Of the first values of an array. */
  static Distribution of(double[] values, int count) {
    double[] sorted = Arrays.copyOf(values, count);
    Arrays.sort(sorted);
    return new Distribution(sorted);
  }

  int size() {
    return ascending.length;
  }

  /** 0 if there is no value. */
  double mean() {
    return Arrays.stream(ascending).average().orElse(0);
  }

  /** The smallest value that at least a share of the values does not exceed; 0 if there is none. */
  double percentile(double percent) {
    if (ascending.length == 0) {
      return 0;
    }
    int rank = (int) Math.ceil(percent / 100 * ascending.length);
    return ascending[Math.max(0, rank - 1)];
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Distribution values && Arrays.equals(ascending, values.ascending);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(ascending);
  }

  @Override
  public String toString() {
    return "Distribution[size=" + size() + ", median=" + percentile(50) + "]";
  }
}
