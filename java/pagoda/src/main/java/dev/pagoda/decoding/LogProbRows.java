package dev.pagoda.decoding;

/** Where a model's answer lies: {@code [numBeams, vocabSize]} natural-log probabilities. */
@FunctionalInterface
public interface LogProbRows {
  /**
   * The log probability that a token comes next.
   *
   * @param beam row, in the order of the step's rows
   * @param token token id, {@code [0, vocabSize)}
   * @return natural log of the probability: at most 0, minus infinity if it cannot come
   */
  float logProb(int beam, int token);
}
