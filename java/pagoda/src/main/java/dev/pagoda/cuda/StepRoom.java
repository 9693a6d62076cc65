package dev.pagoda.cuda;

/**
 * What a step's arrays in device memory have room for from the start. They grow when a step needs
 * more, which moves them: a graph that was captured before is then refused.
 *
 * <p>Footprint per step in use: {@code 4 * (2 + 2 * numSeqs + 3 * numTokens + numSeqs *
 * blocksPerSeq)} bytes of device memory.
 *
 * @param numSeqs sequences in one step, at least 1
 * @param numTokens tokens in one step, at least 1
 * @param contextTokens tokens of one sequence, at least 1
 */
public record StepRoom(int numSeqs, int numTokens, int contextTokens) {
  private static final StepRoom GROWING = new StepRoom(16, 256, 4096);

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is below 1
   */
  public StepRoom {
    requirePositive("numSeqs", numSeqs);
    requirePositive("numTokens", numTokens);
    requirePositive("contextTokens", contextTokens);
  }

  /**
   * A little room, which grows as steps need it.
   *
   * @return room for 16 sequences of 4096 tokens and 256 tokens in a step
   */
  public static StepRoom growing() {
    return GROWING;
  }

  private static void requirePositive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be at least 1: " + name + "=" + value);
    }
  }
}
