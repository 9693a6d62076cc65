package dev.pagoda.lab.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.pagoda.Backend;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BeamSearchExperimentTest {
  private static BeamSearchResult measure(long seed) {
    return BeamSearchExperiment.measure(new Conditions(Backend.SCALAR, true, seed, share -> {}));
  }

  /** Prompt 50 + 20 tokens, block size 16: 3 + 2 w blocks, 5 w without sharing, w - 1 copies. */
  @ParameterizedTest
  @CsvSource({
    "2, 7, 10, 30.0, 20.0",
    "4, 11, 20, 45.0, 37.1",
    "6, 15, 30, 50.0, 42.9",
    "8, 19, 40, 52.5, 45.7"
  })
  void divergentBeamsNeedTheBlocksCountedByHand(
      int width, int blocks, int unshared, double savedPercent, double savedAgainstTokensPercent) {
    BeamSearchResult.Divergent beams = BeamSearchExperiment.diverge(width);
    assertThat(beams.sharing()).isEqualTo(new SharingCount(blocks, unshared));
    assertThat(beams.peakBlocks()).isEqualTo(blocks);
    assertThat(beams.numBlockCopies()).isEqualTo(width - 1);
    assertThat(beams.numForks()).isEqualTo(width - 1);
    assertThat(100 * beams.sharing().saved()).isCloseTo(savedPercent, within(0.05));
    assertThat(100 * beams.sharing().savedAgainstTokens(16, width * 70L))
        .isCloseTo(savedAgainstTokensPercent, within(0.05));
  }

  @Test
  void oneSeedGivesOneResult() {
    assertThat(measure(4)).isEqualTo(measure(4));
    assertThat(measure(4).searched()).isNotEqualTo(measure(5).searched());
  }

  /** Kwon et al. (SOSP 2023), figure 15: 37.56, 53.13 and 55.16 % for Alpaca. */
  @Test
  void searchesSaveAboutWhatWasPublished() {
    List<BeamSearchResult.Searched> alpaca =
        measure(1).searched().stream()
            .filter(each -> !Double.isNaN(each.publishedSaved()))
            .toList();
    assertThat(alpaca).extracting(BeamSearchResult.Searched::width).containsExactly(2, 4, 6);
    for (BeamSearchResult.Searched each : alpaca) {
      assertThat(each.sharing().saved())
          .as("width " + each.width())
          .isCloseTo(each.publishedSaved(), within(0.06));
    }
  }

  @Test
  void replacedBeamsCostCopies() {
    assertThat(measure(1).searched())
        .allSatisfy(each -> {
          assertThat(each.replacedShare()).isBetween(0.01, 0.5);
          assertThat(each.copiesPerToken()).isBetween(0.01, 0.5);
          assertThat(each.forksPerStep()).isBetween(0.01, (double) each.width());
        });
  }
}
