package dev.pagoda.internal.kernel;

/**
 * The elementary functions of the {@link CanonicalOrder}, scalar form; the constants serve the
 * vector forms, which do the same operations lane by lane.
 *
 * <p>The JDK's {@code Math.exp} is a double function, and the Vector API's {@code EXP} may differ
 * between platforms; these give the same bits everywhere.
 */
public final class CanonicalMath {
  /** Base-2 logarithm of e. */
  public static final float LOG2_E = 1.442695f;

  /** Upper part of ln 2, short enough that its product with a small integer is exact. */
  public static final float LN2_HIGH = 0.69314575f;

  /** What {@link #LN2_HIGH} leaves out. */
  public static final float LN2_LOW = 0.0000014286068f;

  /** Adding and subtracting it rounds to the nearest integer: 1.5 * 2^23. */
  public static final float ROUNDER = 12582912f;

  /** Below it {@link #exp} is 0: results stay normal numbers. */
  public static final float EXP_MIN = -87f;

  /** Above it {@link #exp} is held; only {@link #tanh} comes near. */
  public static final float EXP_MAX = 88f;

  // exp(r) = 1 + r + r^2 * P(r) on [-ln2/2, ln2/2]; P by Cephes' expf (Moshier, 1989).
  /** Coefficient of r^7. */
  public static final float EXP_C5 = 0.00019875691f;

  /** Coefficient of r^6. */
  public static final float EXP_C4 = 0.0013981999f;

  /** Coefficient of r^5. */
  public static final float EXP_C3 = 0.008333452f;

  /** Coefficient of r^4. */
  public static final float EXP_C2 = 0.041665796f;

  /** Coefficient of r^3. */
  public static final float EXP_C1 = 0.16666666f;

  /** Coefficient of r^2. */
  public static final float EXP_C0 = 0.5f;

  /** Below it in magnitude, tanh(x) is x + x^3 * Q(x^2). */
  public static final float TANH_SMALL = 0.625f;

  // Q by Cephes' tanhf (Moshier, 1989).
  /** Coefficient of x^11. */
  public static final float TANH_C4 = -0.0057049887f;

  /** Coefficient of x^9. */
  public static final float TANH_C3 = 0.020639088f;

  /** Coefficient of x^7. */
  public static final float TANH_C2 = -0.053739715f;

  /** Coefficient of x^5. */
  public static final float TANH_C1 = 0.13331442f;

  /** Coefficient of x^3. */
  public static final float TANH_C0 = -0.3333328f;

  private CanonicalMath() {}

  /**
   * Exponential within 2 units in the last place on {@code [EXP_MIN, EXP_MAX]}; 0 below, also at
   * minus infinity; held above; NaN for NaN.
   */
  public static float exp(float x) {
    if (x < EXP_MIN) {
      return 0f;
    }
    float held = Math.min(x, EXP_MAX);
    float n = Math.fma(held, LOG2_E, ROUNDER) - ROUNDER;
    float r = Math.fma(n, -LN2_LOW, Math.fma(n, -LN2_HIGH, held));
    float p = EXP_C5;
    p = Math.fma(p, r, EXP_C4);
    p = Math.fma(p, r, EXP_C3);
    p = Math.fma(p, r, EXP_C2);
    p = Math.fma(p, r, EXP_C1);
    p = Math.fma(p, r, EXP_C0);
    float y = Math.fma(p, r * r, r) + 1f;
    return y * Float.intBitsToFloat(((int) n + 127) << 23);
  }

  /** Hyperbolic tangent within 3 units in the last place. */
  public static float tanh(float x) {
    float magnitude = Math.abs(x);
    if (magnitude < TANH_SMALL) {
      float z = x * x;
      float q = TANH_C4;
      q = Math.fma(q, z, TANH_C3);
      q = Math.fma(q, z, TANH_C2);
      q = Math.fma(q, z, TANH_C1);
      q = Math.fma(q, z, TANH_C0);
      return Math.fma(q * z, x, x);
    }
    float t = 1f - 2f / (exp(magnitude + magnitude) + 1f);
    return Math.copySign(t, x);
  }

  /**
   * Weight of a score, or of everything seen so far, relative to a maximum: {@code exp(score -
   * max)}. A score of minus infinity weighs 0 also where nothing larger is known.
   */
  public static float weight(float score, float max) {
    return score == Float.NEGATIVE_INFINITY ? 0f : exp(score - max);
  }

  /**
   * What a row's accumulators are multiplied with at the end: {@code 1 / sum}, 0 for a sum of 0.
   */
  public static float reciprocal(float sum) {
    return sum == 0f ? 0f : 1f / sum;
  }

  /** LSE of a row: {@code max + log(sum)}, minus infinity for a sum of 0. */
  public static float lse(float max, float sum) {
    return sum == 0f ? Float.NEGATIVE_INFINITY : (float) (max + StrictMath.log(sum));
  }

  /**
   * Sums {@link CanonicalOrder#SUM_LANES} numbers in pairs: lanes 8 apart, then 4, 2 and 1. The
   * lanes stay as they are.
   *
   * @param first index of the first of them
   */
  public static float sumLanes(float[] lanes, int first) {
    // Written out: the compiler makes of so short a loop something slower than it.
    float a0 = lanes[first] + lanes[first + 8];
    float a1 = lanes[first + 1] + lanes[first + 9];
    float a2 = lanes[first + 2] + lanes[first + 10];
    float a3 = lanes[first + 3] + lanes[first + 11];
    float a4 = lanes[first + 4] + lanes[first + 12];
    float a5 = lanes[first + 5] + lanes[first + 13];
    float a6 = lanes[first + 6] + lanes[first + 14];
    float a7 = lanes[first + 7] + lanes[first + 15];
    return ((a0 + a4) + (a2 + a6)) + ((a1 + a5) + (a3 + a7));
  }
}
