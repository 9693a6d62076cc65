package dev.pagoda.lab.experiment;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Backend;
import org.junit.jupiter.api.Test;

class PressureExperimentTest {
  private static final Conditions CONDITIONS = new Conditions(Backend.SCALAR, true, 3, share -> {});

  @Test
  void everyWayServesAllChats() {
    PressureResult result = PressureExperiment.measure(CONDITIONS);

    assertThat(result.roomy().numPreemptions()).isZero();
    assertThat(result.served())
        .extracting(PressureResult.Served::way)
        .containsExactly("swap", "recompute", "chooser", "chooser, whole groups");
    assertThat(result.served()).allMatch(each -> each.numPreemptions() > 0);
    assertThat(result.way("swap").movedBytes()).isPositive();
    assertThat(result.way("swap").tokensFedAgain()).isZero();
    assertThat(result.way("recompute").tokensFedAgain()).isPositive();
    assertThat(result.way("recompute").movedBytes()).isZero();
    assertThat(result.way("chooser").numTails()).isPositive();
    assertThat(result.example()).contains(" takes ");
    assertThat(PressureSection.of(8, result, CONDITIONS).tables()).hasSize(2);
  }
}
