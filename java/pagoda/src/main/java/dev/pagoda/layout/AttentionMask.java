package dev.pagoda.layout;

/**
 * Which positions of its context a query sees. Always one contiguous range.
 *
 * <p>Position {@code p} sees position {@code k} when {@code k <= p} or the mask is not causal, and
 * {@code k > p - windowTokens} or there is no window.
 *
 * @param causal whether a query sees nothing behind its own position
 * @param windowTokens how far back a query sees: its own position and the {@code windowTokens - 1}
 *     before it; 0 for no limit
 */
public record AttentionMask(boolean causal, int windowTokens) {
  /** A query sees its own position and all before it. */
  public static final AttentionMask CAUSAL = new AttentionMask(true, 0);

  /** A query sees its whole context, also what comes after it. */
  public static final AttentionMask FULL = new AttentionMask(false, 0);

  /**
   * Checks the window.
   *
   * @throws IllegalArgumentException if {@code windowTokens} is negative
   */
  public AttentionMask {
    if (windowTokens < 0) {
      throw new IllegalArgumentException(
          "windowTokens must not be negative: windowTokens=" + windowTokens);
    }
  }

  /**
   * Causal, with a limited view back.
   *
   * @param windowTokens positions seen, the query's own included; 0 for no limit
   * @return the mask
   */
  public static AttentionMask slidingWindow(int windowTokens) {
    return new AttentionMask(true, windowTokens);
  }

  /**
   * First position seen.
   *
   * @param queryPosition the query's position
   * @return first visible position, at least 0
   */
  public int firstVisible(int queryPosition) {
    return windowTokens == 0 ? 0 : Math.max(0, queryPosition - windowTokens + 1);
  }

  /**
   * Position behind the last one seen.
   *
   * @param queryPosition the query's position
   * @param contextLength tokens in the context
   * @return end of the visible range, at most {@code contextLength}
   */
  public int endVisible(int queryPosition, int contextLength) {
    return causal ? Math.min(queryPosition + 1, contextLength) : contextLength;
  }
}
