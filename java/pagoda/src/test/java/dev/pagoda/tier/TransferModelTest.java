package dev.pagoda.tier;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.pagoda.testing.Seeds;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TransferModelTest {
  private static TransferSample measured(TransferModel machine, long bytes, long numTransfers) {
    return new TransferSample(bytes, numTransfers, Math.round(machine.nanos(bytes, numTransfers)));
  }

  @Test
  void aBlockOf16TokensOfHidden512TakesTwoAndAHalfMicrosecondsAt25GigabytesPerSecond() {
    long bytes = 16L * 512 * 2 * Float.BYTES;

    double swapNanos = new TransferModel(25e9, 0).nanos(bytes, 1);
    double recomputeNanos =
        new PrefillModel(10_000, 0, 0).nanos(PreemptionLoad.ofRun(0, 16, 1, bytes));

    assertThat(swapNanos).isCloseTo(2621.44, within(0.01));
    assertThat(recomputeNanos).isCloseTo(1.6e6, within(0.01));
    assertThat(recomputeNanos / swapNanos).isCloseTo(610, within(1.0));
  }

  @Test
  void twoMeasurementsOfDifferentBlockSizesDetermineIt() {
    TransferModel machine = new TransferModel(10e9, 2000);

    TransferModel fit =
        TransferModel.fit(
            List.of(measured(machine, 1 << 20, 256), measured(machine, 64 << 20, 64)));

    assertThat(fit.bytesPerSecond()).isCloseTo(10e9, within(1e5));
    assertThat(fit.nanosPerTransfer()).isCloseTo(2000, within(0.1));
  }

  @Test
  void manyNoisyMeasurementsComeClose() {
    TransferModel machine = new TransferModel(8e9, 1500);
    RandomGenerator random = Seeds.generator(1, "transfer noise");
    List<TransferSample> samples = new ArrayList<>();
    for (int i = 0; i < 500; i++) {
      long numTransfers = 1L << random.nextInt(10);
      long bytes = numTransfers * (1L << random.nextInt(10, 22));
      double noise = random.nextDouble(0.9, 1.1);
      samples.add(
          new TransferSample(
              bytes, numTransfers, Math.round(noise * machine.nanos(bytes, numTransfers))));
    }

    TransferModel fit = TransferModel.fit(samples);

    assertThat(fit.bytesPerSecond()).isCloseTo(8e9, within(2e8));
    assertThat(fit.nanosPerTransfer()).isCloseTo(1500, within(40.0));
  }

  @Test
  void aCostBelowNothingPerTransferIsNoise() {
    TransferModel fit =
        TransferModel.fit(
            List.of(new TransferSample(1000, 100, 1000), new TransferSample(1000, 1, 1010)));

    assertThat(fit.nanosPerTransfer()).isZero();
    assertThat(fit.bytesPerSecond()).isCloseTo(1e9 / 1.005, within(1e6));
  }

  @Test
  void measurementsThatDoNotDetermineItAreRefusedByName() {
    TransferSample sample = new TransferSample(1 << 20, 16, 1000);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TransferModel.fit(List.of()))
        .withMessageContaining("numSamples=0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TransferModel.fit(List.of(sample)))
        .withMessageContaining("numSamples=1");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TransferModel.fit(List.of(sample, new TransferSample(2 << 20, 32, 2100))))
        .withMessageContaining("same bytes per numTransfers");
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            TransferModel.fit(
                List.of(new TransferSample(100, 10, 1000), new TransferSample(1000, 11, 1000))))
        .withMessageContaining("more bytes do not take longer");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PrefillModel.fit(List.of(PrefillSample.ofRun(0, 10, 1000))))
        .withMessageContaining("numSamples=1");
  }

  private static PrefillModel fitted(PrefillModel machine, int... lengths) {
    List<PrefillSample> samples = new ArrayList<>();
    for (int length : lengths) {
      double nanos = machine.nanos(PreemptionLoad.ofRun(0, length, 1, 1));
      samples.add(PrefillSample.ofRun(0, length, Math.round(nanos)));
    }
    return PrefillModel.fit(samples);
  }

  @Test
  void prefillIsFittedInTheSameWay() {
    PrefillModel fit = fitted(new PrefillModel(5000, 3e5, 0), 1, 16, 128, 1024);

    assertThat(fit.tokensPerSecond()).isCloseTo(5000, within(1.0));
    assertThat(fit.nanosPerFeed()).isCloseTo(3e5, within(1.0));
    assertThat(fit.nanosPerAttended()).isZero();
  }

  @Test
  void theGrowthOfAttentionIsFoundWhereItIs() {
    PrefillModel fit = fitted(new PrefillModel(5000, 3e5, 40), 16, 128, 1024, 8192);

    assertThat(fit.tokensPerSecond()).isCloseTo(5000, within(1.0));
    assertThat(fit.nanosPerFeed()).isCloseTo(3e5, within(100.0));
    assertThat(fit.nanosPerAttended()).isCloseTo(40, within(0.01));
  }

  @Test
  void twoPrefillsTellTwoTerms() {
    PrefillModel fit = fitted(new PrefillModel(5000, 3e5, 0), 16, 1024);

    assertThat(fit.tokensPerSecond()).isCloseTo(5000, within(1.0));
    assertThat(fit.nanosPerAttended()).isZero();
  }

  @Test
  void aTailThatAttendsToALongContextCostsMoreThanAHeadOfTheSameLength() {
    PrefillModel machine = new PrefillModel(1e6, 0, 10);
    PreemptionLoad head = PreemptionLoad.ofRun(0, 100, 1, 1);
    PreemptionLoad tail = PreemptionLoad.ofRun(900, 1000, 1, 1);

    assertThat(head.numAttended()).isEqualTo(5050);
    assertThat(tail.numAttended()).isEqualTo(95_050);
    assertThat(machine.nanos(head)).isCloseTo(100_000 + 50_500, within(1e-6));
    assertThat(machine.nanos(tail)).isCloseTo(100_000 + 950_500, within(1e-6));
  }

  @ParameterizedTest
  @CsvSource({"0, 1", "-1, 1", "NaN, 1", "Infinity, 1", "1, -1", "1, NaN", "1, Infinity"})
  void nonsenseIsRefused(double rate, double cost) {
    assertThatIllegalArgumentException().isThrownBy(() -> new TransferModel(rate, cost));
    assertThatIllegalArgumentException().isThrownBy(() -> new PrefillModel(rate, cost, 0));
    assertThatIllegalArgumentException().isThrownBy(() -> new PrefillModel(rate, 0, cost));
  }

  @ParameterizedTest
  @CsvSource({"0, 1, 1, bytes", "1, 0, 1, numTransfers", "1, 1, 0, nanos", "1, 1, -5, nanos"})
  void impossibleMeasurementsAreRefusedByName(long bytes, long transfers, long nanos, String name) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new TransferSample(bytes, transfers, nanos))
        .withMessageContaining(name + "=");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new PrefillSample(bytes, transfers, 1, nanos));
  }
}
