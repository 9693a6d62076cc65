package dev.pagoda.lab.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class TurnsTest {
  private final List<String> visits = new ArrayList<>();
  private int callsInVisit;

  @Test
  void visitsInTurnsAndBackwardsEveryOtherRound() {
    List<Turns.Trial> trials = List.of(() -> call("a"), () -> call("b"), () -> call("c"));
    new Turns(3, 0).compare(trials, share -> {});
    assertThat(visits.subList(visits.size() - 9, visits.size()))
        .as("three rounds of visits, after the warm-up")
        .containsExactly("a", "b", "c", "c", "b", "a", "a", "b", "c");
  }

  /** A visit that may take no time is three calls. */
  private void call(String name) {
    callsInVisit++;
    if (callsInVisit == 3) {
      visits.add(name);
      callsInVisit = 0;
    }
  }

  @Test
  void slowerThingsHaveLongerTimes() {
    List<Timing> timings =
        new Turns(5, 10_000_000)
            .compare(List.of(() -> spin(20_000), () -> spin(200_000)), share -> {});
    assertThat(timings.get(0).wallNanos()).isGreaterThanOrEqualTo(20_000);
    assertThat(timings.get(1).wallNanos()).isGreaterThanOrEqualTo(200_000);
    assertThat(timings.get(0).wallNanos()).isLessThan(timings.get(1).wallNanos());
    assertThat(timings).allMatch(timing -> timing.numCalls() >= 15 && timing.spread() >= 1);
  }

  private static void spin(long nanos) {
    long start = System.nanoTime();
    while (System.nanoTime() - start < nanos) {
      Thread.onSpinWait();
    }
  }

  @Test
  void medianIsTheMiddle() {
    assertThat(Turns.median(new double[] {5, 1, 9, 100}, 3)).isEqualTo(5);
    assertThat(Turns.median(new double[] {4, 1, 2, 3}, 4)).isCloseTo(2.5, within(1e-12));
    assertThat(Turns.median(new double[] {7}, 1)).isEqualTo(7);
  }

  @Test
  void progressEndsAtOne() {
    List<Double> shares = new ArrayList<>();
    new Turns(2, 0).compare(List.of(() -> {}, () -> {}), shares::add);
    assertThat(shares).isSorted();
    assertThat(shares.getLast()).isCloseTo(1, within(1e-12));
  }
}
