package dev.pagoda.layout;

/**
 * Conversion between binary32 and bfloat16, which the JDK does not offer.
 *
 * <p>Widening is exact. Narrowing rounds to nearest, ties to even, overflows to infinity, and keeps
 * a NaN a NaN.
 */
public final class BFloat16 {
  private BFloat16() {}

  /**
   * Widens a bfloat16; exact.
   *
   * @param bits the bfloat16's 16 bits
   * @return the same value as a {@code float}
   */
  public static float toFloat(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /**
   * Narrows to the nearest bfloat16, ties to even.
   *
   * @param value the value to round
   * @return the bfloat16's 16 bits
   */
  public static short fromFloat(float value) {
    int bits = Float.floatToRawIntBits(value);
    if ((bits & 0x7fff_ffff) > 0x7f80_0000) {
      // Rounding could carry a NaN's fraction into infinity; set the quiet bit instead.
      return (short) ((bits >>> 16) | 0x40);
    }
    int roundingBias = 0x7fff + ((bits >>> 16) & 1);
    return (short) ((bits + roundingBias) >>> 16);
  }
}
