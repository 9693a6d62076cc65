package dev.pagoda;

/**
 * When a cache counts as full and when as roomy again, in shares of its blocks that are not to be
 * had. Between the two marks nothing is said, so that a level that trembles does not chatter.
 *
 * @param low share of blocks in use or promised at or below which there is room again; at least 0
 * @param high share at or above which it is tight; above {@code low}, at most 1
 */
public record Watermarks(double low, double high) {
  /**
   * Checks the marks.
   *
   * @throws IllegalArgumentException if they are not in order
   */
  public Watermarks {
    if (!(low >= 0 && low < high && high <= 1)) {
      throw new IllegalArgumentException(
          "the marks must be in order, 0 <= low < high <= 1: low=" + low + ", high=" + high);
    }
  }

  /** A side of the marks. */
  public enum Level {
    /** There is room. */
    LOW,
    /** It is tight. */
    HIGH
  }

  /**
   * The level after a change.
   *
   * @param before the level before
   * @param numTaken blocks that are not to be had
   * @param numBlocks all blocks
   * @return the level before, unless the other mark was reached
   */
  Level after(Level before, int numTaken, int numBlocks) {
    double share = (double) numTaken / numBlocks;
    return switch (before) {
      case LOW -> share >= high ? Level.HIGH : Level.LOW;
      case HIGH -> share <= low ? Level.LOW : Level.HIGH;
    };
  }
}
