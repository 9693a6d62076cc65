package dev.pagoda.layout;

/**
 * Element type of keys, values, queries or outputs in memory. Arithmetic is always done in FP32.
 *
 * <p>All types are little-endian in memory.
 */
public enum DType {
  /** IEEE 754 binary32. */
  FP32(4),
  /** IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. */
  FP16(2),
  /** bfloat16, the upper half of a binary32: 1 sign, 8 exponent, 7 fraction bits. */
  BF16(2);

  private final int byteSize;

  DType(int byteSize) {
    this.byteSize = byteSize;
  }

  /**
   * Size of one element.
   *
   * @return bytes per element
   */
  public int byteSize() {
    return byteSize;
  }
}
