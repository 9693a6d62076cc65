package dev.pagoda.lab.experiment;

import java.util.List;

/**
 * What the parallel sampling experiment counted.
 *
 * @param sampled samples of equal length: the case to check by hand
 * @param served samples of a workload's lengths
 */
record ParallelSamplingResult(List<Sampled> sampled, List<Served> served) {
  /** Copies the lists. */
  ParallelSamplingResult {
    sampled = List.copyOf(sampled);
    served = List.copyOf(served);
  }

  /**
   * Samples of one prompt, all of one length.
   *
   * @param numSamples samples
   * @param sharing blocks at the end
   * @param copiesIfMoved block copies if the prompt became one of the samples
   * @param copiesIfKept block copies if the prompt stayed the caller's
   */
  record Sampled(int numSamples, SharingCount sharing, long copiesIfMoved, long copiesIfKept) {}

  /**
   * Samples of many prompts.
   *
   * @param workload name
   * @param numSamples samples per prompt
   * @param sharing blocks summed over all steps
   * @param publishedSaved share of blocks saved by Kwon et al. (SOSP 2023, figure 15), or NaN
   */
  record Served(String workload, int numSamples, SharingCount sharing, double publishedSaved) {}

  Sampled withSamples(int numSamples) {
    return sampled.stream()
        .filter(each -> each.numSamples() == numSamples)
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("not measured: numSamples=" + numSamples));
  }
}
