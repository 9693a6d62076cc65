package dev.pagoda.internal.simd;

import static dev.pagoda.internal.simd.Lanes.COUNT;
import static dev.pagoda.internal.simd.Lanes.FLOATS;
import static dev.pagoda.internal.simd.Lanes.INTS;
import static dev.pagoda.internal.simd.Lanes.TILE;

import dev.pagoda.internal.kernel.CanonicalMath;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** What may happen to the scores of one row over one tile before they are weighed. */
final class BiasKernel {
  private static final FloatVector INDEXES = FloatVector.zero(FLOATS).addIndex(1);
  private static final IntVector IOTA = IntVector.zero(INTS).addIndex(1);
  private static final int ONE_BITS = 0x3f80_0000;
  private static final int EXPONENT_SHIFT = 23;

  private BiasKernel() {}

  /** Squashes scores into {@code [-cap, cap]} by {@link CanonicalMath#tanh}. */
  static void softCap(float[] memory, int scores, float cap) {
    float inverse = 1f / cap;
    for (int at = scores; at < scores + TILE; at += COUNT) {
      FloatVector x = FloatVector.fromArray(FLOATS, memory, at).mul(inverse);
      FloatVector magnitude = x.abs();

      FloatVector z = x.mul(x);
      FloatVector q = FloatVector.broadcast(FLOATS, CanonicalMath.TANH_C4);
      q = q.fma(z, FloatVector.broadcast(FLOATS, CanonicalMath.TANH_C3));
      q = q.fma(z, FloatVector.broadcast(FLOATS, CanonicalMath.TANH_C2));
      q = q.fma(z, FloatVector.broadcast(FLOATS, CanonicalMath.TANH_C1));
      q = q.fma(z, FloatVector.broadcast(FLOATS, CanonicalMath.TANH_C0));
      FloatVector small = q.mul(z).fma(x, x);

      // exp(2 * magnitude), as in WeightKernel.
      FloatVector e = magnitude.add(magnitude);
      e = e.blend(CanonicalMath.EXP_MAX, e.compare(VectorOperators.GT, CanonicalMath.EXP_MAX));
      FloatVector rounded = e.fma(CanonicalMath.LOG2_E, CanonicalMath.ROUNDER);
      FloatVector n = rounded.sub(CanonicalMath.ROUNDER);
      FloatVector r =
          n.fma(
              FloatVector.broadcast(FLOATS, -CanonicalMath.LN2_LOW),
              n.fma(FloatVector.broadcast(FLOATS, -CanonicalMath.LN2_HIGH), e));
      FloatVector p = FloatVector.broadcast(FLOATS, CanonicalMath.EXP_C5);
      p = p.fma(r, FloatVector.broadcast(FLOATS, CanonicalMath.EXP_C4));
      p = p.fma(r, FloatVector.broadcast(FLOATS, CanonicalMath.EXP_C3));
      p = p.fma(r, FloatVector.broadcast(FLOATS, CanonicalMath.EXP_C2));
      p = p.fma(r, FloatVector.broadcast(FLOATS, CanonicalMath.EXP_C1));
      p = p.fma(r, FloatVector.broadcast(FLOATS, CanonicalMath.EXP_C0));
      FloatVector power =
          rounded
              .reinterpretAsInts()
              .lanewise(VectorOperators.LSHL, EXPONENT_SHIFT)
              .add(ONE_BITS)
              .reinterpretAsFloats();
      FloatVector exp = p.fma(r.mul(r), r).add(1f).mul(power);

      FloatVector two = FloatVector.broadcast(FLOATS, 2f);
      FloatVector t = FloatVector.broadcast(FLOATS, 1f).sub(two.div(exp.add(1f)));
      t = t.blend(t.neg(), x.compare(VectorOperators.LT, 0f));
      t.blend(small, magnitude.compare(VectorOperators.LT, CanonicalMath.TANH_SMALL))
          .mul(cap)
          .intoArray(memory, at);
    }
  }

  /**
   * Adds {@code slope * distance}.
   *
   * @param distance position of the tile's start minus the row's
   */
  static void alibi(float[] memory, int scores, float slope, int distance) {
    FloatVector slopes = FloatVector.broadcast(FLOATS, slope);
    IntVector distances = IOTA.add(distance);
    for (int at = 0; at < TILE; at += COUNT) {
      FloatVector s = FloatVector.fromArray(FLOATS, memory, scores + at);
      FloatVector d = (FloatVector) distances.convert(VectorOperators.I2F, 0);
      slopes.fma(d, s).intoArray(memory, scores + at);
      distances = distances.add(COUNT);
    }
  }

  /** Replaces the scores of positions outside {@code [first, end)} of the tile. */
  static void hide(float[] memory, int scores, int first, int end) {
    for (int at = 0; at < TILE; at += COUNT) {
      FloatVector position = INDEXES.add(at);
      FloatVector.fromArray(FLOATS, memory, scores + at)
          .blend(Float.NEGATIVE_INFINITY, position.compare(VectorOperators.LT, first))
          .blend(Float.NEGATIVE_INFINITY, position.compare(VectorOperators.GE, end))
          .intoArray(memory, scores + at);
    }
  }
}
