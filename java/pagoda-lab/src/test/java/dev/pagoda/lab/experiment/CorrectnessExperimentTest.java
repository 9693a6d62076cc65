package dev.pagoda.lab.experiment;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Backend;
import dev.pagoda.lab.report.Section;
import dev.pagoda.lab.report.Verdict;
import dev.pagoda.layout.DType;
import java.util.List;
import org.junit.jupiter.api.Test;

class CorrectnessExperimentTest {
  private static final Conditions CONDITIONS = new Conditions(Backend.SCALAR, true, 3, share -> {});

  private static final Difference SAME = new Difference(0, 1, 1, 0);

  @Test
  void theLibraryHoldsWhatTheReportClaims() {
    CorrectnessResult result = CorrectnessExperiment.measure(CONDITIONS);
    assertThat(result.layers()).allMatch(CorrectnessResult.Layer::holds);
    assertThat(result.claims()).allMatch(CorrectnessResult.BitClaim::holds);
    assertThat(result.claims()).allMatch(claim -> claim.difference().numCompared() == 200 * 8 * 64);
    assertThat(result.layers())
        .as("FP32 is far closer than its bound, and BF16 is not FP32")
        .allSatisfy(layer -> {
          double relative = layer.difference().relative();
          boolean isFp32 = layer.layerCase().dtype() == DType.FP32;
          assertThat(relative < 1e-6).as(layer.toString()).isEqualTo(isFp32);
        });
    Section section = CorrectnessSection.of(1, result, CONDITIONS);
    assertThat(section.verdict().outcome()).isEqualTo(Verdict.Outcome.HOLDS);
  }

  @Test
  void aSingleOtherBitFailsTheReport() {
    float[] expected = {1f, 2f, 3f};
    float[] actual = {1f, Math.nextUp(2f), 3f};
    Difference difference = Difference.between(actual, expected);
    assertThat(difference.numOtherBits()).isEqualTo(1);
    assertThat(verdict(SAME, difference)).isEqualTo(Verdict.Outcome.FAILED);
    assertThat(verdict(SAME, Difference.between(expected, expected)))
        .isEqualTo(Verdict.Outcome.HOLDS);
    assertThat(Difference.between(new float[] {0f}, new float[] {-0f}).numOtherBits())
        .as("zeros of two signs are other bits")
        .isEqualTo(1);
  }

  @Test
  void aDistanceBeyondTheBoundFailsTheReport() {
    assertThat(verdict(new Difference(1e-4, 1, 10, 10), SAME)).isEqualTo(Verdict.Outcome.FAILED);
    assertThat(verdict(new Difference(1e-7, 1, 10, 10), SAME)).isEqualTo(Verdict.Outcome.HOLDS);
  }

  @Test
  void aNanIsNeverWithinABound() {
    float nan = Float.NaN;
    for (float[] actual : new float[][] {{nan, 1f, 2f}, {0f, nan, 2f}, {0f, 1f, nan}}) {
      Difference difference = Difference.between(actual, new float[] {0f, 1f, 2f});
      assertThat(verdict(difference.and(SAME), SAME)).isEqualTo(Verdict.Outcome.FAILED);
      assertThat(verdict(SAME.and(difference), SAME)).isEqualTo(Verdict.Outcome.FAILED);
    }
  }

  private static Verdict.Outcome verdict(Difference layer, Difference bits) {
    CorrectnessResult.LayerCase layerCase =
        new CorrectnessResult.LayerCase("8 heads of 64", 16, DType.FP32);
    CorrectnessResult result =
        new CorrectnessResult(
            List.of(new CorrectnessResult.Layer(layerCase, "scalar", layer)),
            List.of(new CorrectnessResult.Precision("scalar", layer)),
            List.of(new CorrectnessResult.BitClaim("claim", bits)));
    return CorrectnessSection.of(1, result, CONDITIONS).verdict().outcome();
  }
}
