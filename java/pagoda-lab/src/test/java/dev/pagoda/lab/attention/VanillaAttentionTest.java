package dev.pagoda.lab.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.pagoda.layout.AttentionMask;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.LayerShape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VanillaAttentionTest {
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1, true, 0",
    "8, 8, 64, 40, true, 0",
    "8, 2, 64, 40, true, 0",
    "8, 1, 32, 17, false, 0",
    "3, 3, 40, 77, true, 5",
    "4, 2, 16, 33, false, 9"
  })
  void agreesWithFloat64(
      int numQueryHeads, int numKvHeads, int headDim, int length, boolean causal, int window) {
    LayerShape shape = new LayerShape(numKvHeads, headDim, headDim + 3, DType.FP32, DType.FP32);
    AttentionSpec spec =
        AttentionSpec.causal(numQueryHeads, (float) (1 / Math.sqrt(headDim)))
            .withMask(new AttentionMask(causal, window));
    TokenRows rows = TokenRows.random(length, numQueryHeads, shape, length);
    ContiguousKv kv = ContiguousKv.of(rows.keys(), rows.values(), length);
    new VanillaAttention(spec, shape)
        .attend(kv, QueryRows.of(rows.queries(), rows.output(), length));

    double[] expected =
        new ReferenceAttention(spec, shape).attend(kv, rows.queries(), length).output();
    for (int i = 0; i < expected.length; i++) {
      // Weights of at most a hundred tokens, values below 6, sums of a hundred roundings.
      assertThat((double) rows.output()[i]).as("output " + i).isCloseTo(expected[i], within(4e-5));
    }
  }

  @Test
  void theLastTokensAloneAreThoseOfTheWhole() {
    LayerShape shape = LayerShape.of(2, 16, DType.FP32);
    AttentionSpec spec = AttentionSpec.causal(4, 0.25f);
    TokenRows rows = TokenRows.random(20, 4, shape, 3);
    ContiguousKv kv = ContiguousKv.of(rows.keys(), rows.values(), 20);
    VanillaAttention attention = new VanillaAttention(spec, shape);
    attention.attend(kv, QueryRows.of(rows.queries(), rows.output(), 20));

    TokenRows last = rows.slice(15, 20, 20);
    attention.attend(kv, QueryRows.of(last.queries(), last.output(), 5));
    assertThat(rows.output()).endsWith(last.output());
  }

  @Test
  void refusesWhatTextbooksDoNotHave() {
    LayerShape shape = LayerShape.of(1, 4, DType.FP32);
    AttentionSpec spec = AttentionSpec.causal(1, 1f);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new VanillaAttention(spec.withLogitSoftCap(5f), shape));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new VanillaAttention(spec.withSinks(0f), shape));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new VanillaAttention(spec.withAlibiSlopes(1f), shape));
  }
}
