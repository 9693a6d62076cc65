package dev.pagoda.tier;

import java.util.List;

/**
 * What computing tokens again costs: {@code numTokens / tokensPerSecond + numFeeds * nanosPerFeed +
 * numAttended * nanosPerAttended}. The last term is the growth of attention with the context: a
 * token attends to itself and to all before it, so that a long prompt costs more than its share.
 *
 * @param tokensPerSecond rate of the whole model but for the growth of attention, finite and above
 *     0
 * @param nanosPerFeed fixed cost of feeding a run of tokens, a step for instance; finite, at least
 *     0
 * @param nanosPerAttended cost of one token attending to one token, all layers; finite, at least 0
 */
public record PrefillModel(double tokensPerSecond, double nanosPerFeed, double nanosPerAttended) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of its range
   */
  public PrefillModel {
    CostFit.requireRate("tokensPerSecond", tokensPerSecond);
    CostFit.requireCost("nanosPerFeed", nanosPerFeed);
    CostFit.requireCost("nanosPerAttended", nanosPerAttended);
  }

  /**
   * The model that fits measurements best, as {@link TransferModel#fit} does. A term that the
   * samples do not call for is 0: two samples never tell more than two terms.
   *
   * @param samples at least two, that differ in tokens per feed
   * @return the model
   * @throws IllegalArgumentException if the samples do not determine it, saying why
   */
  public static PrefillModel fit(List<PrefillSample> samples) {
    CostFit fit = new CostFit("numTokens", "numFeeds", "numAttended");
    for (PrefillSample sample : samples) {
      fit.add(sample.nanos(), sample.numTokens(), sample.numFeeds(), sample.numAttended());
    }
    double[] nanos = fit.solve();
    return new PrefillModel(1e9 / nanos[0], nanos[1], nanos[2]);
  }

  /**
   * The time it takes to compute tokens.
   *
   * @param load tokens to feed, in how many feeds, and what they attend to
   * @return nanoseconds
   */
  public double nanos(PreemptionLoad load) {
    return 1e9 * load.numTokens() / tokensPerSecond
        + load.numFeeds() * nanosPerFeed
        + load.numAttended() * nanosPerAttended;
  }
}
