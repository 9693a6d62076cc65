package dev.pagoda.lab.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.pagoda.layout.AttentionMask;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.LayerShape;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** One head of one number: attention that can be done on paper. */
class ReferenceAttentionTest {
  private static final LayerShape SHAPE = LayerShape.of(1, 1, DType.FP32);
  private static final Offset<Double> EXACT = within(1e-12);
  private static final AttentionSpec SPEC = AttentionSpec.causal(1, 1f);

  /** Keys 1, 2, 4; values 10, 20, 40; the queries are all 1, so keys are scores. */
  private static ReferenceAttention.Result attend(AttentionSpec spec, int queryLength) {
    ContiguousKv kv = ContiguousKv.of(new float[] {1, 2, 4}, new float[] {10, 20, 40}, 3);
    return new ReferenceAttention(spec, SHAPE).attend(kv, new float[] {1, 1, 1}, queryLength);
  }

  @Test
  void aSingleVisibleKeyGivesItsValueAndItsScore() {
    ReferenceAttention.Result result = attend(SPEC, 3);
    assertThat(result.output()[0]).isEqualTo(10);
    assertThat(result.lse()[0]).isEqualTo(1);
  }

  @Test
  void weightsAreExponentialsOverTheirSum() {
    ReferenceAttention.Result result = attend(SPEC, 3);
    double sum = Math.exp(1) + Math.exp(2);
    assertThat(result.output()[1]).isCloseTo((10 * Math.exp(1) + 20 * Math.exp(2)) / sum, EXACT);
    assertThat(result.lse()[1]).isCloseTo(Math.log(sum), EXACT);
  }

  @Test
  void withoutCausalityTheFirstQuerySeesAll() {
    ReferenceAttention.Result result = attend(SPEC.withMask(AttentionMask.FULL), 3);
    assertThat(result.output()[0]).isEqualTo(result.output()[2]);
  }

  @Test
  void aWindowOfOneSeesItsOwnPositionAlone() {
    ReferenceAttention.Result result = attend(SPEC.withMask(AttentionMask.slidingWindow(1)), 3);
    assertThat(result.output()).containsExactly(10, 20, 40);
  }

  @Test
  void theSoftCapComesBeforeAlibi() {
    AttentionSpec spec = SPEC.withLogitSoftCap(2f).withAlibiSlopes(0.5f);
    ReferenceAttention.Result result = attend(spec, 1);
    double first = 2 * Math.tanh(1 / 2.0) - 1;
    double second = 2 * Math.tanh(2 / 2.0) - 0.5;
    double third = 2 * Math.tanh(4 / 2.0);
    assertThat(result.lse()[0])
        .isCloseTo(Math.log(Math.exp(first) + Math.exp(second) + Math.exp(third)), EXACT);
  }

  @Test
  void aSinkTakesWeightAndGivesNothing() {
    ReferenceAttention.Result result =
        attend(SPEC.withSinks(1f).withMask(AttentionMask.slidingWindow(1)), 1);
    double sum = Math.exp(4) + Math.exp(1);
    assertThat(result.output()[0]).isCloseTo(40 * Math.exp(4) / sum, EXACT);
    assertThat(result.lse()[0]).isCloseTo(Math.log(sum), EXACT);
  }

  @Test
  void aRowThatSeesNothingIsZeroAndMinusInfinity() {
    ContiguousKv nothing = ContiguousKv.of(new float[0], new float[0], 0);
    ReferenceAttention.Result result =
        new ReferenceAttention(SPEC.withMask(AttentionMask.FULL), SHAPE)
            .attend(nothing, new float[] {1}, 1);
    assertThat(result.output()).containsExactly(0);
    assertThat(result.lse()).containsExactly(Double.NEGATIVE_INFINITY);
  }
}
