package dev.pagoda.lab.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.lab.workload.LengthDistribution;
import dev.pagoda.lab.workload.Outputs;
import dev.pagoda.lab.workload.Trace;
import dev.pagoda.lab.workload.Workload;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What the library does with all its bytes, token by token, is what the simulation foretold: the
 * same blocks in use in every step.
 */
class RecordedRunTest {
  private static final long SEED = Long.getLong("dev.pagoda.test.seed", 1);
  private static final int POOL_TOKENS = 1_000;

  /** Servers that differ in what they do under pressure. */
  enum Server {
    RECOMPUTE(base().done()),
    SMALL_BLOCKS(base().blockSize(3).done()),
    WHOLE_PROMPTS(base().chunkedPrefill(false).tokenBudget(160).done()),
    NO_WATERMARK(base().watermark(0).done()),
    SWAP(base().preemption(ServerSettings.Preemption.SWAP).hostBlocks(1_000).done()),
    SMALL_HOST(base().preemption(ServerSettings.Preemption.SWAP).hostBlocks(8).done()),
    SAMPLES(base().outputs(new Outputs.Samples(3)).done()),
    SAMPLES_SWAPPED(
        base()
            .outputs(new Outputs.Samples(3))
            .preemption(ServerSettings.Preemption.SWAP)
            .hostBlocks(1_000)
            .done()),
    BEAMS(base().outputs(new Outputs.Beams(4, 0.2)).done()),
    BEAMS_SWAPPED(
        base()
            .outputs(new Outputs.Beams(4, 0.2))
            .preemption(ServerSettings.Preemption.SWAP)
            .hostBlocks(1_000)
            .done());

    @SuppressWarnings("ImmutableEnumChecker") // a record of numbers
    final ServerSettings settings;

    Server(ServerSettings settings) {
      this.settings = settings;
    }

    static ServerSettings.Edit base() {
      return ServerSettings.paged(POOL_TOKENS)
          .edit()
          .totalTokensMax(160)
          .tokenBudget(64)
          .sequencesMax(48);
    }
  }

  private static Trace trace(double rate) {
    Workload short_ =
        new Workload(
            "short",
            new LengthDistribution.Gamma(30, 30, 100),
            new LengthDistribution.Gamma(40, 40, 100),
            160);
    return Trace.poisson(short_, 150, rate, SEED);
  }

  @ParameterizedTest
  @EnumSource
  void theSimulationForetellsTheBlocksOfEveryStep(Server server) {
    for (double rate : new double[] {0.1, 1, Double.POSITIVE_INFINITY}) {
      long[] recorded = RecordedRun.usedBlocks(server.settings, trace(rate), SEED);
      long[] foretold = RecordedRun.foretold(server.settings, trace(rate), SEED);

      assertThat(Arrays.mismatch(foretold, recorded))
          .as("first step that differs, rate=%s, seed=%d", rate, SEED)
          .isEqualTo(-1);
      assertThat(recorded.length).isGreaterThan(200);
    }
  }

  @Test
  void theRunsAreUnderPressure() {
    for (Server server : Server.values()) {
      try (ServingSimulation simulation =
          new ServingSimulation(
              server.settings, Machines.A100_OPT_13B, trace(Double.POSITIVE_INFINITY), SEED)) {
        assertThat(simulation.run().numPreemptions()).as(server.name()).isPositive();
      }
    }
  }

  /** A simulation that is wrong by little is found out. */
  @Test
  void aWrongWatermarkBlockSizeOrVictimShows() {
    long[] recorded = RecordedRun.usedBlocks(Server.RECOMPUTE.settings, trace(1), SEED);
    for (ServerSettings wrong :
        new ServerSettings[] {
          Server.base().watermark(0.04).done(),
          Server.base().blockSize(15).done(),
          Server.base().tokenBudget(63).done(),
          Server.SWAP.settings,
          Server.WHOLE_PROMPTS.settings
        }) {
      assertThat(Arrays.equals(RecordedRun.foretold(wrong, trace(1), SEED), recorded))
          .as(wrong.toString())
          .isFalse();
    }
  }
}
