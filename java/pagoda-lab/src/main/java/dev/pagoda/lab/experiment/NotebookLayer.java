package dev.pagoda.lab.experiment;

import dev.pagoda.lab.attention.AttentionLayer;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.LayerShape;

/** The PagedAttention notebook's layer: hidden size 512, 8 heads of 64, FP32. */
final class NotebookLayer {
  static final int NUM_HEADS = 8;
  static final int HEAD_DIM = 64;
  static final LayerShape SHAPE = LayerShape.of(NUM_HEADS, HEAD_DIM, DType.FP32);
  static final AttentionSpec ATTENTION =
      AttentionSpec.causal(NUM_HEADS, (float) (1 / Math.sqrt(HEAD_DIM)));

  /** Bytes of one token's key and value. */
  static final long TOKEN_BYTES = 2L * NUM_HEADS * HEAD_DIM * Float.BYTES;

  private NotebookLayer() {}

  static AttentionLayer layer(long seed) {
    return new AttentionLayer(AttentionLayer.NOTEBOOK_HIDDEN_SIZE, NUM_HEADS, SHAPE, seed);
  }
}
