package dev.pagoda.internal.simd;

import static dev.pagoda.internal.simd.Lanes.COUNT;
import static dev.pagoda.internal.simd.Lanes.FLOATS;

import jdk.incubator.vector.FloatVector;

/** A row's accumulators between the tiles. Counts are multiples of 16. */
final class RowKernel {
  private RowKernel() {}

  /** Writes zeros. */
  static void zero(float[] memory, int offset, int count) {
    FloatVector zero = FloatVector.zero(FLOATS);
    for (int at = 0; at < count; at += COUNT) {
      zero.intoArray(memory, offset + at);
    }
  }

  /** Multiplies numbers with a factor. */
  static void scale(float[] memory, int offset, int count, float factor) {
    for (int at = 0; at < count; at += COUNT) {
      FloatVector.fromArray(FLOATS, memory, offset + at).mul(factor).intoArray(memory, offset + at);
    }
  }

  /** {@code total = fma(later, laterFactor, total * factor)}. */
  static void merge(
      float[] memory, int total, float factor, int later, float laterFactor, int count) {
    FloatVector factors = FloatVector.broadcast(FLOATS, laterFactor);
    for (int at = 0; at < count; at += COUNT) {
      FloatVector a = FloatVector.fromArray(FLOATS, memory, total + at);
      FloatVector b = FloatVector.fromArray(FLOATS, memory, later + at);
      b.fma(factors, a.mul(factor)).intoArray(memory, total + at);
    }
  }
}
