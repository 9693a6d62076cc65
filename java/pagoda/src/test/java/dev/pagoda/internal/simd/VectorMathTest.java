package dev.pagoda.internal.simd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.internal.kernel.CanonicalMath;
import dev.pagoda.testing.Seeds;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The vector forms of the elementary functions: the scalar forms' bits, lane by lane. */
@Tag("vector-width")
class VectorMathTest {
  private static final long SEED = 7;
  private static final int TILES = 20_000; // of 64 numbers: 1.28 million
  private static final float[] EDGES = {
    0f,
    -0f,
    Float.MIN_VALUE,
    -Float.MIN_VALUE,
    Float.MIN_NORMAL,
    1f,
    -1f,
    -87f,
    -87.00001f,
    -86.99999f,
    -88f,
    -1e30f,
    0.625f,
    -0.625f,
    0.62499994f,
    43.9f,
    44f,
    44.1f,
    1e30f,
    -44.1f,
    Float.NEGATIVE_INFINITY,
    Float.POSITIVE_INFINITY,
    Float.NaN,
    Float.MAX_VALUE,
    -Float.MAX_VALUE
  };

  private final float[] memory = new float[2 * Lanes.TILE];
  private final RandomGenerator random = Seeds.generator(SEED, "vector math");

  @Test
  void weightsAreTheScalarOnes() {
    for (int tile = 0; tile < TILES; tile++) {
      float max = tile % 100 == 0 ? Float.NEGATIVE_INFINITY : random.nextFloat(-50f, 50f);
      float[] scores = numbers(-100f, 0f);
      for (int i = 0; i < scores.length; i++) {
        // Never above the maximum, as in a row.
        boolean isEdge = tile == 1 && i < EDGES.length && EDGES[i] <= 0f;
        float score = isEdge ? EDGES[i] + max : scores[i] + max;
        scores[i] = score > max ? max : score;
      }
      float[] expected = new float[Lanes.TILE];
      float[] sums = new float[Lanes.GROUP];
      for (int i = 0; i < Lanes.TILE; i++) {
        expected[i] = CanonicalMath.weight(scores[i], max);
        sums[i % Lanes.GROUP] += expected[i];
      }

      System.arraycopy(scores, 0, memory, 0, Lanes.TILE);
      RowKernel.zero(memory, Lanes.TILE, Lanes.GROUP);
      WeightKernel.weigh(memory, 0, Lanes.TILE, max);

      assertSameBits("weight", scores, expected, 0);
      assertSameBits("partial sum", sums, sums, Lanes.TILE);
    }
  }

  @Test
  void softCapsAreTheScalarOnes() {
    for (int tile = 0; tile < TILES; tile++) {
      float cap = tile == 0 ? 1f : random.nextFloat(0.1f, 60f);
      float[] scores = tile == 0 ? edges() : numbers(-3f * cap, 3f * cap);
      float[] expected = new float[Lanes.TILE];
      for (int i = 0; i < Lanes.TILE; i++) {
        expected[i] = cap * CanonicalMath.tanh(scores[i] * (1f / cap));
      }

      System.arraycopy(scores, 0, memory, 0, Lanes.TILE);
      BiasKernel.softCap(memory, 0, cap);

      assertSameBits("soft cap", scores, expected, 0);
    }
  }

  @Test
  void biasesAreTheScalarOnesAtAnyDistance() {
    int[] distances = {0, -1, -63, -1000, (1 << 24) - 30, -(1 << 24) - 30, -(1 << 30)};
    for (int distance : distances) {
      float slope = random.nextFloat(-1f, 1f);
      float[] scores = numbers(-5f, 5f);
      float[] expected = new float[Lanes.TILE];
      for (int i = 0; i < Lanes.TILE; i++) {
        expected[i] = Math.fma(slope, (float) (distance + i), scores[i]);
      }

      System.arraycopy(scores, 0, memory, 0, Lanes.TILE);
      BiasKernel.alibi(memory, 0, slope, distance);

      assertSameBits("bias at distance " + distance, scores, expected, 0);
    }
  }

  @Test
  void hiddenScoresAreMinusInfinityWhateverTheyWere() {
    for (int first = -3; first < Lanes.TILE; first++) {
      int end = first + 1 + random.nextInt(Lanes.TILE);
      float[] scores = edges();
      float[] expected = scores.clone();
      for (int i = 0; i < Lanes.TILE; i++) {
        if (i < first || i >= end) {
          expected[i] = Float.NEGATIVE_INFINITY;
        }
      }

      System.arraycopy(scores, 0, memory, 0, Lanes.TILE);
      BiasKernel.hide(memory, 0, first, end);

      assertSameBits("hidden outside " + first + " to " + end, scores, expected, 0);
    }
  }

  @Test
  void theLargestScoreIsFoundInEveryLane() {
    for (int i = 0; i < Lanes.TILE; i++) {
      float[] scores = numbers(-5f, 5f);
      scores[(i + 13) % Lanes.TILE] = Float.NaN; // never the larger one
      scores[i] = 6f;
      System.arraycopy(scores, 0, memory, 0, Lanes.TILE);

      assertThat(WeightKernel.exceeds(memory, 0, 5.5f)).isTrue();
      assertThat(WeightKernel.exceeds(memory, 0, 6f)).isFalse();
      assertThat(WeightKernel.max(memory, 0, 5.5f)).isEqualTo(6f);
      assertThat(WeightKernel.max(memory, 0, 7f)).isEqualTo(7f);
    }
  }

  private float[] numbers(float from, float to) {
    float[] numbers = new float[Lanes.TILE];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = random.nextFloat(from, to);
    }
    return numbers;
  }

  private float[] edges() {
    float[] numbers = numbers(-1f, 1f);
    System.arraycopy(EDGES, 0, numbers, 0, EDGES.length);
    return numbers;
  }

  private void assertSameBits(String name, float[] inputs, float[] expected, int start) {
    for (int i = 0; i < expected.length; i++) {
      float actual = memory[start + i];
      if (Float.floatToIntBits(actual) != Float.floatToIntBits(expected[i])) {
        throw new AssertionError(
            name
                + " differs: seed="
                + SEED
                + ", index="
                + i
                + ", input="
                + inputs[i]
                + ", actual="
                + actual
                + ", expected="
                + expected[i]);
      }
    }
  }
}
