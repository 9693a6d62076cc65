package dev.pagoda.internal.simd;

import static dev.pagoda.internal.simd.Lanes.COUNT;
import static dev.pagoda.internal.simd.Lanes.FLOATS;
import static dev.pagoda.internal.simd.Lanes.FP16_KEPT;
import static dev.pagoda.internal.simd.Lanes.FP16_MAGNITUDE;
import static dev.pagoda.internal.simd.Lanes.FP16_OVERFLOW;
import static dev.pagoda.internal.simd.Lanes.FP16_REBIAS;
import static dev.pagoda.internal.simd.Lanes.FP16_SHIFT;
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
import jdk.incubator.vector.VectorOperators;

/**
 * {@link ScoreKernel} for keys in FP16, widened on their way in: finite ones alone. Where a kernel
 * met another, its scores are worth nothing and it says so in {@link ContextTile#hasKeyOverflow}.
 */
final class Fp16ScoreKernel {
  /** Bytes from one dim of a group to the next where nothing lies between them. */
  static final int DENSE_BYTES = GROUP * Short.BYTES;

  private Fp16ScoreKernel() {}

  /** Four rows: 16 sums, 4 loads and 4 broadcasts per step. */
  static int four(
      ContextTile tile, int part, float[] memory, int queries, int scores, float scale) {
    MemorySegment source = tile.keySource;
    MemorySegment pool = tile.pool;
    int keyDim = tile.keyDim;
    long keyStride = tile.keyStrideBytes;
    long touchStride = tile.touchStrideBytes;
    long partBytes = (long) part * COUNT * Short.BYTES;
    long k0 = tile.keyGroups[0] + partBytes;
    long k1 = tile.keyGroups[1] + partBytes;
    long k2 = tile.keyGroups[2] + partBytes;
    long k3 = tile.keyGroups[3] + partBytes;
    long v0 = tile.touchGroups[0];
    long v1 = tile.touchGroups[1];
    long v2 = tile.touchGroups[2];
    long v3 = tile.touchGroups[3];
    int touched = 0;
    FloatVector s00 = FloatVector.zero(FLOATS);
    FloatVector s01 = s00;
    FloatVector s02 = s00;
    FloatVector s03 = s00;
    FloatVector s10 = s00;
    FloatVector s11 = s00;
    FloatVector s12 = s00;
    FloatVector s13 = s00;
    FloatVector s20 = s00;
    FloatVector s21 = s00;
    FloatVector s22 = s00;
    FloatVector s23 = s00;
    FloatVector s30 = s00;
    FloatVector s31 = s00;
    FloatVector s32 = s00;
    FloatVector s33 = s00;
    ShortVector seen = ShortVector.zero(SHORTS);
    for (int d = 0; d < keyDim; d++) {
      long at = d * keyStride;
      ShortVector h0 = ShortVector.fromMemorySegment(SHORTS, source, k0 + at, ORDER);
      seen = seen.max(h0.and(FP16_MAGNITUDE));
      FloatVector x0 =
          ((IntVector) h0.convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT)
              .reinterpretAsFloats()
              .mul(FP16_REBIAS);
      ShortVector h1 = ShortVector.fromMemorySegment(SHORTS, source, k1 + at, ORDER);
      seen = seen.max(h1.and(FP16_MAGNITUDE));
      FloatVector x1 =
          ((IntVector) h1.convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT)
              .reinterpretAsFloats()
              .mul(FP16_REBIAS);
      ShortVector h2 = ShortVector.fromMemorySegment(SHORTS, source, k2 + at, ORDER);
      seen = seen.max(h2.and(FP16_MAGNITUDE));
      FloatVector x2 =
          ((IntVector) h2.convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT)
              .reinterpretAsFloats()
              .mul(FP16_REBIAS);
      ShortVector h3 = ShortVector.fromMemorySegment(SHORTS, source, k3 + at, ORDER);
      seen = seen.max(h3.and(FP16_MAGNITUDE));
      FloatVector x3 =
          ((IntVector) h3.convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT)
              .reinterpretAsFloats()
              .mul(FP16_REBIAS);
      long touch = d * touchStride;
      touched += pool.get(ValueLayout.JAVA_BYTE, v0 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v1 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v2 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v3 + touch);
      int query = queries + d * ROWS;
      FloatVector q = FloatVector.broadcast(FLOATS, memory[query]);
      s00 = q.fma(x0, s00);
      s01 = q.fma(x1, s01);
      s02 = q.fma(x2, s02);
      s03 = q.fma(x3, s03);
      q = FloatVector.broadcast(FLOATS, memory[query + 1]);
      s10 = q.fma(x0, s10);
      s11 = q.fma(x1, s11);
      s12 = q.fma(x2, s12);
      s13 = q.fma(x3, s13);
      q = FloatVector.broadcast(FLOATS, memory[query + 2]);
      s20 = q.fma(x0, s20);
      s21 = q.fma(x1, s21);
      s22 = q.fma(x2, s22);
      s23 = q.fma(x3, s23);
      q = FloatVector.broadcast(FLOATS, memory[query + 3]);
      s30 = q.fma(x0, s30);
      s31 = q.fma(x1, s31);
      s32 = q.fma(x2, s32);
      s33 = q.fma(x3, s33);
    }
    tile.hasKeyOverflow |= seen.compare(VectorOperators.GE, FP16_OVERFLOW).anyTrue();
    int to = scores + part * COUNT;
    s00.mul(scale).intoArray(memory, to);
    s01.mul(scale).intoArray(memory, to + GROUP);
    s02.mul(scale).intoArray(memory, to + 2 * GROUP);
    s03.mul(scale).intoArray(memory, to + 3 * GROUP);
    to += TILE;
    s10.mul(scale).intoArray(memory, to);
    s11.mul(scale).intoArray(memory, to + GROUP);
    s12.mul(scale).intoArray(memory, to + 2 * GROUP);
    s13.mul(scale).intoArray(memory, to + 3 * GROUP);
    to += TILE;
    s20.mul(scale).intoArray(memory, to);
    s21.mul(scale).intoArray(memory, to + GROUP);
    s22.mul(scale).intoArray(memory, to + 2 * GROUP);
    s23.mul(scale).intoArray(memory, to + 3 * GROUP);
    to += TILE;
    s30.mul(scale).intoArray(memory, to);
    s31.mul(scale).intoArray(memory, to + GROUP);
    s32.mul(scale).intoArray(memory, to + 2 * GROUP);
    s33.mul(scale).intoArray(memory, to + 3 * GROUP);
    return touched;
  }

  /**
   * {@link #four} where the keys of a group follow each other, as in blocks of 16, and a value
   * takes as many bytes as a key: with constant strides the compiler checks bounds before the loop,
   * which takes a quarter of its instructions, and more lines are on their way at once.
   */
  static int fourDense(
      ContextTile tile, int part, float[] memory, int queries, int scores, float scale) {
    MemorySegment source = tile.keySource;
    MemorySegment pool = tile.pool;
    int keyDim = tile.keyDim;
    long partBytes = (long) part * COUNT * Short.BYTES;
    long k0 = tile.keyGroups[0] + partBytes;
    long k1 = tile.keyGroups[1] + partBytes;
    long k2 = tile.keyGroups[2] + partBytes;
    long k3 = tile.keyGroups[3] + partBytes;
    long v0 = tile.touchGroups[0];
    long v1 = tile.touchGroups[1];
    long v2 = tile.touchGroups[2];
    long v3 = tile.touchGroups[3];
    int touched = 0;
    FloatVector s00 = FloatVector.zero(FLOATS);
    FloatVector s01 = s00;
    FloatVector s02 = s00;
    FloatVector s03 = s00;
    FloatVector s10 = s00;
    FloatVector s11 = s00;
    FloatVector s12 = s00;
    FloatVector s13 = s00;
    FloatVector s20 = s00;
    FloatVector s21 = s00;
    FloatVector s22 = s00;
    FloatVector s23 = s00;
    FloatVector s30 = s00;
    FloatVector s31 = s00;
    FloatVector s32 = s00;
    FloatVector s33 = s00;
    ShortVector seen = ShortVector.zero(SHORTS);
    for (int d = 0; d < keyDim; d++) {
      long at = (long) d * DENSE_BYTES;
      ShortVector h0 = ShortVector.fromMemorySegment(SHORTS, source, k0 + at, ORDER);
      seen = seen.max(h0.and(FP16_MAGNITUDE));
      FloatVector x0 =
          ((IntVector) h0.convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT)
              .reinterpretAsFloats()
              .mul(FP16_REBIAS);
      ShortVector h1 = ShortVector.fromMemorySegment(SHORTS, source, k1 + at, ORDER);
      seen = seen.max(h1.and(FP16_MAGNITUDE));
      FloatVector x1 =
          ((IntVector) h1.convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT)
              .reinterpretAsFloats()
              .mul(FP16_REBIAS);
      ShortVector h2 = ShortVector.fromMemorySegment(SHORTS, source, k2 + at, ORDER);
      seen = seen.max(h2.and(FP16_MAGNITUDE));
      FloatVector x2 =
          ((IntVector) h2.convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT)
              .reinterpretAsFloats()
              .mul(FP16_REBIAS);
      ShortVector h3 = ShortVector.fromMemorySegment(SHORTS, source, k3 + at, ORDER);
      seen = seen.max(h3.and(FP16_MAGNITUDE));
      FloatVector x3 =
          ((IntVector) h3.convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT)
              .reinterpretAsFloats()
              .mul(FP16_REBIAS);
      touched += pool.get(ValueLayout.JAVA_BYTE, v0 + at);
      touched += pool.get(ValueLayout.JAVA_BYTE, v1 + at);
      touched += pool.get(ValueLayout.JAVA_BYTE, v2 + at);
      touched += pool.get(ValueLayout.JAVA_BYTE, v3 + at);
      int query = queries + d * ROWS;
      FloatVector q = FloatVector.broadcast(FLOATS, memory[query]);
      s00 = q.fma(x0, s00);
      s01 = q.fma(x1, s01);
      s02 = q.fma(x2, s02);
      s03 = q.fma(x3, s03);
      q = FloatVector.broadcast(FLOATS, memory[query + 1]);
      s10 = q.fma(x0, s10);
      s11 = q.fma(x1, s11);
      s12 = q.fma(x2, s12);
      s13 = q.fma(x3, s13);
      q = FloatVector.broadcast(FLOATS, memory[query + 2]);
      s20 = q.fma(x0, s20);
      s21 = q.fma(x1, s21);
      s22 = q.fma(x2, s22);
      s23 = q.fma(x3, s23);
      q = FloatVector.broadcast(FLOATS, memory[query + 3]);
      s30 = q.fma(x0, s30);
      s31 = q.fma(x1, s31);
      s32 = q.fma(x2, s32);
      s33 = q.fma(x3, s33);
    }
    tile.hasKeyOverflow |= seen.compare(VectorOperators.GE, FP16_OVERFLOW).anyTrue();
    int to = scores + part * COUNT;
    s00.mul(scale).intoArray(memory, to);
    s01.mul(scale).intoArray(memory, to + GROUP);
    s02.mul(scale).intoArray(memory, to + 2 * GROUP);
    s03.mul(scale).intoArray(memory, to + 3 * GROUP);
    to += TILE;
    s10.mul(scale).intoArray(memory, to);
    s11.mul(scale).intoArray(memory, to + GROUP);
    s12.mul(scale).intoArray(memory, to + 2 * GROUP);
    s13.mul(scale).intoArray(memory, to + 3 * GROUP);
    to += TILE;
    s20.mul(scale).intoArray(memory, to);
    s21.mul(scale).intoArray(memory, to + GROUP);
    s22.mul(scale).intoArray(memory, to + 2 * GROUP);
    s23.mul(scale).intoArray(memory, to + 3 * GROUP);
    to += TILE;
    s30.mul(scale).intoArray(memory, to);
    s31.mul(scale).intoArray(memory, to + GROUP);
    s32.mul(scale).intoArray(memory, to + 2 * GROUP);
    s33.mul(scale).intoArray(memory, to + 3 * GROUP);
    return touched;
  }

  /**
   * Four rows, groups 0 and 1 or 2 and 3, touching the values of the same: 8 sums, 2 loads and 4
   * broadcasts per step. For processors with 16 vector registers.
   */
  static int fourPair(
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
    ShortVector seen = ShortVector.zero(SHORTS);
    for (int d = 0; d < keyDim; d++) {
      long at = d * keyStride;
      ShortVector h0 = ShortVector.fromMemorySegment(SHORTS, source, k0 + at, ORDER);
      seen = seen.max(h0.and(FP16_MAGNITUDE));
      FloatVector x0 =
          ((IntVector) h0.convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT)
              .reinterpretAsFloats()
              .mul(FP16_REBIAS);
      ShortVector h1 = ShortVector.fromMemorySegment(SHORTS, source, k1 + at, ORDER);
      seen = seen.max(h1.and(FP16_MAGNITUDE));
      FloatVector x1 =
          ((IntVector) h1.convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT)
              .reinterpretAsFloats()
              .mul(FP16_REBIAS);
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
    tile.hasKeyOverflow |= seen.compare(VectorOperators.GE, FP16_OVERFLOW).anyTrue();
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
  static int one(ContextTile tile, int part, float[] memory, int queries, int scores, float scale) {
    MemorySegment source = tile.keySource;
    MemorySegment pool = tile.pool;
    int keyDim = tile.keyDim;
    long keyStride = tile.keyStrideBytes;
    long touchStride = tile.touchStrideBytes;
    long partBytes = (long) part * COUNT * Short.BYTES;
    long k0 = tile.keyGroups[0] + partBytes;
    long k1 = tile.keyGroups[1] + partBytes;
    long k2 = tile.keyGroups[2] + partBytes;
    long k3 = tile.keyGroups[3] + partBytes;
    long v0 = tile.touchGroups[0];
    long v1 = tile.touchGroups[1];
    long v2 = tile.touchGroups[2];
    long v3 = tile.touchGroups[3];
    int touched = 0;
    FloatVector s00 = FloatVector.zero(FLOATS);
    FloatVector s01 = s00;
    FloatVector s02 = s00;
    FloatVector s03 = s00;
    ShortVector seen = ShortVector.zero(SHORTS);
    for (int d = 0; d < keyDim; d++) {
      long at = d * keyStride;
      ShortVector h0 = ShortVector.fromMemorySegment(SHORTS, source, k0 + at, ORDER);
      seen = seen.max(h0.and(FP16_MAGNITUDE));
      FloatVector x0 =
          ((IntVector) h0.convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT)
              .reinterpretAsFloats()
              .mul(FP16_REBIAS);
      ShortVector h1 = ShortVector.fromMemorySegment(SHORTS, source, k1 + at, ORDER);
      seen = seen.max(h1.and(FP16_MAGNITUDE));
      FloatVector x1 =
          ((IntVector) h1.convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT)
              .reinterpretAsFloats()
              .mul(FP16_REBIAS);
      ShortVector h2 = ShortVector.fromMemorySegment(SHORTS, source, k2 + at, ORDER);
      seen = seen.max(h2.and(FP16_MAGNITUDE));
      FloatVector x2 =
          ((IntVector) h2.convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT)
              .reinterpretAsFloats()
              .mul(FP16_REBIAS);
      ShortVector h3 = ShortVector.fromMemorySegment(SHORTS, source, k3 + at, ORDER);
      seen = seen.max(h3.and(FP16_MAGNITUDE));
      FloatVector x3 =
          ((IntVector) h3.convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, FP16_SHIFT)
              .and(FP16_KEPT)
              .reinterpretAsFloats()
              .mul(FP16_REBIAS);
      long touch = d * touchStride;
      touched += pool.get(ValueLayout.JAVA_BYTE, v0 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v1 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v2 + touch);
      touched += pool.get(ValueLayout.JAVA_BYTE, v3 + touch);
      int query = queries + d;
      FloatVector q = FloatVector.broadcast(FLOATS, memory[query]);
      s00 = q.fma(x0, s00);
      s01 = q.fma(x1, s01);
      s02 = q.fma(x2, s02);
      s03 = q.fma(x3, s03);
    }
    tile.hasKeyOverflow |= seen.compare(VectorOperators.GE, FP16_OVERFLOW).anyTrue();
    int to = scores + part * COUNT;
    s00.mul(scale).intoArray(memory, to);
    s01.mul(scale).intoArray(memory, to + GROUP);
    s02.mul(scale).intoArray(memory, to + 2 * GROUP);
    s03.mul(scale).intoArray(memory, to + 3 * GROUP);
    return touched;
  }
}
