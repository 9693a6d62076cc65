package dev.pagoda.layout;

import java.util.Objects;

/**
 * What one layer keeps per token: KV heads, and the size and type of a key and of a value.
 *
 * @param numKvHeads KV heads, at least 1
 * @param keyHeadDim elements per key, 1 to {@value #HEAD_DIM_MAX}
 * @param valueHeadDim elements per value, 1 to {@value #HEAD_DIM_MAX}
 * @param keyDType element type of keys in the cache
 * @param valueDType element type of values in the cache
 */
public record LayerShape(
    int numKvHeads, int keyHeadDim, int valueHeadDim, DType keyDType, DType valueDType) {
  /** Largest head dim of a key or a value. */
  public static final int HEAD_DIM_MAX = 256;

  /** Largest number of KV heads in a layer. */
  public static final int KV_HEADS_MAX = 1 << 16;

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of its range
   */
  public LayerShape {
    requireRange("numKvHeads", numKvHeads, KV_HEADS_MAX);
    requireRange("keyHeadDim", keyHeadDim, HEAD_DIM_MAX);
    requireRange("valueHeadDim", valueHeadDim, HEAD_DIM_MAX);
    Objects.requireNonNull(keyDType, "keyDType");
    Objects.requireNonNull(valueDType, "valueDType");
  }

  /**
   * A layer whose keys and values have the same size and type.
   *
   * @param numKvHeads KV heads, at least 1
   * @param headDim elements per key and per value, 1 to {@value #HEAD_DIM_MAX}
   * @param dtype element type of keys and values in the cache
   * @return the layer's shape
   */
  public static LayerShape of(int numKvHeads, int headDim, DType dtype) {
    return new LayerShape(numKvHeads, headDim, headDim, dtype, dtype);
  }

  private static void requireRange(String name, int value, int max) {
    if (value < 1 || value > max) {
      throw new IllegalArgumentException(
          name + " must be between 1 and " + max + ": " + name + "=" + value);
    }
  }
}
