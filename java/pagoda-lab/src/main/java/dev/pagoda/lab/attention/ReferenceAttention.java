package dev.pagoda.lab.attention;

import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.LayerShape;

/**
 * Attention in float64, written down from its definition, with everything a spec can ask for. What
 * the float32 computations are measured against.
 */
public final class ReferenceAttention {
  private final AttentionSpec spec;
  private final LayerShape shape;
  private final int groupSize;

  /**
   * Attention of one kind over one shape.
   *
   * @param spec what to compute
   * @param shape heads and head dims; its dtypes do not matter
   * @throws IllegalArgumentException if the heads do not divide
   */
  public ReferenceAttention(AttentionSpec spec, LayerShape shape) {
    this.spec = spec;
    this.shape = shape;
    groupSize = spec.groupSize(shape);
  }

  /**
   * What attention gives.
   *
   * @param output {@code [queryLength, numQueryHeads, valueHeadDim]}; zeros where a query sees
   *     nothing
   * @param lse {@code [queryLength, numQueryHeads]}, natural log of the sum of exponentials; minus
   *     infinity where there is nothing to sum
   */
  @SuppressWarnings("ArrayRecordComponent") // numbers to read, which nobody compares as a whole
  public record Result(double[] output, double[] lse) {}

  /**
   * Computes the last tokens of a sequence.
   *
   * @param kv all tokens of the sequence
   * @param queries {@code [queryLength, numQueryHeads, keyHeadDim]}
   * @param queryLength number of last tokens; the last one stands at the context's end
   * @return output and LSE
   */
  public Result attend(ContiguousKv kv, float[] queries, int queryLength) {
    int numQueryHeads = spec.numQueryHeads();
    Result result =
        new Result(
            new double[queryLength * numQueryHeads * shape.valueHeadDim()],
            new double[queryLength * numQueryHeads]);
    for (int row = 0; row < queryLength; row++) {
      int position = kv.contextLength() - queryLength + row;
      for (int queryHead = 0; queryHead < numQueryHeads; queryHead++) {
        attend(kv, queries, row * numQueryHeads + queryHead, position, queryHead, result);
      }
    }
    return result;
  }

  private void attend(
      ContiguousKv kv, float[] queries, int headRow, int position, int queryHead, Result result) {
    int first = spec.mask().firstVisible(position);
    int end = spec.mask().endVisible(position, kv.contextLength());
    int valueDim = shape.valueHeadDim();
    double[] scores = new double[Math.max(0, end - first)];
    double max = spec.hasSinks() ? spec.sink(queryHead) : Double.NEGATIVE_INFINITY;
    for (int j = first; j < end; j++) {
      scores[j - first] = score(kv, queries, headRow, position, queryHead, j);
      max = Math.max(max, scores[j - first]);
    }
    if (max == Double.NEGATIVE_INFINITY) {
      result.lse[headRow] = max;
      return;
    }
    double sum = spec.hasSinks() ? Math.exp(spec.sink(queryHead) - max) : 0;
    for (int j = first; j < end; j++) {
      double weight = Math.exp(scores[j - first] - max);
      sum += weight;
      int value = tokenHead(kv, j, queryHead) * valueDim;
      for (int e = 0; e < valueDim; e++) {
        result.output[headRow * valueDim + e] += weight * kv.values()[value + e];
      }
    }
    for (int e = 0; e < valueDim; e++) {
      result.output[headRow * valueDim + e] /= sum;
    }
    result.lse[headRow] = max + Math.log(sum);
  }

  private double score(
      ContiguousKv kv, float[] queries, int headRow, int position, int queryHead, int keyPosition) {
    int keyDim = shape.keyHeadDim();
    int query = headRow * keyDim;
    int key = tokenHead(kv, keyPosition, queryHead) * keyDim;
    double score = 0;
    for (int d = 0; d < keyDim; d++) {
      score += (double) queries[query + d] * kv.keys()[key + d];
    }
    score *= spec.softmaxScale();
    if (spec.logitSoftCap() > 0) {
      score = spec.logitSoftCap() * Math.tanh(score / spec.logitSoftCap());
    }
    if (spec.hasAlibiSlopes()) {
      score += (double) spec.alibiSlope(queryHead) * (keyPosition - position);
    }
    return score;
  }

  private int tokenHead(ContiguousKv kv, int position, int queryHead) {
    return (kv.firstToken() + position) * shape.numKvHeads() + queryHead / groupSize;
  }
}
