package dev.pagoda.decoding;

import java.util.Arrays;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * How a beam search goes.
 *
 * @param width beams kept alive, at least 1, and number of hypotheses
 * @param maxNewTokens longest continuation, at least 1
 * @param lengthPenalty exponent {@code a} of the score {@code logProb / length^a}, finite; above 0
 *     favours long hypotheses, 0 compares plain sums
 * @param endTokens tokens that end a hypothesis; may be empty
 * @param promptHandle whether the prompt stays the caller's or becomes a beam
 */
public record BeamOptions(
    int width,
    int maxNewTokens,
    double lengthPenalty,
    Set<Integer> endTokens,
    PromptHandle promptHandle) {
  /**
   * Checks the numbers and copies the set.
   *
   * @throws IllegalArgumentException if a number is out of its range
   */
  public BeamOptions {
    requirePositive("width", width);
    requirePositive("maxNewTokens", maxNewTokens);
    if (!Double.isFinite(lengthPenalty)) {
      throw new IllegalArgumentException(
          "the length penalty must be finite: lengthPenalty=" + lengthPenalty);
    }
    endTokens = Set.copyOf(endTokens);
    for (int endToken : endTokens) {
      if (endToken < 0) {
        throw new IllegalArgumentException("a token id is not negative: endToken=" + endToken);
      }
    }
    Objects.requireNonNull(promptHandle, "promptHandle");
  }

  /**
   * Plain sums as scores, no end token, the prompt moves.
   *
   * @param width beams kept alive, at least 1
   * @param maxNewTokens longest continuation, at least 1
   * @return the options
   */
  public static BeamOptions of(int width, int maxNewTokens) {
    return new BeamOptions(width, maxNewTokens, 0, Set.of(), PromptHandle.MOVE);
  }

  /**
   * The same with another length penalty.
   *
   * @param newLengthPenalty exponent of the length, finite
   * @return options that differ in the length penalty alone
   */
  public BeamOptions withLengthPenalty(double newLengthPenalty) {
    return new BeamOptions(width, maxNewTokens, newLengthPenalty, endTokens, promptHandle);
  }

  /**
   * The same with other end tokens.
   *
   * @param newEndTokens tokens that end a hypothesis
   * @return options that differ in the end tokens alone
   */
  public BeamOptions withEndTokens(int... newEndTokens) {
    Set<Integer> set = Arrays.stream(newEndTokens).boxed().collect(Collectors.toSet());
    return new BeamOptions(width, maxNewTokens, lengthPenalty, set, promptHandle);
  }

  /**
   * The same with another choice about the prompt.
   *
   * @param newPromptHandle whether the prompt stays the caller's or becomes a beam
   * @return options that differ in that alone
   */
  public BeamOptions withPromptHandle(PromptHandle newPromptHandle) {
    return new BeamOptions(width, maxNewTokens, lengthPenalty, endTokens, newPromptHandle);
  }

  /** What a hypothesis is ranked by. */
  double score(double logProb, int length) {
    return logProb / Math.pow(length, lengthPenalty);
  }

  /**
   * The best score a live beam can still reach. Its sum can only fall, so the best it can do is not
   * to lose anything on the way to the length that divides best.
   */
  double attainableScore(double logProb, int length) {
    return score(logProb, lengthPenalty > 0 ? maxNewTokens : Math.min(length + 1, maxNewTokens));
  }

  private static void requirePositive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be at least 1: " + name + "=" + value);
    }
  }
}
