package dev.pagoda.internal.simd;

import static dev.pagoda.internal.simd.Lanes.COUNT;
import static dev.pagoda.internal.simd.Lanes.FLOATS;
import static dev.pagoda.internal.simd.Lanes.GROUP;
import static dev.pagoda.internal.simd.Lanes.TILE;

import dev.pagoda.internal.kernel.CanonicalMath;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** From the scores of one row over one tile to its weights. */
final class WeightKernel {
  private static final int ONE_BITS = 0x3f80_0000; // of 1f: 2^n is this plus n in the exponent
  private static final int EXPONENT_SHIFT = 23;

  private WeightKernel() {}

  /** Whether one of a row's scores is larger than a maximum. */
  static boolean exceeds(float[] memory, int scores, float max) {
    FloatVector best = FloatVector.broadcast(FLOATS, max);
    for (int at = 0; at < TILE; at += COUNT) {
      FloatVector s = FloatVector.fromArray(FLOATS, memory, scores + at);
      best = best.blend(s, s.compare(VectorOperators.GT, best));
    }
    return best.compare(VectorOperators.GT, max).anyTrue();
  }

  /** The largest of a maximum and a row's scores. */
  static float max(float[] memory, int scores, float max) {
    FloatVector best = FloatVector.broadcast(FLOATS, max);
    for (int at = 0; at < TILE; at += COUNT) {
      FloatVector s = FloatVector.fromArray(FLOATS, memory, scores + at);
      best = best.blend(s, s.compare(VectorOperators.GT, best));
    }
    return best.reduceLanes(VectorOperators.MAX);
  }

  /**
   * Overwrites a row's scores with {@link CanonicalMath#weight} and adds them to its 16 partial
   * sums.
   *
   * @param max the row's maximum of some time, which no score exceeds by more than {@code
   *     MAX_SLACK}
   */
  static void weigh(float[] memory, int scores, int sums, float max) {
    // Where nothing larger than minus infinity is known, scores are that too and weigh 0.
    float base = max == Float.NEGATIVE_INFINITY ? 0f : max;
    for (int part = 0; part < GROUP; part += COUNT) {
      FloatVector sum = FloatVector.fromArray(FLOATS, memory, sums + part);
      for (int group = 0; group < TILE; group += GROUP) {
        int at = scores + part + group;
        FloatVector x = FloatVector.fromArray(FLOATS, memory, at).sub(base);
        FloatVector rounded = x.fma(CanonicalMath.LOG2_E, CanonicalMath.ROUNDER);
        FloatVector n = rounded.sub(CanonicalMath.ROUNDER);
        FloatVector r =
            n.fma(
                FloatVector.broadcast(FLOATS, -CanonicalMath.LN2_LOW),
                n.fma(FloatVector.broadcast(FLOATS, -CanonicalMath.LN2_HIGH), x));
        FloatVector p = FloatVector.broadcast(FLOATS, CanonicalMath.EXP_C5);
        p = p.fma(r, FloatVector.broadcast(FLOATS, CanonicalMath.EXP_C4));
        p = p.fma(r, FloatVector.broadcast(FLOATS, CanonicalMath.EXP_C3));
        p = p.fma(r, FloatVector.broadcast(FLOATS, CanonicalMath.EXP_C2));
        p = p.fma(r, FloatVector.broadcast(FLOATS, CanonicalMath.EXP_C1));
        p = p.fma(r, FloatVector.broadcast(FLOATS, CanonicalMath.EXP_C0));
        FloatVector y = p.fma(r.mul(r), r).add(1f);
        // The low bits of a rounded number are n itself.
        FloatVector power =
            rounded
                .reinterpretAsInts()
                .lanewise(VectorOperators.LSHL, EXPONENT_SHIFT)
                .add(ONE_BITS)
                .reinterpretAsFloats();
        FloatVector weight =
            y.mul(power).blend(0f, x.compare(VectorOperators.LT, CanonicalMath.EXP_MIN));
        weight.intoArray(memory, at);
        sum = sum.add(weight);
      }
      sum.intoArray(memory, sums + part);
    }
  }
}
