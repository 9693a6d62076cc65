package dev.pagoda.lab.experiment;

import java.util.List;

/**
 * What the beam search experiment counted.
 *
 * @param divergent beams that all live on: the case to check by hand
 * @param searched searches over random scores, in which beams replace each other
 */
record BeamSearchResult(List<Divergent> divergent, List<Searched> searched) {
  /** Copies the lists. */
  BeamSearchResult {
    divergent = List.copyOf(divergent);
    searched = List.copyOf(searched);
  }

  /**
   * Beams of one prompt that never replace each other.
   *
   * @param width beams
   * @param sharing blocks at the end
   * @param peakBlocks most blocks in use at any time
   * @param numForks sequences made by forking
   * @param numBlockCopies blocks copied before a write
   */
  record Divergent(
      int width, SharingCount sharing, int peakBlocks, long numForks, long numBlockCopies) {}

  /**
   * Searches over many prompts.
   *
   * @param workload name
   * @param width beams
   * @param sharing blocks summed over all steps of all searches
   * @param replacedShare of all beams and steps, those that did not continue themselves
   * @param copiesPerToken block copies per token appended
   * @param forksPerStep forks per step
   * @param publishedSaved share of blocks saved by Kwon et al. (SOSP 2023, figure 15), or NaN
   */
  record Searched(
      String workload,
      int width,
      SharingCount sharing,
      double replacedShare,
      double copiesPerToken,
      double forksPerStep,
      double publishedSaved) {}
}
