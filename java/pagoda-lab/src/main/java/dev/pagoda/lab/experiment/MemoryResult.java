package dev.pagoda.lab.experiment;

import java.util.List;

/**
 * What the memory experiment counted.
 *
 * @param served servers under load, the paged one last
 * @param kept sequences at their full length, one entry per workload
 * @param numKeptSequences sequences of each entry
 */
record MemoryResult(List<Served> served, List<Kept> kept, int numKeptSequences) {
  /** Copies the lists. */
  MemoryResult {
    served = List.copyOf(served);
    kept = List.copyOf(kept);
  }

  /**
   * A server under load.
   *
   * @param system what it does with its slots
   * @param mean slots in the mean over all steps
   * @param published what Kwon et al. (SOSP 2023, figures 2 and 13a) report, or nothing
   */
  record Served(String system, Occupancy mean, Occupancy published) {
    boolean isPublished() {
      return published.numSequences() > 0;
    }
  }

  /**
   * Sequences that are all in memory at their full length.
   *
   * @param workload name
   * @param tokens what an exact-length store needs: one slot per token
   * @param pagedSlots blocks in use times block size
   * @param powerOfTwoSlots reserved by the power-of-two policy
   * @param maximumSlots reserved by the maximum-length policy
   */
  record Kept(
      String workload, long tokens, long pagedSlots, long powerOfTwoSlots, long maximumSlots) {
    double savedAgainst(long baselineSlots) {
      return 1 - (double) pagedSlots / baselineSlots;
    }
  }

  Served paged() {
    return served.getLast();
  }
}
