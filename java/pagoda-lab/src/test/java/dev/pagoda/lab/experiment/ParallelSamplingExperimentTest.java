package dev.pagoda.lab.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.pagoda.Backend;
import org.junit.jupiter.api.Test;

class ParallelSamplingExperimentTest {
  private static ParallelSamplingResult measure(long seed) {
    return ParallelSamplingExperiment.measure(
        new Conditions(Backend.SCALAR, true, seed, share -> {}));
  }

  /** Prompt 60 + 30 tokens, block size 16: 3 + 3 n blocks, 6 n without sharing. */
  @Test
  void samplesNeedTheBlocksCountedByHand() {
    ParallelSamplingResult result = measure(1);
    ParallelSamplingResult.Sampled six = result.withSamples(6);
    assertThat(six.sharing()).isEqualTo(new SharingCount(21, 36));
    assertThat(100 * six.sharing().saved()).isCloseTo(41.67, within(0.005));
    assertThat(100 * six.sharing().savedAgainstTokens(16, 6 * 90)).isCloseTo(37.8, within(0.05));
    assertThat(six.copiesIfMoved()).isEqualTo(5);
    assertThat(six.copiesIfKept()).isEqualTo(6);
    assertThat(result.sampled())
        .allSatisfy(each -> {
          int n = each.numSamples();
          assertThat(each.sharing()).isEqualTo(new SharingCount(3 + 3L * n, 6L * n));
          assertThat(each.copiesIfMoved()).isEqualTo(n - 1);
          assertThat(each.copiesIfKept()).isEqualTo(n);
        });
  }

  @Test
  void oneSeedGivesOneResult() {
    assertThat(measure(4)).isEqualTo(measure(4));
    assertThat(measure(4).served()).isNotEqualTo(measure(5).served());
  }

  /** Kwon et al. (SOSP 2023), figure 15. */
  @Test
  void workloadsSaveAboutWhatWasPublished() {
    assertThat(measure(1).served())
        .filteredOn(each -> !Double.isNaN(each.publishedSaved()))
        .hasSize(5)
        .allSatisfy(each ->
            assertThat(each.sharing().saved())
                .as(each.workload() + ", " + each.numSamples())
                .isCloseTo(each.publishedSaved(), within(0.06)));
  }
}
