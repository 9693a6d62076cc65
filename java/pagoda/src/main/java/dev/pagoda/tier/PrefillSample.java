package dev.pagoda.tier;

/**
 * One measurement of computing tokens.
 *
 * @param numTokens tokens fed, at least 1
 * @param numFeeds feeds they were split into, steps for instance, at least 1
 * @param numAttended how many tokens they attend to, each one itself and all before it; at least
 *     {@code numTokens}
 * @param nanos time it took, at least 1
 */
public record PrefillSample(long numTokens, long numFeeds, long numAttended, long nanos) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is not positive
   */
  public PrefillSample {
    CostFit.requirePositive("numTokens", numTokens);
    CostFit.requirePositive("numFeeds", numFeeds);
    CostFit.requirePositive("numAttended", numAttended);
    CostFit.requirePositive("nanos", nanos);
  }

  /**
   * One feed of one sequence.
   *
   * @param fromPosition tokens that were there before
   * @param toPosition tokens that were there afterwards
   * @param nanos time it took, at least 1
   * @return the sample
   */
  public static PrefillSample ofRun(int fromPosition, int toPosition, long nanos) {
    return new PrefillSample(
        toPosition - fromPosition, 1, RecomputePlan.attended(fromPosition, toPosition), nanos);
  }
}
