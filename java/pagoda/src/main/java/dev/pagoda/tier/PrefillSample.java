package dev.pagoda.tier;

/**
 * One measurement of computing tokens.
 *
 * @param numTokens tokens fed, at least 1
 * @param numFeeds feeds they were split into, steps for instance, at least 1
 * @param nanos time it took, at least 1
 */
public record PrefillSample(long numTokens, long numFeeds, long nanos) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is not positive
   */
  public PrefillSample {
    TwoTermFit.requirePositive("numTokens", numTokens);
    TwoTermFit.requirePositive("numFeeds", numFeeds);
    TwoTermFit.requirePositive("nanos", nanos);
  }
}
