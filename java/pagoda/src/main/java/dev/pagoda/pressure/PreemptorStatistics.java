package dev.pagoda.pressure;

/**
 * A {@link Preemptor}'s numbers at one moment. Counters run from the moment it was made.
 *
 * @param numRunning groups that are here
 * @param numWaiting groups that are away, whole or in part
 * @param numSwapped times a group or more of it was swapped out
 * @param numDropped times a group or more of it was dropped
 * @param numTails of both, those that kept the first blocks
 * @param numBlocksFreed blocks made available
 * @param numRestored groups that came back
 * @param numTokensFed tokens computed again
 * @param numRefusals times no room could be made
 */
public record PreemptorStatistics(
    int numRunning,
    int numWaiting,
    long numSwapped,
    long numDropped,
    long numTails,
    long numBlocksFreed,
    long numRestored,
    long numTokensFed,
    long numRefusals) {}
