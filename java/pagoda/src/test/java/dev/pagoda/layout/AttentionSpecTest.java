package dev.pagoda.layout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AttentionSpecTest {
  private final AttentionSpec spec = AttentionSpec.causal(4, 0.5f);

  @ParameterizedTest
  @ValueSource(ints = {0, -1, Integer.MIN_VALUE, AttentionSpec.QUERY_HEADS_MAX + 1})
  void aNumberOfQueryHeadsOutOfItsRangeIsRefused(int numQueryHeads) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> AttentionSpec.causal(numQueryHeads, 1f))
        .withMessageEndingWith("numQueryHeads=" + numQueryHeads);
  }

  @Test
  void theWidestRowFitsInAnInt() {
    int widest = Math.multiplyExact(AttentionSpec.QUERY_HEADS_MAX, LayerShape.HEAD_DIM_MAX);

    assertThat(widest).isPositive();
    assertThat(AttentionSpec.causal(AttentionSpec.QUERY_HEADS_MAX, 1f).numQueryHeads())
        .isEqualTo(AttentionSpec.QUERY_HEADS_MAX);
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void anythingThatIsNotFiniteIsRefused(float value) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> AttentionSpec.causal(1, value))
        .withMessageEndingWith("softmaxScale=" + value);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> spec.withLogitSoftCap(value))
        .withMessageEndingWith("logitSoftCap=" + value);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> spec.withAlibiSlopes(0f, 1f, 2f, value))
        .withMessageEndingWith("alibiSlopes=" + value);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> spec.withSinks(value, 1f, 2f, 3f))
        .withMessageEndingWith("sinks=" + value);
  }

  @ParameterizedTest
  @ValueSource(floats = {-1f, -Float.MIN_VALUE, Float.MIN_VALUE, 1e-39f})
  void aSoftCapThatIsNegativeOrHasNoReciprocalIsRefused(float cap) {
    assertThatIllegalArgumentException().isThrownBy(() -> spec.withLogitSoftCap(cap));
  }

  @Test
  void numbersPerHeadAreOnePerQueryHeadOrNone() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> spec.withAlibiSlopes(1f))
        .withMessageEndingWith("numQueryHeads=4, alibiSlopes.length=1");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> spec.withSinks(1f, 2f, 3f, 4f, 5f))
        .withMessageEndingWith("numQueryHeads=4, sinks.length=5");
    assertThat(spec.withSinks(1f, 2f, 3f, 4f).withSinks().hasSinks()).isFalse();
    assertThat(spec.withAlibiSlopes(1f, 2f, 3f, 4f).withAlibiSlopes().hasAlibiSlopes()).isFalse();
  }

  @Test
  void kvHeadsMustDivideQueryHeads() {
    assertThat(spec.groupSize(LayerShape.of(1, 8, DType.FP32))).isEqualTo(4);
    assertThat(spec.groupSize(LayerShape.of(2, 8, DType.FP32))).isEqualTo(2);
    assertThat(spec.groupSize(LayerShape.of(4, 8, DType.FP32))).isEqualTo(1);
    for (int numKvHeads : new int[] {3, 5, 8}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> spec.groupSize(LayerShape.of(numKvHeads, 8, DType.FP32)))
          .withMessageEndingWith("numQueryHeads=4, numKvHeads=" + numKvHeads);
    }
  }

  @Test
  void eachWitherChangesOneThingAndTheOriginalNothing() {
    AttentionSpec full =
        spec.withMask(AttentionMask.FULL)
            .withLogitSoftCap(30f)
            .withAlibiSlopes(1f, 2f, 3f, 4f)
            .withSinks(5f, 6f, 7f, 8f);

    assertThat(full.numQueryHeads()).isEqualTo(4);
    assertThat(full.softmaxScale()).isEqualTo(0.5f);
    assertThat(full.mask()).isEqualTo(AttentionMask.FULL);
    assertThat(full.logitSoftCap()).isEqualTo(30f);
    assertThat(full.alibiSlope(2)).isEqualTo(3f);
    assertThat(full.sink(3)).isEqualTo(8f);
    assertThat(spec.mask()).isEqualTo(AttentionMask.CAUSAL);
    assertThat(spec.logitSoftCap()).isZero();
    assertThat(spec.hasAlibiSlopes()).isFalse();
    assertThat(spec.hasSinks()).isFalse();
  }

  @Test
  void arraysAreCopied() {
    float[] numbers = {1f, 2f, 3f, 4f};
    AttentionSpec sinks = spec.withSinks(numbers);
    AttentionSpec slopes = spec.withAlibiSlopes(numbers);
    numbers[0] = Float.NaN;

    assertThat(sinks.sink(0)).isEqualTo(1f);
    assertThat(slopes.alibiSlope(0)).isEqualTo(1f);
  }

  @Test
  void aMaskIsNeeded() {
    assertThatNullPointerException().isThrownBy(() -> spec.withMask(null));
  }
}
