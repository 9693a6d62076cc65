package dev.pagoda.lab.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.pagoda.Backend;
import java.util.List;
import org.junit.jupiter.api.Test;

class MemoryExperimentTest {
  private static MemoryResult measure(long seed) {
    return MemoryExperiment.measure(new Conditions(Backend.SCALAR, true, seed, share -> {}));
  }

  @Test
  void oneSeedGivesOneResult() {
    assertThat(measure(11)).isEqualTo(measure(11));
    assertThat(measure(11)).isNotEqualTo(measure(12));
  }

  /**
   * Kwon et al. (SOSP 2023), figure 2: shares of 15,700 slots; and figure 13a: requests at once.
   */
  @Test
  void sharesUnderLoadAreWithinFourPointsOfThePublishedOnes() {
    for (long seed = 1; seed <= 2; seed++) {
      List<MemoryResult.Served> published =
          measure(seed).served().stream().filter(MemoryResult.Served::isPublished).toList();
      assertThat(published).hasSize(4);
      for (MemoryResult.Served served : published) {
        String system = served.system() + ", seed=" + seed;
        double slots = served.mean().slots();
        Occupancy expected = served.published();
        assertThat(100 * served.mean().held() / slots)
            .as("token states: " + system)
            .isCloseTo(expected.held(), within(4.0));
        assertThat(100 * served.mean().awaited() / slots)
            .as("reserved: " + system)
            .isCloseTo(expected.awaited(), within(4.0));
        assertThat(100 * (served.mean().wasted() + served.mean().free()) / slots)
            .as("internal and free: " + system)
            .isCloseTo(expected.wasted() + expected.free(), within(4.0));
      }
    }
  }

  @Test
  void numbersOfSequencesAtOnceAreNearThePublishedOnes() {
    List<MemoryResult.Served> served = measure(1).served();
    assertThat(served.get(0).mean().numSequences()).isCloseTo(7.0, within(0.1));
    assertThat(served.get(1).mean().numSequences()).isCloseTo(9.81, within(1.0));
    assertThat(served.get(2).mean().numSequences()).isCloseTo(13.62, within(1.0));
    // Published at 2 requests per second; here requests always wait, so that more are in progress.
    assertThat(served.getLast().mean().numSequences()).isBetween(30.42, 40.0);
  }

  @Test
  void partsAddUpToAllSlots() {
    for (MemoryResult.Served served : measure(3).served()) {
      assertThat(served.mean().slots())
          .as(served.system())
          .isCloseTo(MemoryExperiment.SLOTS, within(16.0));
    }
  }

  /** Half a block of 16 per sequence, at a mean length of 100. */
  @Test
  void pagingLosesAboutEightPercentAgainstTheExactLength() {
    MemoryResult.Kept notebook = measure(1).kept().getFirst();
    assertThat(notebook.savedAgainst(notebook.tokens())).isBetween(-0.09, -0.065);
    assertThat(notebook.savedAgainst(notebook.powerOfTwoSlots())).isPositive();
    assertThat(notebook.savedAgainst(notebook.maximumSlots())).isGreaterThan(0.6);
    assertThat(notebook.pagedSlots() % MemoryExperiment.BLOCK_SIZE).isZero();
  }
}
