package dev.pagoda.lab.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.pagoda.Backend;
import dev.pagoda.Workers;
import java.util.List;
import org.junit.jupiter.api.Test;

class ThroughputExperimentTest {
  @Test
  void timesAllFourOnTheSameSteps() {
    Conditions conditions = new Conditions(Backend.SCALAR, true, 3, share -> {});
    List<ThroughputResult.Cell> cells =
        ThroughputExperiment.compare(2, new int[] {16, 100}, new Turns(1, 1_000_000), conditions);
    assertThat(cells).extracting(ThroughputResult.Cell::contextLength).containsExactly(16, 100);
    assertThat(cells)
        .allSatisfy(cell -> {
          assertThat(cell.batch()).isEqualTo(2);
          for (Timing timing :
              List.of(cell.paged(), cell.inOrder(), cell.largestBlocks(), cell.plain())) {
            assertThat(timing.wallNanos()).isPositive();
            assertThat(timing.cpuNanos()).isPositive();
            assertThat(timing.spread()).isGreaterThanOrEqualTo(1);
          }
        });
  }

  @Test
  void decodeStepsKeepContextsAtTheirLength() {
    PagedRig.Plan plan = new PagedRig.Plan(Backend.SCALAR, 16, 2, 20 + DecodeSteps.SPARE_TOKENS);
    try (PagedRig rig = plan.shuffled(Workers.caller(), 1)) {
      ThroughputExperiment.fill(rig.batch(), 20);
      DecodeSteps steps = new DecodeSteps(rig.batch(), 20, 1);
      for (int i = 0; i < 3 * DecodeSteps.SPARE_TOKENS; i++) {
        steps.call();
        assertThat(rig.batch().sequences().getFirst().length())
            .isBetween(21, 20 + DecodeSteps.SPARE_TOKENS);
      }
      steps.cutBack();
      assertThat(rig.batch().sequences()).allMatch(sequence -> sequence.length() == 20);
    }
  }

  @Test
  void comparesWithTheFasterContiguousOneByCpuTime() {
    ThroughputResult.Cell cell =
        new ThroughputResult.Cell(1, 4096, timing(200), timing(180), timing(300), timing(1000));
    assertThat(cell.pagedSpeed()).isCloseTo(0.9, within(1e-12));
    assertThat(cell.pagedSpeedOverPlain()).isCloseTo(5, within(1e-12));
    assertThat(cell.pagedBytesPerSecond())
        .as("8 heads of 64, K and V, 4 bytes: 4 KiB per token, in 9 ns")
        .isCloseTo(4096 * 4096 / 9e-9, within(1.0));
    ThroughputResult result = new ThroughputResult(List.of(cell, cell), List.of());
    assertThat(result.meanPagedSpeed()).isCloseTo(0.9, within(1e-12));
  }

  private static Timing timing(double cpuNanos) {
    return new Timing(9, cpuNanos, 1, 1);
  }
}
