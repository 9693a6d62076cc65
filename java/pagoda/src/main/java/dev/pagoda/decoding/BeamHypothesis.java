package dev.pagoda.decoding;

import java.util.List;

/**
 * A continuation that a beam search found.
 *
 * @param tokens its tokens behind the prompt, the end token included
 * @param logProb sum of the tokens' natural-log probabilities
 * @param score what it is ranked by: {@code logProb / tokens.size()^lengthPenalty}
 * @param finished whether it ends in an end token
 */
public record BeamHypothesis(List<Integer> tokens, double logProb, double score, boolean finished) {
  /** Copies the list. */
  public BeamHypothesis {
    tokens = List.copyOf(tokens);
  }
}
