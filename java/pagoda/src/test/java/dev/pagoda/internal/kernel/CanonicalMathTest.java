package dev.pagoda.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.testing.Seeds;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

class CanonicalMathTest {
  private static final long SEED = 20_260_101;

  private interface FloatFunction {
    float apply(float x);
  }

  private interface DoubleFunction {
    double apply(double x);
  }

  @Test
  void expIsWithinTwoUnitsInTheLastPlace() {
    assertThat(worstUlps(CanonicalMath::exp, StrictMath::exp, -87f, 88f)).isLessThanOrEqualTo(2);
  }

  @Test
  void tanhIsWithinThreeUnitsInTheLastPlace() {
    assertThat(worstUlps(CanonicalMath::tanh, StrictMath::tanh, -12f, 12f)).isLessThanOrEqualTo(3);
    assertThat(worstUlps(CanonicalMath::tanh, StrictMath::tanh, -1e-3f, 1e-3f))
        .isLessThanOrEqualTo(3);
  }

  /**
   * Evenly spaced and random arguments; the largest error in units of the true value's last place.
   */
  private static double worstUlps(
      FloatFunction actual, DoubleFunction expected, float from, float to) {
    RandomGenerator random = Seeds.generator(SEED, "ulps");
    int count = 1_000_000;
    double worst = 0;
    for (int i = 0; i <= count; i++) {
      worst = Math.max(worst, ulps(actual, expected, from + (to - from) * i / count));
      worst = Math.max(worst, ulps(actual, expected, random.nextFloat(from, to)));
    }
    return worst;
  }

  private static double ulps(FloatFunction actual, DoubleFunction expected, float x) {
    double truth = expected.apply(x);
    return Math.abs(actual.apply(x) - truth) / Math.ulp((float) truth);
  }

  @Test
  void expEndsInZeroBelowAndIsHeldAbove() {
    assertThat(CanonicalMath.exp(Float.NEGATIVE_INFINITY)).isZero();
    assertThat(CanonicalMath.exp(-1e30f)).isZero();
    assertThat(CanonicalMath.exp(Math.nextDown(CanonicalMath.EXP_MIN))).isZero();
    assertThat(CanonicalMath.exp(CanonicalMath.EXP_MIN)).isGreaterThanOrEqualTo(Float.MIN_NORMAL);
    assertThat(CanonicalMath.exp(Float.POSITIVE_INFINITY))
        .isFinite()
        .isEqualTo(CanonicalMath.exp(CanonicalMath.EXP_MAX));
  }

  @Test
  void expIsExactAtZeroAndKeepsNan() {
    assertThat(CanonicalMath.exp(0f)).isEqualTo(1f);
    assertThat(CanonicalMath.exp(-0f)).isEqualTo(1f);
    assertThat(CanonicalMath.exp(Float.NaN)).isNaN();
  }

  @Test
  void tanhIsOddAndEndsInOne() {
    for (float x : new float[] {0f, 1e-30f, 0.3f, 0.625f, 0.7f, 5f, 44f, 1e30f}) {
      assertThat(CanonicalMath.tanh(-x)).isEqualTo(-CanonicalMath.tanh(x));
    }
    assertThat(CanonicalMath.tanh(30f)).isEqualTo(1f);
    assertThat(CanonicalMath.tanh(Float.POSITIVE_INFINITY)).isEqualTo(1f);
    assertThat(CanonicalMath.tanh(Float.NEGATIVE_INFINITY)).isEqualTo(-1f);
    assertThat(CanonicalMath.tanh(Float.NaN)).isNaN();
  }

  @Test
  void aScoreOfMinusInfinityWeighsNothingEvenIfItIsTheLargest() {
    assertThat(CanonicalMath.weight(Float.NEGATIVE_INFINITY, 3f)).isZero();
    assertThat(CanonicalMath.weight(Float.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY)).isZero();
    assertThat(CanonicalMath.weight(3f, 3f)).isEqualTo(1f);
    assertThat(CanonicalMath.weight(Float.NaN, 3f)).isNaN();
  }

  @Test
  void lanesAreSummedInPairs() {
    // Only in pairs do the large numbers meet before a small one is lost to them.
    float[] lanes = new float[CanonicalOrder.SUM_LANES];
    lanes[0] = 1e8f;
    lanes[8] = -1e8f;
    lanes[1] = 1f;
    lanes[7] = 0.5f;
    assertThat(CanonicalMath.sumLanes(lanes, 0)).isEqualTo(1.5f);
  }

  @Test
  void aRowWithoutAnyWeightIsZeroAndMinusInfinity() {
    assertThat(CanonicalMath.reciprocal(0f)).isZero();
    assertThat(CanonicalMath.lse(Float.NEGATIVE_INFINITY, 0f)).isEqualTo(Float.NEGATIVE_INFINITY);
    assertThat(CanonicalMath.reciprocal(4f)).isEqualTo(0.25f);
    assertThat(CanonicalMath.lse(2f, 1f)).isEqualTo(2f);
  }
}
