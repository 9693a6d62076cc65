package dev.pagoda.lab.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.pagoda.Backend;
import dev.pagoda.tier.PreemptionModel;
import dev.pagoda.tier.PrefillModel;
import dev.pagoda.tier.TransferModel;
import java.util.List;
import org.junit.jupiter.api.Test;

class PreemptionExperimentTest {
  private static final Conditions CONDITIONS = new Conditions(Backend.SCALAR, true, 3, share -> {});

  @Test
  void movesAndComputesWholeSequences() {
    List<Preemptions.Case> cases =
        List.of(
            new Preemptions.Case(16, 16),
            new Preemptions.Case(40, 16),
            new Preemptions.Case(16, 1));
    Preemptions preemptions = Preemptions.compare(cases, new Turns(1, 1_000_000), CONDITIONS);
    PreemptionModel model = preemptions.fit();
    List<PreemptionResult.Preempted> results = preemptions.results(model);
    assertThat(results).extracting(PreemptionResult.Preempted::numBlocks).containsExactly(1, 3, 16);
    assertThat(results)
        .extracting(PreemptionResult.Preempted::bytes)
        .containsExactly(16 * 4096L, 48 * 4096L, 16 * 4096L);
    assertThat(results)
        .allSatisfy(each -> {
          assertThat(each.swap().wallNanos()).isPositive();
          assertThat(each.recompute().wallNanos()).isGreaterThan(each.swap().wallNanos());
          assertThat(each.modelledSwapNanos()).isPositive();
          assertThat(each.modelledRecomputeNanos()).isPositive();
        });
  }

  /** By hand: 1,024 tokens of 800 KiB at 25 GB/s are 33.6 ms each way. */
  @Test
  void theModelledCardMatchesTheSumsDoneByHand() {
    PreemptionResult.Modelled sixteen =
        PreemptionExperiment.model().stream()
            .filter(each -> each.blockSize() == 16)
            .findFirst()
            .orElseThrow();
    double bothWaysMillis = 2 * 1024 * 819_200 / 25e9 * 1e3;
    assertThat(sixteen.recomputeNanos() / 1e6).isCloseTo(102.4, within(1e-6));
    assertThat(sixteen.swapWholeNanos() / 1e6)
        .isCloseTo(bothWaysMillis + 2 * 64 * 0.01, within(1e-6));
    assertThat(sixteen.swapByLayerNanos() / 1e6)
        .isCloseTo(bothWaysMillis + 2 * 64 * 80 * 0.01, within(1e-6));
  }

  @Test
  void onlyPiecesPerLayerHaveACrossover() {
    PreemptionResult result =
        new PreemptionResult(
            List.of(),
            List.of(),
            new PreemptionModel(
                new TransferModel(1, 0), new TransferModel(1, 0), new PrefillModel(1, 0, 0)),
            PreemptionExperiment.model());
    assertThat(result.crossoverByLayer()).hasValue(64);
    assertThat(result.crossoverWhole()).hasValue(1);
  }
}
