package dev.pagoda.layout;

import java.util.Objects;

/**
 * Where each element of a block lies. The only class that computes offsets into a pool.
 *
 * <p>Words: a <b>tile</b> holds the keys, or the values, of one (block, layer, KV head).
 *
 * <pre>
 *   pool    block 0 | block 1 | block 2 | ...                       blockId * blockBytes
 *   block   layer 0 keys | layer 0 values | layer 1 keys | ...      every layer in one piece
 *   keys    KV head 0 | KV head 1 | ...                             one tile per KV head
 *   tile    keys    [keyHeadDim, blockSize] or [blockSize, keyHeadDim], see {@link KeyOrder}
 *           values  [blockSize, valueHeadDim]
 * </pre>
 *
 * <p>A block is one contiguous piece over all layers, so that a copy-on-write, a swap or a save is
 * one copy per block. Each tile starts on a {@value #TILE_ALIGNMENT_BYTES}-byte line; for the usual
 * shapes (16 tokens, a head dim that is a multiple of 16) that pads nothing.
 *
 * <p>Footprint of a block: sum over the layers of {@code numKvHeads * (roundUp64(blockSize *
 * keyHeadDim * keyBytes) + roundUp64(blockSize * valueHeadDim * valueBytes))} bytes. Offsets are
 * 64-bit from the first multiplication on. Immutable, safe for any thread.
 */
public final class KvLayout {
  /** Alignment of a tile inside a pool that is itself so aligned. */
  public static final int TILE_ALIGNMENT_BYTES = 64;

  /** Largest block. */
  public static final long BLOCK_BYTES_MAX = 1L << 40;

  private final KvShape shape;
  private final KeyOrder keyOrder;
  private final long[] keyBaseBytes;
  private final long[] valueBaseBytes;
  private final long[] keyTileBytes;
  private final long[] valueTileBytes;
  private final long blockBytes;

  /**
   * Lays out a shape.
   *
   * @param shape what a block holds
   * @param keyOrder how a key tile lies
   * @throws IllegalArgumentException if one block would exceed 2^40 bytes
   */
  public KvLayout(KvShape shape, KeyOrder keyOrder) {
    this.shape = Objects.requireNonNull(shape, "shape");
    this.keyOrder = Objects.requireNonNull(keyOrder, "keyOrder");
    int numLayers = shape.numLayers();
    keyBaseBytes = new long[numLayers];
    valueBaseBytes = new long[numLayers];
    keyTileBytes = new long[numLayers];
    valueTileBytes = new long[numLayers];
    long offsetBytes = 0;
    for (int i = 0; i < numLayers; i++) {
      LayerShape layer = shape.layer(i);
      keyTileBytes[i] = tileBytes(layer.keyHeadDim(), layer.keyDType());
      valueTileBytes[i] = tileBytes(layer.valueHeadDim(), layer.valueDType());
      keyBaseBytes[i] = offsetBytes;
      valueBaseBytes[i] = keyBaseBytes[i] + layer.numKvHeads() * keyTileBytes[i];
      offsetBytes = valueBaseBytes[i] + layer.numKvHeads() * valueTileBytes[i];
      if (offsetBytes > BLOCK_BYTES_MAX) {
        throw new IllegalArgumentException(
            "a block of this shape exceeds 2^40 bytes: layer="
                + i
                + ", blockBytes>"
                + BLOCK_BYTES_MAX);
      }
    }
    blockBytes = offsetBytes;
  }

  private long tileBytes(int headDim, DType dtype) {
    long payloadBytes = (long) shape.blockSize() * headDim * dtype.byteSize();
    return Math.ceilDiv(payloadBytes, TILE_ALIGNMENT_BYTES) * TILE_ALIGNMENT_BYTES;
  }

  /**
   * The shape that is laid out.
   *
   * @return the shape
   */
  public KvShape shape() {
    return shape;
  }

  /**
   * How a key tile lies.
   *
   * @return the order
   */
  public KeyOrder keyOrder() {
    return keyOrder;
  }

  /**
   * Size of one block, all layers, keys and values.
   *
   * @return bytes, a multiple of {@value #TILE_ALIGNMENT_BYTES}
   */
  public long blockBytes() {
    return blockBytes;
  }

  /**
   * Size of a pool.
   *
   * @param numBlocks blocks, at least 0
   * @return bytes
   * @throws ArithmeticException if that exceeds 2^63 - 1
   */
  public long poolBytes(long numBlocks) {
    return Math.multiplyExact(numBlocks, blockBytes);
  }

  /**
   * Where a block starts.
   *
   * @param blockId the block's number in the pool; not checked
   * @return byte offset from the pool's start
   */
  public long blockOffset(int blockId) {
    return blockId * blockBytes;
  }

  /**
   * Where the keys of one (block, layer, KV head) start.
   *
   * @param blockId the block's number in the pool; not checked
   * @param layer layer index
   * @param kvHead KV head index
   * @return byte offset from the pool's start
   */
  public long keyTileOffset(int blockId, int layer, int kvHead) {
    return blockId * blockBytes + keyBaseBytes[layer] + kvHead * keyTileBytes[layer];
  }

  /**
   * Where the values of one (block, layer, KV head) start.
   *
   * @param blockId the block's number in the pool; not checked
   * @param layer layer index
   * @param kvHead KV head index
   * @return byte offset from the pool's start
   */
  public long valueTileOffset(int blockId, int layer, int kvHead) {
    return blockId * blockBytes + valueBaseBytes[layer] + kvHead * valueTileBytes[layer];
  }

  /**
   * Distance between the same key element of neighbouring tokens in a tile.
   *
   * @param layer layer index
   * @return bytes
   */
  public long keyTokenStrideBytes(int layer) {
    LayerShape l = shape.layers().get(layer);
    int elements = keyOrder == KeyOrder.DIM_MAJOR ? 1 : l.keyHeadDim();
    return (long) elements * l.keyDType().byteSize();
  }

  /**
   * Distance between neighbouring elements of one key.
   *
   * @param layer layer index
   * @return bytes
   */
  public long keyDimStrideBytes(int layer) {
    LayerShape l = shape.layers().get(layer);
    int elements = keyOrder == KeyOrder.DIM_MAJOR ? shape.blockSize() : 1;
    return (long) elements * l.keyDType().byteSize();
  }

  /**
   * Distance between the values of neighbouring tokens in a tile. A value's own elements are
   * neighbours.
   *
   * @param layer layer index
   * @return bytes
   */
  public long valueTokenStrideBytes(int layer) {
    LayerShape l = shape.layers().get(layer);
    return (long) l.valueHeadDim() * l.valueDType().byteSize();
  }

  @Override
  public String toString() {
    return "KvLayout[numLayers="
        + shape.numLayers()
        + ", blockSize="
        + shape.blockSize()
        + ", keyOrder="
        + keyOrder
        + ", blockBytes="
        + blockBytes
        + "]";
  }
}
