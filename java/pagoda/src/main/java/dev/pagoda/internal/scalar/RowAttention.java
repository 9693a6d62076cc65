package dev.pagoda.internal.scalar;

import dev.pagoda.internal.kernel.CanonicalMath;
import dev.pagoda.internal.kernel.CanonicalOrder;
import dev.pagoda.layout.AttentionSpec;
import java.util.Arrays;

/**
 * Attention of one query row over one KV head, step by step as {@link CanonicalOrder} says.
 *
 * <p>Holds a row's working memory, so that computing a row allocates nothing. For one thread.
 */
final class RowAttention {
  /** The query, in FP32; written by the caller before {@link #compute}. */
  final float[] query;

  /** The result: maximum, sum and values of all visible positions. */
  final SoftmaxState total;

  private final SoftmaxState span;
  private final float[] scores = new float[CanonicalOrder.TILE_TOKENS];
  private final float[] partialSums = new float[CanonicalOrder.SUM_LANES];

  RowAttention(int keyDimMax, int valueDimMax) {
    query = new float[keyDimMax];
    total = new SoftmaxState(valueDimMax);
    span = new SoftmaxState(valueDimMax);
  }

  /**
   * Computes {@link #total} over positions {@code [first, end)}, sink included.
   *
   * @param queryHead index of the query's head, for its slope and sink
   * @param queryPosition the query's position in its sequence
   */
  void compute(
      AttentionSpec spec, KvHeadView head, int queryHead, int queryPosition, int first, int end) {
    total.clear();
    boolean isFirstSpan = true;
    int position = first;
    while (position < end) {
      int spanEnd = Math.min(end, nextMultiple(position, CanonicalOrder.SPAN_TOKENS));
      computeSpan(spec, head, queryHead, queryPosition, position, spanEnd);
      if (isFirstSpan) {
        total.copyFrom(span);
      } else {
        total.merge(span);
      }
      isFirstSpan = false;
      position = spanEnd;
    }
    if (spec.hasSinks()) {
      total.mergeSink(spec.sink(queryHead));
    }
  }

  private void computeSpan(
      AttentionSpec spec, KvHeadView head, int queryHead, int queryPosition, int first, int end) {
    span.clear();
    Arrays.fill(partialSums, 0f);
    int position = first;
    while (position < end) {
      int tileEnd = Math.min(end, nextMultiple(position, CanonicalOrder.TILE_TOKENS));
      computeScores(spec, head, queryHead, queryPosition, position, tileEnd);
      raiseMax(tileEnd - position);
      for (int j = position; j < tileEnd; j++) {
        float weight = CanonicalMath.weight(scores[j - position], span.max);
        partialSums[j % CanonicalOrder.SUM_LANES] += weight;
        head.accumulateValue(weight, j, span.accumulators);
      }
      position = tileEnd;
    }
    span.sum = CanonicalMath.sumLanes(partialSums, 0);
  }

  private void computeScores(
      AttentionSpec spec, KvHeadView head, int queryHead, int queryPosition, int first, int end) {
    float cap = spec.logitSoftCap();
    for (int j = first; j < end; j++) {
      float score = head.dotKey(query, j) * spec.softmaxScale();
      if (cap > 0f) {
        score = cap * CanonicalMath.tanh(score * (1f / cap));
      }
      if (spec.hasAlibiSlopes()) {
        score = Math.fma(spec.alibiSlope(queryHead), (float) (j - queryPosition), score);
      }
      scores[j - first] = score;
    }
  }

  /** Makes the largest of the tile's scores the span's maximum, if it is larger by enough. */
  private void raiseMax(int numScores) {
    float newMax = span.max;
    for (int i = 0; i < numScores; i++) {
      newMax = scores[i] > newMax ? scores[i] : newMax;
    }
    if (newMax > span.max + CanonicalOrder.MAX_SLACK) {
      float factor = CanonicalMath.weight(span.max, newMax);
      span.rescale(factor);
      for (int lane = 0; lane < partialSums.length; lane++) {
        partialSums[lane] *= factor;
      }
      span.max = newMax;
    }
  }

  private static int nextMultiple(int position, int size) {
    return (position / size + 1) * size;
  }
}
