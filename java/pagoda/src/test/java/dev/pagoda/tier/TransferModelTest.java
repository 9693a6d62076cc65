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
    double recomputeNanos = new PrefillModel(10_000, 0).nanos(16, 1);

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
        .isThrownBy(() -> PrefillModel.fit(List.of(new PrefillSample(10, 1, 1000))))
        .withMessageContaining("numSamples=1");
  }

  @Test
  void prefillIsFittedInTheSameWay() {
    PrefillModel machine = new PrefillModel(5000, 3e5);
    List<PrefillSample> samples = new ArrayList<>();
    for (int numTokens : new int[] {1, 16, 128, 1024}) {
      samples.add(new PrefillSample(numTokens, 1, Math.round(machine.nanos(numTokens, 1))));
    }

    PrefillModel fit = PrefillModel.fit(samples);

    assertThat(fit.tokensPerSecond()).isCloseTo(5000, within(1.0));
    assertThat(fit.nanosPerFeed()).isCloseTo(3e5, within(1.0));
  }

  @ParameterizedTest
  @CsvSource({"0, 1", "-1, 1", "NaN, 1", "Infinity, 1", "1, -1", "1, NaN", "1, Infinity"})
  void nonsenseIsRefused(double rate, double cost) {
    assertThatIllegalArgumentException().isThrownBy(() -> new TransferModel(rate, cost));
    assertThatIllegalArgumentException().isThrownBy(() -> new PrefillModel(rate, cost));
  }

  @ParameterizedTest
  @CsvSource({"0, 1, 1, bytes", "1, 0, 1, numTransfers", "1, 1, 0, nanos", "1, 1, -5, nanos"})
  void impossibleMeasurementsAreRefusedByName(long bytes, long transfers, long nanos, String name) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new TransferSample(bytes, transfers, nanos))
        .withMessageContaining(name + "=");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new PrefillSample(bytes, transfers, nanos));
  }
}
