package dev.pagoda.tier;

import java.util.List;

/**
 * What computing tokens again costs: {@code numTokens / tokensPerSecond + numFeeds * nanosPerFeed}.
 * The growth of attention with the context is left out; measure at the lengths that matter.
 *
 * @param tokensPerSecond rate of the whole model, finite and above 0
 * @param nanosPerFeed fixed cost of feeding a run of tokens, a step for instance; finite, at least
 *     0
 */
public record PrefillModel(double tokensPerSecond, double nanosPerFeed) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of its range
   */
  public PrefillModel {
    TwoTermFit.requireRate("tokensPerSecond", tokensPerSecond);
    TwoTermFit.requireCost("nanosPerFeed", nanosPerFeed);
  }

  /**
   * The model that fits measurements best, as {@link TransferModel#fit} does.
   *
   * @param samples at least two, that differ in tokens per feed
   * @return the model
   * @throws IllegalArgumentException if the samples do not determine it, saying why
   */
  public static PrefillModel fit(List<PrefillSample> samples) {
    TwoTermFit fit = new TwoTermFit("numTokens", "numFeeds");
    for (PrefillSample sample : samples) {
      fit.add(sample.numTokens(), sample.numFeeds(), sample.nanos());
    }
    TwoTermFit.Solution solution = fit.solve();
    return new PrefillModel(1e9 / solution.nanosPerFirst(), solution.nanosPerSecond());
  }

  /**
   * The time it takes to compute tokens.
   *
   * @param numTokens tokens to feed
   * @param numFeeds feeds they are split into
   * @return nanoseconds
   */
  public double nanos(long numTokens, long numFeeds) {
    return 1e9 * numTokens / tokensPerSecond + numFeeds * nanosPerFeed;
  }
}
