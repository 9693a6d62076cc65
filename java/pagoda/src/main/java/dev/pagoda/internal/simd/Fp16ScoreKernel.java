package dev.pagoda.internal.simd;

import static dev.pagoda.internal.simd.Lanes.COUNT;
import static dev.pagoda.internal.simd.Lanes.FLOATS;
import static dev.pagoda.internal.simd.Lanes.FP16_INFINITE;
import static dev.pagoda.internal.simd.Lanes.FP16_KEPT;
import static dev.pagoda.internal.simd.Lanes.FP16_REBIAS;
import static dev.pagoda.internal.simd.Lanes.FP16_SHIFT;
import static dev.pagoda.internal.simd.Lanes.FP32_INFINITE;
import static dev.pagoda.internal.simd.Lanes.GROUP;
import static dev.pagoda.internal.simd.Lanes.INTS;
import static dev.pagoda.internal.simd.Lanes.ORDER;
import static dev.pagoda.internal.simd.Lanes.SHORTS;
import static dev.pagoda.internal.simd.Lanes.TILE;
import static dev.pagoda.internal.simd.ScoreKernel.ROWS;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * {@link ScoreKernel} for keys in FP16, widened on their way in. That takes so many vector calls
 * that only two groups fit into a method: one call does groups 0 and 1, another 2 and 3, each
 * touching the values of its own two.
 */
final class Fp16ScoreKernel {
  private Fp16ScoreKernel() {}

  /** Four rows: 8 sums, 2 loads and 4 broadcasts per step. */
  static int four(
      ContextTile tile,
      int firstGroup,
      int part,
      float[] memory,
      int queries,
      int scores,
      float scale) {
    MemorySegment source = tile.keySource;
    MemorySegment pool = tile.pool;
    int keyDim = tile.keyDim;
    long keyStride = tile.keyStrideBytes;
    long touchStride = tile.touchStrideBytes;
    long partBytes = (long) part * COUNT * Short.BYTES;
    long k0 = tile.keyGroups[firstGroup] + partBytes;
    long k1 = tile.keyGroups[firstGroup + 1] + partBytes;
    long v0 = tile.touchGroups[firstGroup];
    long v1 = tile.touchGroups[firstGroup + 1];
    int touched = 0;
    FloatVector s00 = FloatVector.zero(FLOATS);
    FloatVector s01 = s00;
    FloatVector s10 = s00;
    FloatVector s11 = s00;
    FloatVector s20 = s00;
    FloatVector s21 = s00;
    FloatVector s30 = s00;
    FloatVector s31 = s00;
    for (int d = 0; d < keyDim; d++) {
      long at = d * keyStride;
      IntVector b0 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, source, k0 + at, ORDER)
                      .convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT);
      VectorMask<Integer> m0 = b0.and(FP16_INFINITE).compare(VectorOperators.EQ, FP16_INFINITE);
      FloatVector x0 =
          b0.reinterpretAsFloats()
              .mul(FP16_REBIAS)
              .reinterpretAsInts()
              .lanewise(VectorOperators.OR, FP32_INFINITE, m0)
              .reinterpretAsFloats();
      IntVector b1 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, source, k1 + at, ORDER)
                      .convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT);
      VectorMask<Integer> m1 = b1.and(FP16_INFINITE).compare(VectorOperators.EQ, FP16_INFINITE);
      FloatVector x1 =
          b1.reinterpretAsFloats()
              .mul(FP16_REBIAS)
              .reinterpretAsInts()
              .lanewise(VectorOperators.OR, FP32_INFINITE, m1)
              .reinterpretAsFloats();
      long touch = d * touchStride;
      touched += pool.get(ValueLayout.JAVA_BYTE, v0 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v1 + touch);
      int query = queries + d * ROWS;
      FloatVector q = FloatVector.broadcast(FLOATS, memory[query]);
      s00 = q.fma(x0, s00);
      s01 = q.fma(x1, s01);
      q = FloatVector.broadcast(FLOATS, memory[query + 1]);
      s10 = q.fma(x0, s10);
      s11 = q.fma(x1, s11);
      q = FloatVector.broadcast(FLOATS, memory[query + 2]);
      s20 = q.fma(x0, s20);
      s21 = q.fma(x1, s21);
      q = FloatVector.broadcast(FLOATS, memory[query + 3]);
      s30 = q.fma(x0, s30);
      s31 = q.fma(x1, s31);
    }
    int to = scores + firstGroup * GROUP + part * COUNT;
    s00.mul(scale).intoArray(memory, to);
    s01.mul(scale).intoArray(memory, to + GROUP);
    s10.mul(scale).intoArray(memory, to + TILE);
    s11.mul(scale).intoArray(memory, to + TILE + GROUP);
    s20.mul(scale).intoArray(memory, to + 2 * TILE);
    s21.mul(scale).intoArray(memory, to + 2 * TILE + GROUP);
    s30.mul(scale).intoArray(memory, to + 3 * TILE);
    s31.mul(scale).intoArray(memory, to + 3 * TILE + GROUP);
    return touched;
  }

  /** One row, whose query is not interleaved. */
  static int one(
      ContextTile tile,
      int firstGroup,
      int part,
      float[] memory,
      int queries,
      int scores,
      float scale) {
    MemorySegment source = tile.keySource;
    MemorySegment pool = tile.pool;
    int keyDim = tile.keyDim;
    long keyStride = tile.keyStrideBytes;
    long touchStride = tile.touchStrideBytes;
    long partBytes = (long) part * COUNT * Short.BYTES;
    long k0 = tile.keyGroups[firstGroup] + partBytes;
    long k1 = tile.keyGroups[firstGroup + 1] + partBytes;
    long v0 = tile.touchGroups[firstGroup];
    long v1 = tile.touchGroups[firstGroup + 1];
    int touched = 0;
    FloatVector s00 = FloatVector.zero(FLOATS);
    FloatVector s01 = s00;
    for (int d = 0; d < keyDim; d++) {
      long at = d * keyStride;
      IntVector b0 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, source, k0 + at, ORDER)
                      .convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT);
      VectorMask<Integer> m0 = b0.and(FP16_INFINITE).compare(VectorOperators.EQ, FP16_INFINITE);
      FloatVector x0 =
          b0.reinterpretAsFloats()
              .mul(FP16_REBIAS)
              .reinterpretAsInts()
              .lanewise(VectorOperators.OR, FP32_INFINITE, m0)
              .reinterpretAsFloats();
      IntVector b1 =
          ((IntVector)
                  ShortVector.fromMemorySegment(SHORTS, source, k1 + at, ORDER)
                      .convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT);
      VectorMask<Integer> m1 = b1.and(FP16_INFINITE).compare(VectorOperators.EQ, FP16_INFINITE);
      FloatVector x1 =
          b1.reinterpretAsFloats()
              .mul(FP16_REBIAS)
              .reinterpretAsInts()
              .lanewise(VectorOperators.OR, FP32_INFINITE, m1)
              .reinterpretAsFloats();
      long touch = d * touchStride;
      touched += pool.get(ValueLayout.JAVA_BYTE, v0 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v1 + touch);
      int query = queries + d;
      FloatVector q = FloatVector.broadcast(FLOATS, memory[query]);
      s00 = q.fma(x0, s00);
      s01 = q.fma(x1, s01);
    }
    int to = scores + firstGroup * GROUP + part * COUNT;
    s00.mul(scale).intoArray(memory, to);
    s01.mul(scale).intoArray(memory, to + GROUP);
    return touched;
  }
}
