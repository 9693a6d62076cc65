package dev.pagoda.lab.simulation;

import java.util.Arrays;

/**
 * What a run found.
 *
 * @param occupancy means over the measured time
 * @param numRequests requests of the trace
 * @param numServed requests that were served to their end
 * @param numRefused requests that no pool of this size can serve
 * @param numSteps steps of the server
 * @param numPreemptions times a request had to make room
 * @param seconds simulated time from the first arrival to the last token
 * @param waitingSeconds per served request: from arrival to its first step, ascending
 * @param firstTokenSeconds per served request: from arrival to its first token, ascending
 * @param tokenSeconds per served request with more than one output token: between tokens, ascending
 * @param normalizedSeconds per served request: from arrival to the end, per output token, ascending
 * @param outputTokens output tokens generated
 * @param cachedTokens prompt tokens that were found in the prefix cache
 * @param cacheableTokens prompt tokens of all requests that were looked for
 */
record ServingResult(
    Occupancy occupancy,
    int numRequests,
    int numServed,
    int numRefused,
    long numSteps,
    long numPreemptions,
    double seconds,
    double[] waitingSeconds,
    double[] firstTokenSeconds,
    double[] tokenSeconds,
    double[] normalizedSeconds,
    long outputTokens,
    long cachedTokens,
    long cacheableTokens) {

  double requestsPerSecond() {
    return numServed / seconds;
  }

  double hitRate() {
    return cacheableTokens == 0 ? 0 : (double) cachedTokens / cacheableTokens;
  }

  static double mean(double[] values) {
    return Arrays.stream(values).average().orElse(0);
  }

  /** The smallest value that at least a share of the values does not exceed; 0 if there is none. */
  static double percentile(double[] ascending, double percent) {
    if (ascending.length == 0) {
      return 0;
    }
    int rank = (int) Math.ceil(percent / 100 * ascending.length);
    return ascending[Math.max(0, rank - 1)];
  }
}
