package dev.pagoda.lab.simulation;

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
 * @param waitingSeconds per served request: from arrival to its first step
 * @param firstTokenSeconds per served request: from arrival to its first token
 * @param tokenSeconds per served request with more than one output token: between tokens
 * @param normalizedSeconds per served request: from arrival to the end, per output token
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
    Distribution waitingSeconds,
    Distribution firstTokenSeconds,
    Distribution tokenSeconds,
    Distribution normalizedSeconds,
    long outputTokens,
    long cachedTokens,
    long cacheableTokens) {

  double requestsPerSecond() {
    return numServed / seconds;
  }

  double hitRate() {
    return cacheableTokens == 0 ? 0 : (double) cachedTokens / cacheableTokens;
  }
}
