package dev.pagoda.testing;

/**
 * Claims about attention results; a failure names row, head and element of the worst difference.
 */
public final class AttentionAssertions {
  private AttentionAssertions() {}

  /**
   * Every number is within its bound of the float64 reference, and finite but for the LSE of rows
   * that see nothing.
   */
  public static void assertClose(
      AttentionResult actual, Float64Attention expected, AttentionCase shape) {
    assertClose("output", actual.output(), expected.output, expected.outputTolerance, shape);
    if (shape.wantsLse()) {
      assertClose("lse", actual.lse(), expected.lse, expected.lseTolerance, shape);
    }
  }

  private static void assertClose(
      String name, float[] actual, double[] expected, double[] tolerance, AttentionCase shape) {
    int worst = -1;
    double worstRatio = 1;
    for (int i = 0; i < expected.length; i++) {
      if (expected[i] == actual[i]) {
        continue; // also minus infinity
      }
      double difference = Math.abs(actual[i] - expected[i]);
      double ratio =
          Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference / tolerance[i];
      if (ratio > worstRatio) {
        worst = i;
        worstRatio = ratio;
      }
    }
    if (worst >= 0) {
      throw new AssertionError(
          place(name, worst, actual.length, shape)
              + " is off by "
              + worstRatio
              + " times the bound: actual="
              + actual[worst]
              + ", expected="
              + expected[worst]
              + ", tolerance="
              + tolerance[worst]
              + "; "
              + shape);
    }
  }

  /** Both results are the same bits; all NaNs count as one. */
  public static void assertSameBits(
      String claim, AttentionResult actual, AttentionResult expected, AttentionCase shape) {
    assertSameBits(claim, "output", actual.output(), expected.output(), shape);
    assertSameBits(claim, "lse", actual.lse(), expected.lse(), shape);
  }

  private static void assertSameBits(
      String claim, String name, float[] actual, float[] expected, AttentionCase shape) {
    int worst = -1;
    double worstDifference = -1;
    int numDifferent = 0;
    for (int i = 0; i < expected.length; i++) {
      if (Float.floatToIntBits(actual[i]) == Float.floatToIntBits(expected[i])) {
        continue;
      }
      numDifferent++;
      double difference = Math.abs((double) actual[i] - expected[i]);
      if (Double.isNaN(difference) || difference > worstDifference) {
        worst = i;
        worstDifference = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference;
      }
    }
    if (worst >= 0) {
      throw new AssertionError(
          claim
              + ": "
              + place(name, worst, actual.length, shape)
              + " differs, and "
              + (numDifferent - 1)
              + " more: actual="
              + actual[worst]
              + ", expected="
              + expected[worst]
              + "; "
              + shape);
    }
  }

  private static String place(String name, int index, int length, AttentionCase shape) {
    int rowWidth = length / shape.numTokens();
    int headWidth = rowWidth / shape.numQueryHeads();
    int token = index / rowWidth;
    int sequence = 0;
    int firstToken = 0;
    while (token >= firstToken + shape.sequences().get(sequence).queryLength()) {
      firstToken += shape.sequences().get(sequence).queryLength();
      sequence++;
    }
    return name
        + " of sequence="
        + sequence
        + ", row="
        + (token - firstToken)
        + ", queryHead="
        + index % rowWidth / headWidth
        + ", element="
        + index % headWidth;
  }
}
