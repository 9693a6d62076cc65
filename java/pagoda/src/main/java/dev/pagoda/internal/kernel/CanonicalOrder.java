package dev.pagoda.internal.kernel;

/**
 * The one order of operations that every CPU kernel follows, so that a row's output and LSE are the
 * same bits whatever computed them: alone or in a batch, in one chunk or many, on any number of
 * threads, at any vector width, scalar or not.
 *
 * <p>All arithmetic is FP32 with round to nearest, and every multiply-add is fused. For one query
 * row q at position p over one KV head, visible positions {@code [first, end)}:
 *
 * <ol>
 *   <li>Positions are cut into spans of {@link #SPAN_TOKENS} and those into tiles of {@link
 *       #TILE_TOKENS}, both at multiples of their size counted from position 0, never from the
 *       first visible one. A row takes part in a tile when it sees at least one of its positions.
 *   <li>Score: {@code s = fma(q[d], k[j][d], s)} from 0, d ascending; then {@code s *=
 *       softmaxScale}; then, with a soft cap, {@code s = cap * tanh(s * (1 / cap))} as in {@link
 *       CanonicalMath#tanh}; then, with ALiBi, {@code s = fma(slope, (float) (j - p), s)}.
 *       Positions that are not visible score minus infinity whatever they hold.
 *   <li>Maximum: t is the largest of the span's maximum m (minus infinity at first) and the tile's
 *       visible scores; a NaN is never larger. If {@code t > m + }{@link #MAX_SLACK}, then {@code
 *       m' = t}, and the span's sums and accumulators are multiplied by {@code weight(m, m')}; else
 *       {@code m' = m}, and they stay as they are. So they are multiplied once or twice in most
 *       spans, where every new maximum would do it a few times for nothing.
 *   <li>Weights: {@code w[j] = weight(s[j], m')}, {@link CanonicalMath#weight}, which is {@code
 *       exp(s[j] - m')} and 0 for minus infinity, even where m' is that too. Sums: {@link
 *       #SUM_LANES} partial sums, position j goes to lane {@code j % SUM_LANES}, ascending.
 *   <li>Values: {@code acc[e] = fma(w[j], v[j][e], acc[e])}, j ascending over visible positions
 *       only: a weight of 0 is never multiplied with what a row does not see.
 *   <li>End of a span: its sum is {@link CanonicalMath#sumLanes}. Spans merge in ascending order:
 *       the first is taken as it is; later, with {@code M = max(mA, mB)}, {@code a = weight(mA,
 *       M)}, {@code b = weight(mB, M)}: {@code acc = fma(accB, b, accA * a)}, {@code sum =
 *       fma(sumB, b, sumA * a)}. Each span could so be computed by another thread.
 *   <li>Sink: merged last, like a span with maximum sink, sum 1 and no values: {@code acc = accA *
 *       a}, {@code sum = sumA * a + b}.
 *   <li>Output: {@code acc * reciprocal(sum)}; LSE: {@code lse(m, sum)}, both of {@link
 *       CanonicalMath}. A row that sees nothing and has no sink has sum 0: zeros and minus
 *       infinity.
 * </ol>
 */
public final class CanonicalOrder {
  /** Positions of a tile, the unit of a softmax update. */
  public static final int TILE_TOKENS = 64;

  /** Positions of a span, the unit that could go to another thread. */
  public static final int SPAN_TOKENS = 1024;

  /**
   * How far scores may exceed the span's maximum before it is raised, so that weights stay below
   * {@code exp(8)}. The rule of FlashAttention-4.
   */
  public static final float MAX_SLACK = 8f;

  /** Partial sums of the weights. */
  public static final int SUM_LANES = 16;

  private CanonicalOrder() {}
}
