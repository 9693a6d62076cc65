package dev.pagoda.internal.kernel;

/** The system properties that choose among kernels; read nowhere else. */
public final class KernelSettings {
  /** Bits of the vectors that the vector backend uses: 128, 256 or 512; unset for the widest. */
  public static final String VECTOR_BITS = "dev.pagoda.vectorBits";

  private KernelSettings() {}

  /**
   * Bits of a vector that were asked for.
   *
   * @param widestBits what to use if nothing was asked for
   * @throws IllegalArgumentException if that is not 128, 256 or 512, or more than the machine has
   */
  public static int vectorBits(int widestBits) {
    return vectorBits(System.getProperty(VECTOR_BITS, ""), widestBits);
  }

  static int vectorBits(String asked, int widestBits) {
    if (asked.isEmpty()) {
      return Math.min(widestBits, 512);
    }
    int bits =
        switch (asked) {
          case "128" -> 128;
          case "256" -> 256;
          case "512" -> 512;
          default ->
              throw new IllegalArgumentException(
                  "vectors are 128, 256 or 512 bits wide: " + VECTOR_BITS + "=" + asked);
        };
    if (bits > widestBits) {
      throw new IllegalArgumentException(
          "vectors so wide are not offered here: widestBits="
              + widestBits
              + ", "
              + VECTOR_BITS
              + "="
              + asked);
    }
    return bits;
  }
}
