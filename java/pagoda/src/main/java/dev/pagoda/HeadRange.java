package dev.pagoda;

/**
 * KV heads {@code [first, end)}.
 *
 * @param first first head
 * @param end head behind the last one
 */
public record HeadRange(int first, int end) {
  /**
   * Checks the order.
   *
   * @throws IllegalArgumentException if the range is empty or negative
   */
  public HeadRange {
    if (first < 0 || end <= first) {
      throw new IllegalArgumentException(
          "a range of heads is not empty: first=" + first + ", end=" + end);
    }
  }

  void requireWithin(int numKvHeads) {
    if (end > numKvHeads) {
      throw new IllegalArgumentException(
          "no such heads: numKvHeads=" + numKvHeads + ", first=" + first + ", end=" + end);
    }
  }
}
