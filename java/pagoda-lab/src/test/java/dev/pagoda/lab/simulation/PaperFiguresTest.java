package dev.pagoda.lab.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.pagoda.lab.workload.Trace;
import dev.pagoda.lab.workload.Workload;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** Every published number comes out within four points, and would not with a wrong policy. */
class PaperFiguresTest {
  private static final Offset<Double> FOUR_POINTS = within(Published.TOLERANCE_POINTS);
  private static final PaperRuns RUNS = new PaperRuns(1);
  private static final List<PaperRuns.Memory> MEMORY = RUNS.memory(done -> {});

  static final List<Published.Batched> FIGURE_13 = Published.FIGURE_13;
  static final List<Published.Saved> FIGURE_15 = Published.FIGURE_15;

  @Test
  void memoryGoesWhereFigure2SaysItGoes() {
    for (Published.MemoryShares published : Published.FIGURE_2) {
      Occupancy ours =
          MEMORY.stream()
              .filter(each -> each.policy() == published.policy())
              .findFirst()
              .orElseThrow()
              .occupancy();
      assertThat(isWithin(ours, published)).as(published.toString()).isTrue();
    }
  }

  private static boolean isWithin(Occupancy ours, Published.MemoryShares published) {
    return isWithin(ours.liveShare(), published.live())
        && isWithin(ours.reservedShare(), published.reserved())
        && isWithin(ours.internalShare(), published.internal())
        && isWithin(ours.externalShare(), published.external());
  }

  private static boolean isWithin(double share, double percent) {
    return Double.isNaN(percent) || Math.abs(100 * share - percent) <= Published.TOLERANCE_POINTS;
  }

  /** Each policy is told from each other one, and from itself with a setting that is wrong. */
  @Test
  void aWrongPolicyIsOutsideTheTolerance() {
    ServerSettings paged = ServerSettings.paged(15_700);
    for (Published.MemoryShares published : Published.FIGURE_2) {
      for (MemoryPolicy other : MemoryPolicy.values()) {
        if (other != published.policy()) {
          assertThat(isWithin(occupancy(paged.withPolicy(other)), published))
              .as("%s taken for %s", other, published.policy())
              .isFalse();
        }
      }
    }
    ServerSettings tooLong =
        paged.edit().policy(MemoryPolicy.MAXIMUM).totalTokensMax(4096).tokenBudget(4096).done();
    assertThat(isWithin(occupancy(tooLong), Published.FIGURE_2.getFirst())).isFalse();
    assertThat(isWithin(occupancy(paged.withBlockSize(128)), Published.FIGURE_2.getLast()))
        .isFalse();
    assertThat(
            isWithin(occupancy(paged.edit().watermark(0.1).done()), Published.FIGURE_2.getLast()))
        .isFalse();
  }

  private static Occupancy occupancy(ServerSettings settings) {
    Trace trace = Trace.poisson(Workload.SHARE_GPT, 3_000, Double.POSITIVE_INFINITY, 1);
    return ServingSimulation.run(settings, Machines.A100_OPT_13B, trace, 1).occupancy();
  }

  @ParameterizedTest
  @FieldSource("FIGURE_13")
  void serversBatchAsManyRequestsAsFigure13Says(Published.Batched published) {
    assertThat(RUNS.batched(published.policy(), Published.SHARE_GPT, Published.SHARE_GPT_RATE))
        .isCloseTo(published.shareGpt(), FOUR_POINTS);
    assertThat(RUNS.batched(published.policy(), Published.ALPACA, Published.ALPACA_RATE))
        .isCloseTo(published.alpaca(), FOUR_POINTS);
  }

  @ParameterizedTest
  @FieldSource("FIGURE_15")
  void sharingSavesTheBlocksThatFigure15SaysItSaves(Published.Saved published) {
    double saved = 100 * RUNS.saved(published.workload(), published.beams(), published.width());
    if (Double.isNaN(published.saved())) {
      assertThat(saved).isBetween(published.beams() ? 44.3 : 16.2, published.beams() ? 66.3 : 30.5);
    } else {
      assertThat(saved).isCloseTo(published.saved(), FOUR_POINTS);
    }
  }

  @Test
  void halfABlockPerSequenceIsEmpty() {
    assertThat(100 * RUNS.internalWaste(Published.SHARE_GPT, 16)).isCloseTo(1.7, within(0.5));
    assertThat(100 * RUNS.internalWaste(Published.SHARE_GPT, 128)).isCloseTo(12.8, within(2.0));
    assertThat(100 * RUNS.internalWaste(Published.ALPACA, 16)).isCloseTo(9.0, within(2.0));
    assertThat(100 * RUNS.internalWaste(Published.ALPACA, 64)).isCloseTo(30.5, within(3.0));
  }

  @Test
  void pagedMemorySustainsWhatIsPublished() {
    for (Published.Knee knee : Published.FIGURE_12) {
      double ours =
          MEMORY.stream()
              .filter(each -> each.policy() == knee.policy())
              .mapToDouble(PaperRuns.Memory::requestsPerSecond)
              .sum();
      assertThat(ours / knee.requestsPerSecond()).as(knee.toString()).isBetween(0.8, 1.25);
    }
  }
}
