package dev.pagoda.lab.attention;

import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.LayerShape;
import java.util.Arrays;

/**
 * Attention as textbooks write it, in FP32: all scores of a query, their softmax in two passes, the
 * weighted sum of the values. Plain loops over contiguous rows; shares nothing with the library's
 * kernels, which is what makes it a check of them.
 *
 * <p>MHA, GQA and MQA, any mask and scale. For one thread at a time; allocates only when a context
 * is longer than all before it.
 */
public final class VanillaAttention {
  private final AttentionSpec spec;
  private final int keyDim;
  private final int valueDim;
  private final int groupSize;
  private final int numKvHeads;
  private float[] scores = {};

  /**
   * Attention of one kind over one shape.
   *
   * @param spec what to compute; no soft cap, ALiBi or sinks
   * @param shape heads and head dims
   * @throws IllegalArgumentException if the heads do not divide, or the spec asks for more than
   *     textbooks have
   */
  public VanillaAttention(AttentionSpec spec, LayerShape shape) {
    if (spec.logitSoftCap() > 0 || spec.hasAlibiSlopes() || spec.hasSinks()) {
      throw new IllegalArgumentException(
          "vanilla attention has no soft cap, ALiBi or sinks: spec=" + spec);
    }
    this.spec = spec;
    keyDim = shape.keyHeadDim();
    valueDim = shape.valueHeadDim();
    numKvHeads = shape.numKvHeads();
    groupSize = spec.groupSize(shape);
  }

  /**
   * Computes the output of the last tokens of a sequence.
   *
   * @param kv all tokens of the sequence
   * @param rows its last tokens
   */
  public void attend(ContiguousKv kv, QueryRows rows) {
    if (scores.length < kv.contextLength()) {
      scores = new float[kv.contextLength()];
    }
    for (int row = 0; row < rows.queryLength(); row++) {
      int position = kv.contextLength() - rows.queryLength() + row;
      for (int queryHead = 0; queryHead < spec.numQueryHeads(); queryHead++) {
        attend(kv, rows, row, position, queryHead);
      }
    }
  }

  private void attend(ContiguousKv kv, QueryRows rows, int row, int position, int queryHead) {
    int first = spec.mask().firstVisible(position);
    int end = spec.mask().endVisible(position, kv.contextLength());
    int headRow = (rows.firstRow() + row) * spec.numQueryHeads() + queryHead;
    int kvHead = queryHead / groupSize;
    int query = headRow * keyDim;
    int output = headRow * valueDim;
    Arrays.fill(rows.output(), output, output + valueDim, 0f);

    float max = Float.NEGATIVE_INFINITY;
    for (int j = first; j < end; j++) {
      int key = ((kv.firstToken() + j) * numKvHeads + kvHead) * keyDim;
      float dot = 0f;
      for (int d = 0; d < keyDim; d++) {
        dot += rows.queries()[query + d] * kv.keys()[key + d];
      }
      scores[j] = dot * spec.softmaxScale();
      max = Math.max(max, scores[j]);
    }
    float sum = 0f;
    for (int j = first; j < end; j++) {
      scores[j] = (float) Math.exp(scores[j] - max);
      sum += scores[j];
    }
    for (int j = first; j < end; j++) {
      float weight = scores[j] / sum;
      int value = ((kv.firstToken() + j) * numKvHeads + kvHead) * valueDim;
      for (int e = 0; e < valueDim; e++) {
        rows.output()[output + e] += weight * kv.values()[value + e];
      }
    }
  }
}
