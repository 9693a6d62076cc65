package dev.pagoda.layout;

import java.util.Collections;
import java.util.List;

/**
 * What a cache holds: the shape of each layer, and how many tokens a block has.
 *
 * <p>Layers may differ, for instance in KV heads or head dim. A layer that reads the keys and
 * values of another one needs no entry of its own: attend over the other layer's index.
 *
 * @param layers one shape per layer, at least one
 * @param blockSize tokens per block, 1 to {@value #BLOCK_SIZE_MAX}
 */
public record KvShape(List<LayerShape> layers, int blockSize) {
  /** Largest number of tokens in a block. */
  public static final int BLOCK_SIZE_MAX = 256;

  /** Block size of {@link #uniform}. */
  public static final int BLOCK_SIZE_DEFAULT = 16;

  /**
   * Checks the numbers and copies the list.
   *
   * @throws IllegalArgumentException if there is no layer or the block size is out of its range
   */
  public KvShape {
    layers = List.copyOf(layers);
    if (layers.isEmpty()) {
      throw new IllegalArgumentException("a cache needs at least one layer: numLayers=0");
    }
    if (blockSize < 1 || blockSize > BLOCK_SIZE_MAX) {
      throw new IllegalArgumentException(
          "blockSize must be between 1 and " + BLOCK_SIZE_MAX + ": blockSize=" + blockSize);
    }
  }

  /**
   * The usual case: equal layers, keys and values alike, blocks of {@value #BLOCK_SIZE_DEFAULT}
   * tokens.
   *
   * @param numLayers layers, at least 1
   * @param numKvHeads KV heads per layer, at least 1
   * @param headDim elements per key and per value, 1 to {@value LayerShape#HEAD_DIM_MAX}
   * @param dtype element type in the cache
   * @return the shape
   */
  public static KvShape uniform(int numLayers, int numKvHeads, int headDim, DType dtype) {
    if (numLayers < 1) {
      throw new IllegalArgumentException(
          "a cache needs at least one layer: numLayers=" + numLayers);
    }
    LayerShape layer = LayerShape.of(numKvHeads, headDim, dtype);
    return new KvShape(Collections.nCopies(numLayers, layer), BLOCK_SIZE_DEFAULT);
  }

  /**
   * The same layers with another block size.
   *
   * @param newBlockSize tokens per block, 1 to {@value #BLOCK_SIZE_MAX}
   * @return a shape that differs in the block size alone
   */
  public KvShape withBlockSize(int newBlockSize) {
    return new KvShape(layers, newBlockSize);
  }

  /**
   * Number of layers.
   *
   * @return layers, at least 1
   */
  public int numLayers() {
    return layers.size();
  }

  /**
   * One layer's shape.
   *
   * @param layer index, {@code [0, numLayers)}
   * @return the shape
   * @throws IllegalArgumentException if there is no such layer
   */
  public LayerShape layer(int layer) {
    if (layer < 0 || layer >= layers.size()) {
      throw new IllegalArgumentException(
          "no such layer: numLayers=" + layers.size() + ", layer=" + layer);
    }
    return layers.get(layer);
  }

  /**
   * Blocks that hold a number of tokens.
   *
   * @param numTokens tokens, at least 0
   * @return {@code ceil(numTokens / blockSize)}
   */
  public int blocksFor(int numTokens) {
    if (numTokens < 0) {
      throw new IllegalArgumentException("numTokens must not be negative: numTokens=" + numTokens);
    }
    return Math.ceilDiv(numTokens, blockSize);
  }
}
