package dev.pagoda.lab.experiment;

/**
 * How far numbers lie from those they should be.
 *
 * @param maxAbsolute largest distance
 * @param largestExpected largest magnitude among the expected numbers
 * @param numCompared numbers compared
 * @param numOtherBits numbers that are not the same to the bit
 */
record Difference(double maxAbsolute, double largestExpected, long numCompared, long numOtherBits) {
  /** Compares two arrays of one length. */
  static Difference between(float[] actual, float[] expected) {
    double maxAbsolute = 0;
    double largest = 0;
    long numOtherBits = 0;
    for (int i = 0; i < expected.length; i++) {
      // Math.max keeps a NaN, which is then within no bound.
      maxAbsolute = Math.max(maxAbsolute, Math.abs((double) actual[i] - expected[i]));
      largest = Math.max(largest, Math.abs(expected[i]));
      if (Float.floatToRawIntBits(actual[i]) != Float.floatToRawIntBits(expected[i])) {
        numOtherBits++;
      }
    }
    return new Difference(maxAbsolute, largest, expected.length, numOtherBits);
  }

  /** Compares with numbers of higher precision, to which no bits can be equal. */
  static Difference between(float[] actual, double[] expected) {
    double maxAbsolute = 0;
    double largest = 0;
    for (int i = 0; i < expected.length; i++) {
      maxAbsolute = Math.max(maxAbsolute, Math.abs(actual[i] - expected[i]));
      largest = Math.max(largest, Math.abs(expected[i]));
    }
    return new Difference(maxAbsolute, largest, expected.length, 0);
  }

  Difference and(Difference other) {
    return new Difference(
        Math.max(maxAbsolute, other.maxAbsolute),
        Math.max(largestExpected, other.largestExpected),
        numCompared + other.numCompared,
        numOtherBits + other.numOtherBits);
  }

  /** The largest distance in proportion to the largest number. */
  double relative() {
    return maxAbsolute / largestExpected;
  }
}
