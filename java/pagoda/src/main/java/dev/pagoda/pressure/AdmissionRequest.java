package dev.pagoda.pressure;

/**
 * What a request is expected to need.
 *
 * @param promptTokens tokens of its prompt
 * @param cachedTokens how many of those its sequence holds already, by a prefix hit
 * @param outputTokens tokens it is expected to add, per sequence; an estimate, 0 to go by the
 *     prompt alone
 * @param numSequences sequences that will continue the prompt, each in its own way
 */
public record AdmissionRequest(
    int promptTokens, int cachedTokens, int outputTokens, int numSequences) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of its range
   */
  public AdmissionRequest {
    if (promptTokens < 0
        || cachedTokens < 0
        || cachedTokens > promptTokens
        || outputTokens < 0
        || numSequences < 1) {
      throw new IllegalArgumentException(
          "a request cannot be so: promptTokens="
              + promptTokens
              + ", cachedTokens="
              + cachedTokens
              + ", outputTokens="
              + outputTokens
              + ", numSequences="
              + numSequences);
    }
  }

  /**
   * One sequence that nothing is cached of.
   *
   * @param promptTokens tokens of its prompt
   * @param outputTokens tokens it is expected to add
   * @return the request
   */
  public static AdmissionRequest of(int promptTokens, int outputTokens) {
    return new AdmissionRequest(promptTokens, 0, outputTokens, 1);
  }

  /**
   * Blocks it will take in all: the prompt's full blocks once for all sequences, what lies behind
   * them once for each.
   *
   * @param blockSize tokens per block
   * @return number of blocks, those that it holds already included
   */
  public long numBlocks(int blockSize) {
    long shared = promptTokens / blockSize;
    long each = Math.ceilDiv((long) promptTokens + outputTokens, (long) blockSize) - shared;
    return shared + each * numSequences;
  }

  /**
   * Blocks it holds already. One that is partly filled does not count: the writer copies it.
   *
   * @param blockSize tokens per block
   * @return number of blocks
   */
  public int numBlocksHeld(int blockSize) {
    return cachedTokens / blockSize;
  }
}
