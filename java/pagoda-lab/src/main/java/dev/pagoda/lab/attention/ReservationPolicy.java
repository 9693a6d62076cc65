package dev.pagoda.lab.attention;

import dev.pagoda.lab.workload.Request;

/** How much a contiguous store sets aside for a sequence before it begins. */
public enum ReservationPolicy {
  /**
   * The final length, to the token: nobody knows it, hence the best a contiguous store could do.
   */
  EXACT_LENGTH("exact length"),
  /** The longest sequence that is allowed. */
  MAXIMUM_LENGTH("maximum length"),
  /** The prompt, and its output rounded up to a power of two, within the maximum: a good guess. */
  POWER_OF_TWO("power of two");

  private final String label;

  ReservationPolicy(String label) {
    this.label = label;
  }

  /**
   * The policy in words.
   *
   * @return a few words, for tables
   */
  public String label() {
    return label;
  }

  /**
   * What to set aside.
   *
   * @param request the sequence to come
   * @param totalTokensMax longest sequence that is allowed
   * @return tokens, at least the request's total
   */
  public int reservedTokens(Request request, int totalTokensMax) {
    return switch (this) {
      case EXACT_LENGTH -> request.totalTokens();
      case MAXIMUM_LENGTH -> totalTokensMax;
      case POWER_OF_TWO ->
          Math.min(request.promptTokens() + powerOfTwoFrom(request.outputTokens()), totalTokensMax);
    };
  }

  /** The smallest power of two that is not less. */
  static int powerOfTwoFrom(int value) {
    return value <= 1 ? 1 : Integer.highestOneBit(value - 1) << 1;
  }
}
