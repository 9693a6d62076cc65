package dev.pagoda.lab.experiment;

import dev.pagoda.pressure.PreemptionCalibration;
import dev.pagoda.tier.PreemptionModel;
import java.util.List;

/**
 * A workload that is too large for its cache, served in several ways.
 *
 * @param numRequests requests served
 * @param numBlocks blocks of the tight cache
 * @param roomy with blocks for all, nothing to compare with but the work itself
 * @param served one entry per way
 * @param calibration what the chooser was calibrated by
 * @param model the model fitted to it
 * @param example why the chooser chose as it did, once; empty if it never had to
 */
record PressureResult(
    int numRequests,
    int numBlocks,
    Served roomy,
    List<Served> served,
    PreemptionCalibration calibration,
    PreemptionModel model,
    String example) {
  /** Copies the list. */
  PressureResult {
    served = List.copyOf(served);
  }

  /**
   * The workload, served in one way.
   *
   * @param way what is done when blocks run out
   * @param wallNanos from the first prompt to the last token, median of the rounds
   * @param cpuNanos of the serving thread, median of the rounds
   * @param numPreemptions times a group or more of it left
   * @param numTails of those, times it kept its first blocks
   * @param movedBytes moved out and in
   * @param tokensFedAgain computed a second time
   */
  record Served(
      String way,
      double wallNanos,
      double cpuNanos,
      long numPreemptions,
      long numTails,
      long movedBytes,
      long tokensFedAgain) {}

  Served way(String name) {
    return served.stream().filter(each -> each.way().equals(name)).findFirst().orElseThrow();
  }

  /** How much CPU time the chooser takes against the better of the two plain ways. */
  double chooserAgainstBest() {
    return way(PressureExperiment.CHOOSER).cpuNanos()
        / Math.min(
            way(PressureExperiment.SWAP).cpuNanos(), way(PressureExperiment.RECOMPUTE).cpuNanos());
  }
}
