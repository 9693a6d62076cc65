package dev.pagoda.internal.cuda;

import dev.pagoda.internal.cuda.abi.pagoda_h;
import dev.pagoda.internal.cuda.abi.pagoda_kv_layer;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.LayerShape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Where each layer lies in the blocks of a pool, as the C ABI says it; made once per pool. */
final class LayerParams {
  private static final long LAYER_BYTES = pagoda_kv_layer.sizeof();

  private final MemorySegment[] layers;

  LayerParams(KvLayout layout, long pool, int numBlocks, Arena arena) {
    layers = new MemorySegment[layout.shape().numLayers()];
    for (int i = 0; i < layers.length; i++) {
      layers[i] = describe(layout, i, arena);
      pagoda_kv_layer.pool(layers[i], pool);
      pagoda_kv_layer.num_blocks(layers[i], numBlocks);
    }
  }

  /**
   * Refuses, by name, what the kernels do not take.
   *
   * @throws IllegalArgumentException naming the order of keys
   */
  static void requireSupported(KvLayout layout) {
    if (layout.keyOrder() != KeyOrder.TOKEN_MAJOR) {
      throw new IllegalArgumentException(
          "the cuda backend reads keys token by token: keyOrder=" + layout.keyOrder());
    }
  }

  private static MemorySegment describe(KvLayout layout, int layerIndex, Arena arena) {
    LayerShape layer = layout.shape().layer(layerIndex);
    MemorySegment params = pagoda_kv_layer.allocate(arena);
    long keyBase = layout.keyTileOffset(0, layerIndex, 0);
    long valueBase = layout.valueTileOffset(0, layerIndex, 0);
    pagoda_kv_layer.block_bytes(params, layout.blockBytes());
    pagoda_kv_layer.key_base_bytes(params, keyBase);
    pagoda_kv_layer.value_base_bytes(params, valueBase);
    pagoda_kv_layer.key_tile_bytes(params, layout.keyTileOffset(0, layerIndex, 1) - keyBase);
    pagoda_kv_layer.value_tile_bytes(params, layout.valueTileOffset(0, layerIndex, 1) - valueBase);
    pagoda_kv_layer.num_kv_heads(params, layer.numKvHeads());
    pagoda_kv_layer.block_size(params, layout.shape().blockSize());
    pagoda_kv_layer.key_head_dim(params, layer.keyHeadDim());
    pagoda_kv_layer.value_head_dim(params, layer.valueHeadDim());
    pagoda_kv_layer.key_dtype(params, code(layer.keyDType()));
    pagoda_kv_layer.value_dtype(params, code(layer.valueDType()));
    return params;
  }

  /** A dtype as the C ABI numbers it. */
  static int code(DType dtype) {
    return switch (dtype) {
      case FP32 -> pagoda_h.PAGODA_DTYPE_FP32();
      case FP16 -> pagoda_h.PAGODA_DTYPE_FP16();
      case BF16 -> pagoda_h.PAGODA_DTYPE_BF16();
    };
  }

  /** Writes a layer's description to the beginning of a params struct. */
  void put(int layer, MemorySegment params) {
    MemorySegment.copy(layers[layer], 0, params, 0, LAYER_BYTES);
  }

  /** The same for some of its KV heads, which then are all there are. */
  void putHeads(int layer, int firstKvHead, int endKvHead, MemorySegment params) {
    put(layer, params);
    MemorySegment whole = layers[layer];
    pagoda_kv_layer.key_base_bytes(
        params,
        pagoda_kv_layer.key_base_bytes(whole)
            + firstKvHead * pagoda_kv_layer.key_tile_bytes(whole));
    pagoda_kv_layer.value_base_bytes(
        params,
        pagoda_kv_layer.value_base_bytes(whole)
            + firstKvHead * pagoda_kv_layer.value_tile_bytes(whole));
    pagoda_kv_layer.num_kv_heads(params, endKvHead - firstKvHead);
  }
}
