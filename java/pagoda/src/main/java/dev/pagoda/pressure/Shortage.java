package dev.pagoda.pressure;

/**
 * What a {@link PreemptionPolicy} is asked for.
 *
 * @param numBlocks blocks that are missing, at least 1
 * @param numFreeSlots blocks that the swap space can take; 0 if there is none
 */
public record Shortage(int numBlocks, int numFreeSlots) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of its range
   */
  public Shortage {
    if (numBlocks < 1 || numFreeSlots < 0) {
      throw new IllegalArgumentException(
          "a shortage is of a block at least: numBlocks="
              + numBlocks
              + ", numFreeSlots="
              + numFreeSlots);
    }
  }
}
