package dev.pagoda.layout;

import java.util.Objects;

/**
 * What attention computes, apart from where its inputs lie.
 *
 * <p>For a query row q at position p, a KV head's keys k and values v, over the visible positions:
 *
 * <pre>
 *   score[j]  = softmaxScale * (q . k[j])
 *   score[j]  = cap * tanh(score[j] / cap)          if there is a soft cap
 *   score[j] += slope * (j - p)                     if there are ALiBi slopes
 *   lse       = log(sum over j of exp(score[j]) + exp(sink))     the sink only if there are sinks
 *   output    = sum over j of exp(score[j] - lse) * v[j]
 * </pre>
 *
 * <p>LSE is the natural logarithm. A row that sees nothing gives an output of zeros and an LSE of
 * minus infinity, or the sink. Query head h reads KV head {@code h / groupSize}. Immutable, safe
 * for any thread; the arrays given are copied.
 */
public final class AttentionSpec {
  /** Largest number of query heads; keeps the width of a row far within an int. */
  public static final int QUERY_HEADS_MAX = 1 << 20;

  private static final float[] NONE = {};

  private final int numQueryHeads;
  private final float softmaxScale;
  private final AttentionMask mask;
  private final float logitSoftCap;
  private final float[] alibiSlopes;
  private final float[] sinks;

  private AttentionSpec(
      int numQueryHeads,
      float softmaxScale,
      AttentionMask mask,
      float logitSoftCap,
      float[] alibiSlopes,
      float[] sinks) {
    this.numQueryHeads = numQueryHeads;
    this.softmaxScale = softmaxScale;
    this.mask = mask;
    this.logitSoftCap = logitSoftCap;
    this.alibiSlopes = alibiSlopes;
    this.sinks = sinks;
  }

  /**
   * Causal attention without any extra.
   *
   * @param numQueryHeads query heads, a multiple of the layer's KV heads, at most {@value
   *     #QUERY_HEADS_MAX}
   * @param softmaxScale factor on the products, usually {@code 1 / sqrt(headDim)}; finite
   * @return the spec
   * @throws IllegalArgumentException if a number is out of its range
   */
  public static AttentionSpec causal(int numQueryHeads, float softmaxScale) {
    if (numQueryHeads < 1 || numQueryHeads > QUERY_HEADS_MAX) {
      throw new IllegalArgumentException(
          "numQueryHeads must be between 1 and "
              + QUERY_HEADS_MAX
              + ": numQueryHeads="
              + numQueryHeads);
    }
    requireFinite("softmaxScale", softmaxScale);
    return new AttentionSpec(numQueryHeads, softmaxScale, AttentionMask.CAUSAL, 0f, NONE, NONE);
  }

  /**
   * The same with another mask.
   *
   * @param newMask which positions a query sees
   * @return a spec that differs in the mask alone
   */
  public AttentionSpec withMask(AttentionMask newMask) {
    Objects.requireNonNull(newMask, "newMask");
    return new AttentionSpec(
        numQueryHeads, softmaxScale, newMask, logitSoftCap, alibiSlopes, sinks);
  }

  /**
   * The same with scores squashed into {@code (-cap, cap)}.
   *
   * @param cap bound of the scores, finite and not so small that its reciprocal is infinite; 0 for
   *     none
   * @return a spec that differs in the soft cap alone
   * @throws IllegalArgumentException if the cap is negative, too small or not finite
   */
  public AttentionSpec withLogitSoftCap(float cap) {
    if (!(cap >= 0f) || Float.isInfinite(cap) || (cap > 0f && Float.isInfinite(1f / cap))) {
      throw new IllegalArgumentException(
          "logitSoftCap must be a normal number and not negative: logitSoftCap=" + cap);
    }
    return new AttentionSpec(numQueryHeads, softmaxScale, mask, cap, alibiSlopes, sinks);
  }

  /**
   * The same with a score bias linear in the distance (ALiBi, Press et al., ICLR 2022).
   *
   * @param slopes {@code [numQueryHeads]}, finite; empty for none
   * @return a spec that differs in the slopes alone
   * @throws IllegalArgumentException if there is neither none nor one per query head, or one is not
   *     finite
   */
  public AttentionSpec withAlibiSlopes(float... slopes) {
    float[] copy = perHead("alibiSlopes", slopes);
    return new AttentionSpec(numQueryHeads, softmaxScale, mask, logitSoftCap, copy, sinks);
  }

  /**
   * The same with an attention sink per query head: a score that takes part in the denominator and
   * in the LSE but has no value.
   *
   * @param newSinks {@code [numQueryHeads]}, finite; empty for none
   * @return a spec that differs in the sinks alone
   * @throws IllegalArgumentException if there is neither none nor one per query head, or one is not
   *     finite
   */
  public AttentionSpec withSinks(float... newSinks) {
    float[] copy = perHead("sinks", newSinks);
    return new AttentionSpec(numQueryHeads, softmaxScale, mask, logitSoftCap, alibiSlopes, copy);
  }

  private float[] perHead(String name, float[] values) {
    if (values.length != 0 && values.length != numQueryHeads) {
      throw new IllegalArgumentException(
          name
              + " needs one number per query head or none: numQueryHeads="
              + numQueryHeads
              + ", "
              + name
              + ".length="
              + values.length);
    }
    float[] copy = values.clone();
    for (float value : copy) {
      requireFinite(name, value);
    }
    return copy;
  }

  private static void requireFinite(String name, float value) {
    if (!Float.isFinite(value)) {
      throw new IllegalArgumentException(name + " must be finite: " + name + "=" + value);
    }
  }

  /**
   * Number of query heads.
   *
   * @return query heads, at least 1
   */
  public int numQueryHeads() {
    return numQueryHeads;
  }

  /**
   * Factor on the query-key products.
   *
   * @return the factor, finite
   */
  public float softmaxScale() {
    return softmaxScale;
  }

  /**
   * Which positions a query sees.
   *
   * @return the mask
   */
  public AttentionMask mask() {
    return mask;
  }

  /**
   * Bound of the scores.
   *
   * @return the cap, or 0 for none
   */
  public float logitSoftCap() {
    return logitSoftCap;
  }

  /**
   * Whether there are ALiBi slopes.
   *
   * @return true if {@link #alibiSlope} may be asked
   */
  public boolean hasAlibiSlopes() {
    return alibiSlopes.length != 0;
  }

  /**
   * ALiBi slope of a query head.
   *
   * @param queryHead index, {@code [0, numQueryHeads)}
   * @return the slope
   */
  public float alibiSlope(int queryHead) {
    return alibiSlopes[queryHead];
  }

  /**
   * Whether there are sinks.
   *
   * @return true if {@link #sink} may be asked
   */
  public boolean hasSinks() {
    return sinks.length != 0;
  }

  /**
   * Sink of a query head.
   *
   * @param queryHead index, {@code [0, numQueryHeads)}
   * @return the sink's score
   */
  public float sink(int queryHead) {
    return sinks[queryHead];
  }

  /**
   * Query heads that read one KV head.
   *
   * @param layer the layer attended
   * @return {@code numQueryHeads / numKvHeads}
   * @throws IllegalArgumentException if the KV heads do not divide the query heads
   */
  public int groupSize(LayerShape layer) {
    if (numQueryHeads % layer.numKvHeads() != 0) {
      throw new IllegalArgumentException(
          "the KV heads must divide the query heads: numQueryHeads="
              + numQueryHeads
              + ", numKvHeads="
              + layer.numKvHeads());
    }
    return numQueryHeads / layer.numKvHeads();
  }

  @Override
  public String toString() {
    return "AttentionSpec[numQueryHeads="
        + numQueryHeads
        + ", softmaxScale="
        + softmaxScale
        + ", mask="
        + mask
        + ", logitSoftCap="
        + logitSoftCap
        + ", alibi="
        + hasAlibiSlopes()
        + ", sinks="
        + hasSinks()
        + "]";
  }
}
