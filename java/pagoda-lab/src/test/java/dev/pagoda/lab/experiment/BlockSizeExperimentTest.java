package dev.pagoda.lab.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.pagoda.Backend;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BlockSizeExperimentTest {
  private static final Conditions CONDITIONS = new Conditions(Backend.SCALAR, true, 1, share -> {});

  /** Waste over a sequence's life, from an independent simulation of the published lengths. */
  @ParameterizedTest
  @CsvSource({"8, 4.7, 0.8", "16, 9.7, 1.7", "32, 18.3, 3.4", "64, 32.2, 6.7", "256, 72.6, 22.9"})
  void wasteGrowsWithTheBlockSizeAsKnown(int blockSize, double alpaca, double shareGpt) {
    List<Double> wasted = BlockSizeExperiment.wasted(blockSize, CONDITIONS);
    assertThat(100 * wasted.get(1)).as("Alpaca").isCloseTo(alpaca, within(2.0));
    assertThat(100 * wasted.get(2)).as("ShareGPT").isCloseTo(shareGpt, within(1.0));
  }

  @Test
  void blocksOfOneTokenWasteNothing() {
    assertThat(BlockSizeExperiment.wasted(1, CONDITIONS)).containsOnly(0.0);
  }

  @Test
  void oneSeedGivesOneWaste() {
    assertThat(BlockSizeExperiment.wasted(16, CONDITIONS))
        .isEqualTo(BlockSizeExperiment.wasted(16, CONDITIONS));
  }

  /** Decode and prefill times per block size 8, 16, 32, 64. */
  private static int recommended(double[] decodeNanos, double[] prefillNanos) {
    List<BlockSizeResult.Size> sizes =
        IntStream.range(0, decodeNanos.length)
            .mapToObj(i ->
                new BlockSizeResult.Size(
                    8 << i, List.of(), timing(decodeNanos[i]), 1, timing(prefillNanos[i]), 1, 0))
            .toList();
    return new BlockSizeResult(sizes).recommended().blockSize();
  }

  /** The clock is far off, as on a busy machine; CPU time is what counts. */
  private static Timing timing(double cpuNanos) {
    return new Timing(1e9 / cpuNanos, cpuNanos, 1, 1);
  }

  @Test
  void recommendsTheSmallestSizeNearTheBest() {
    assertThat(recommended(new double[] {150, 103, 100, 100}, new double[] {100, 100, 100, 100}))
        .isEqualTo(16);
    assertThat(recommended(new double[] {104, 103, 100, 100}, new double[] {100, 100, 100, 100}))
        .isEqualTo(8);
    assertThat(recommended(new double[] {100, 100, 100, 100}, new double[] {120, 110, 100, 101}))
        .isEqualTo(32);
  }

  @Test
  void countsTheSlowerSideWhereNoSizeIsBestInBoth() {
    assertThat(recommended(new double[] {100, 110, 120, 130}, new double[] {130, 110, 102, 100}))
        .isEqualTo(16);
  }
}
