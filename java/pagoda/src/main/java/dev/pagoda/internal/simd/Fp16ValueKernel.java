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

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/**
 * {@link ValueKernel} for values in FP16, widened on their way in: finite ones alone. Where a
 * kernel met another, it stores nothing and returns false.
 */
final class Fp16ValueKernel {
  /** Elements of a column of two vectors. */
  static final int PAIR = 2 * COUNT;

  private Fp16ValueKernel() {}

  /** Four rows, a wide column: 16 sums, 4 loads and 4 broadcasts per position. */
  static boolean four(
      ContextTile tile,
      int column,
      float[] memory,
      int weights,
      int values,
      int stride,
      int from,
      int to) {
    MemorySegment source = tile.valueSource;
    long[] groups = tile.valueGroups;
    int rowBytes = tile.valueRowBytes;
    long columnBytes = (long) column * Short.BYTES;
    int to0 = values + column;
    int to1 = to0 + stride;
    int to2 = to1 + stride;
    int to3 = to2 + stride;
    FloatVector a00 = FloatVector.fromArray(FLOATS, memory, to0);
    FloatVector a01 = FloatVector.fromArray(FLOATS, memory, to0 + COUNT);
    FloatVector a02 = FloatVector.fromArray(FLOATS, memory, to0 + 2 * COUNT);
    FloatVector a03 = FloatVector.fromArray(FLOATS, memory, to0 + 3 * COUNT);
    FloatVector a10 = FloatVector.fromArray(FLOATS, memory, to1);
    FloatVector a11 = FloatVector.fromArray(FLOATS, memory, to1 + COUNT);
    FloatVector a12 = FloatVector.fromArray(FLOATS, memory, to1 + 2 * COUNT);
    FloatVector a13 = FloatVector.fromArray(FLOATS, memory, to1 + 3 * COUNT);
    FloatVector a20 = FloatVector.fromArray(FLOATS, memory, to2);
    FloatVector a21 = FloatVector.fromArray(FLOATS, memory, to2 + COUNT);
    FloatVector a22 = FloatVector.fromArray(FLOATS, memory, to2 + 2 * COUNT);
    FloatVector a23 = FloatVector.fromArray(FLOATS, memory, to2 + 3 * COUNT);
    FloatVector a30 = FloatVector.fromArray(FLOATS, memory, to3);
    FloatVector a31 = FloatVector.fromArray(FLOATS, memory, to3 + COUNT);
    FloatVector a32 = FloatVector.fromArray(FLOATS, memory, to3 + 2 * COUNT);
    FloatVector a33 = FloatVector.fromArray(FLOATS, memory, to3 + 3 * COUNT);
    ShortVector seen = ShortVector.zero(SHORTS);
    int j = from;
    while (j < to) {
      // To the end of the group.
      long base = groups[j / GROUP] + columnBytes;
      int start = j % GROUP;
      int end = Math.min(GROUP, start + to - j);
      int w = weights + j - start;
      for (int t = start; t < end; t++) {
        long at = base + (long) t * rowBytes;
        ShortVector h0 = ShortVector.fromMemorySegment(SHORTS, source, at, ORDER);
        seen = seen.max(h0.and(FP16_MAGNITUDE));
        FloatVector x0 =
            ((IntVector) h0.convertShape(VectorOperators.S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, FP16_SHIFT)
                .and(FP16_KEPT)
                .reinterpretAsFloats()
                .mul(FP16_REBIAS);
        ShortVector h1 =
            ShortVector.fromMemorySegment(SHORTS, source, at + (long) COUNT * Short.BYTES, ORDER);
        seen = seen.max(h1.and(FP16_MAGNITUDE));
        FloatVector x1 =
            ((IntVector) h1.convertShape(VectorOperators.S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, FP16_SHIFT)
                .and(FP16_KEPT)
                .reinterpretAsFloats()
                .mul(FP16_REBIAS);
        ShortVector h2 =
            ShortVector.fromMemorySegment(SHORTS, source, at + 2L * COUNT * Short.BYTES, ORDER);
        seen = seen.max(h2.and(FP16_MAGNITUDE));
        FloatVector x2 =
            ((IntVector) h2.convertShape(VectorOperators.S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, FP16_SHIFT)
                .and(FP16_KEPT)
                .reinterpretAsFloats()
                .mul(FP16_REBIAS);
        ShortVector h3 =
            ShortVector.fromMemorySegment(SHORTS, source, at + 3L * COUNT * Short.BYTES, ORDER);
        seen = seen.max(h3.and(FP16_MAGNITUDE));
        FloatVector x3 =
            ((IntVector) h3.convertShape(VectorOperators.S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, FP16_SHIFT)
                .and(FP16_KEPT)
                .reinterpretAsFloats()
                .mul(FP16_REBIAS);
        FloatVector p = FloatVector.broadcast(FLOATS, memory[w + t]);
        a00 = p.fma(x0, a00);
        a01 = p.fma(x1, a01);
        a02 = p.fma(x2, a02);
        a03 = p.fma(x3, a03);
        p = FloatVector.broadcast(FLOATS, memory[w + t + TILE]);
        a10 = p.fma(x0, a10);
        a11 = p.fma(x1, a11);
        a12 = p.fma(x2, a12);
        a13 = p.fma(x3, a13);
        p = FloatVector.broadcast(FLOATS, memory[w + t + 2 * TILE]);
        a20 = p.fma(x0, a20);
        a21 = p.fma(x1, a21);
        a22 = p.fma(x2, a22);
        a23 = p.fma(x3, a23);
        p = FloatVector.broadcast(FLOATS, memory[w + t + 3 * TILE]);
        a30 = p.fma(x0, a30);
        a31 = p.fma(x1, a31);
        a32 = p.fma(x2, a32);
        a33 = p.fma(x3, a33);
      }
      j += end - start;
    }
    if (seen.compare(VectorOperators.GE, FP16_OVERFLOW).anyTrue()) {
      return false;
    }
    a00.intoArray(memory, to0);
    a01.intoArray(memory, to0 + COUNT);
    a02.intoArray(memory, to0 + 2 * COUNT);
    a03.intoArray(memory, to0 + 3 * COUNT);
    a10.intoArray(memory, to1);
    a11.intoArray(memory, to1 + COUNT);
    a12.intoArray(memory, to1 + 2 * COUNT);
    a13.intoArray(memory, to1 + 3 * COUNT);
    a20.intoArray(memory, to2);
    a21.intoArray(memory, to2 + COUNT);
    a22.intoArray(memory, to2 + 2 * COUNT);
    a23.intoArray(memory, to2 + 3 * COUNT);
    a30.intoArray(memory, to3);
    a31.intoArray(memory, to3 + COUNT);
    a32.intoArray(memory, to3 + 2 * COUNT);
    a33.intoArray(memory, to3 + 3 * COUNT);
    return true;
  }

  /** One row, a wide column. */
  static boolean one(
      ContextTile tile, int column, float[] memory, int weights, int values, int from, int to) {
    MemorySegment source = tile.valueSource;
    long[] groups = tile.valueGroups;
    int rowBytes = tile.valueRowBytes;
    long columnBytes = (long) column * Short.BYTES;
    int to0 = values + column;
    FloatVector a00 = FloatVector.fromArray(FLOATS, memory, to0);
    FloatVector a01 = FloatVector.fromArray(FLOATS, memory, to0 + COUNT);
    FloatVector a02 = FloatVector.fromArray(FLOATS, memory, to0 + 2 * COUNT);
    FloatVector a03 = FloatVector.fromArray(FLOATS, memory, to0 + 3 * COUNT);
    ShortVector seen = ShortVector.zero(SHORTS);
    int j = from;
    while (j < to) {
      // To the end of the group.
      long base = groups[j / GROUP] + columnBytes;
      int start = j % GROUP;
      int end = Math.min(GROUP, start + to - j);
      int w = weights + j - start;
      for (int t = start; t < end; t++) {
        long at = base + (long) t * rowBytes;
        ShortVector h0 = ShortVector.fromMemorySegment(SHORTS, source, at, ORDER);
        seen = seen.max(h0.and(FP16_MAGNITUDE));
        FloatVector x0 =
            ((IntVector) h0.convertShape(VectorOperators.S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, FP16_SHIFT)
                .and(FP16_KEPT)
                .reinterpretAsFloats()
                .mul(FP16_REBIAS);
        ShortVector h1 =
            ShortVector.fromMemorySegment(SHORTS, source, at + (long) COUNT * Short.BYTES, ORDER);
        seen = seen.max(h1.and(FP16_MAGNITUDE));
        FloatVector x1 =
            ((IntVector) h1.convertShape(VectorOperators.S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, FP16_SHIFT)
                .and(FP16_KEPT)
                .reinterpretAsFloats()
                .mul(FP16_REBIAS);
        ShortVector h2 =
            ShortVector.fromMemorySegment(SHORTS, source, at + 2L * COUNT * Short.BYTES, ORDER);
        seen = seen.max(h2.and(FP16_MAGNITUDE));
        FloatVector x2 =
            ((IntVector) h2.convertShape(VectorOperators.S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, FP16_SHIFT)
                .and(FP16_KEPT)
                .reinterpretAsFloats()
                .mul(FP16_REBIAS);
        ShortVector h3 =
            ShortVector.fromMemorySegment(SHORTS, source, at + 3L * COUNT * Short.BYTES, ORDER);
        seen = seen.max(h3.and(FP16_MAGNITUDE));
        FloatVector x3 =
            ((IntVector) h3.convertShape(VectorOperators.S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, FP16_SHIFT)
                .and(FP16_KEPT)
                .reinterpretAsFloats()
                .mul(FP16_REBIAS);
        FloatVector p = FloatVector.broadcast(FLOATS, memory[w + t]);
        a00 = p.fma(x0, a00);
        a01 = p.fma(x1, a01);
        a02 = p.fma(x2, a02);
        a03 = p.fma(x3, a03);
      }
      j += end - start;
    }
    if (seen.compare(VectorOperators.GE, FP16_OVERFLOW).anyTrue()) {
      return false;
    }
    a00.intoArray(memory, to0);
    a01.intoArray(memory, to0 + COUNT);
    a02.intoArray(memory, to0 + 2 * COUNT);
    a03.intoArray(memory, to0 + 3 * COUNT);
    return true;
  }

  /**
   * Four rows, a column of two vectors: 8 sums, 2 loads and 4 broadcasts per position. For
   * processors with 16 vector registers.
   */
  static boolean fourPair(
      ContextTile tile,
      int column,
      float[] memory,
      int weights,
      int values,
      int stride,
      int from,
      int to) {
    MemorySegment source = tile.valueSource;
    long[] groups = tile.valueGroups;
    int rowBytes = tile.valueRowBytes;
    long columnBytes = (long) column * Short.BYTES;
    int to0 = values + column;
    int to1 = to0 + stride;
    int to2 = to1 + stride;
    int to3 = to2 + stride;
    FloatVector a00 = FloatVector.fromArray(FLOATS, memory, to0);
    FloatVector a01 = FloatVector.fromArray(FLOATS, memory, to0 + COUNT);
    FloatVector a10 = FloatVector.fromArray(FLOATS, memory, to1);
    FloatVector a11 = FloatVector.fromArray(FLOATS, memory, to1 + COUNT);
    FloatVector a20 = FloatVector.fromArray(FLOATS, memory, to2);
    FloatVector a21 = FloatVector.fromArray(FLOATS, memory, to2 + COUNT);
    FloatVector a30 = FloatVector.fromArray(FLOATS, memory, to3);
    FloatVector a31 = FloatVector.fromArray(FLOATS, memory, to3 + COUNT);
    ShortVector seen = ShortVector.zero(SHORTS);
    int j = from;
    while (j < to) {
      // To the end of the group.
      long base = groups[j / GROUP] + columnBytes;
      int start = j % GROUP;
      int end = Math.min(GROUP, start + to - j);
      int w = weights + j - start;
      for (int t = start; t < end; t++) {
        long at = base + (long) t * rowBytes;
        ShortVector h0 = ShortVector.fromMemorySegment(SHORTS, source, at, ORDER);
        seen = seen.max(h0.and(FP16_MAGNITUDE));
        FloatVector x0 =
            ((IntVector) h0.convertShape(VectorOperators.S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, FP16_SHIFT)
                .and(FP16_KEPT)
                .reinterpretAsFloats()
                .mul(FP16_REBIAS);
        ShortVector h1 =
            ShortVector.fromMemorySegment(SHORTS, source, at + (long) COUNT * Short.BYTES, ORDER);
        seen = seen.max(h1.and(FP16_MAGNITUDE));
        FloatVector x1 =
            ((IntVector) h1.convertShape(VectorOperators.S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, FP16_SHIFT)
                .and(FP16_KEPT)
                .reinterpretAsFloats()
                .mul(FP16_REBIAS);
        FloatVector p = FloatVector.broadcast(FLOATS, memory[w + t]);
        a00 = p.fma(x0, a00);
        a01 = p.fma(x1, a01);
        p = FloatVector.broadcast(FLOATS, memory[w + t + TILE]);
        a10 = p.fma(x0, a10);
        a11 = p.fma(x1, a11);
        p = FloatVector.broadcast(FLOATS, memory[w + t + 2 * TILE]);
        a20 = p.fma(x0, a20);
        a21 = p.fma(x1, a21);
        p = FloatVector.broadcast(FLOATS, memory[w + t + 3 * TILE]);
        a30 = p.fma(x0, a30);
        a31 = p.fma(x1, a31);
      }
      j += end - start;
    }
    if (seen.compare(VectorOperators.GE, FP16_OVERFLOW).anyTrue()) {
      return false;
    }
    a00.intoArray(memory, to0);
    a01.intoArray(memory, to0 + COUNT);
    a10.intoArray(memory, to1);
    a11.intoArray(memory, to1 + COUNT);
    a20.intoArray(memory, to2);
    a21.intoArray(memory, to2 + COUNT);
    a30.intoArray(memory, to3);
    a31.intoArray(memory, to3 + COUNT);
    return true;
  }

  /** Four rows, a column of one vector. */
  static boolean fourNarrow(
      ContextTile tile,
      int column,
      float[] memory,
      int weights,
      int values,
      int stride,
      int from,
      int to) {
    MemorySegment source = tile.valueSource;
    long[] groups = tile.valueGroups;
    int rowBytes = tile.valueRowBytes;
    long columnBytes = (long) column * Short.BYTES;
    int to0 = values + column;
    int to1 = to0 + stride;
    int to2 = to1 + stride;
    int to3 = to2 + stride;
    FloatVector a00 = FloatVector.fromArray(FLOATS, memory, to0);
    FloatVector a10 = FloatVector.fromArray(FLOATS, memory, to1);
    FloatVector a20 = FloatVector.fromArray(FLOATS, memory, to2);
    FloatVector a30 = FloatVector.fromArray(FLOATS, memory, to3);
    ShortVector seen = ShortVector.zero(SHORTS);
    int j = from;
    while (j < to) {
      // To the end of the group.
      long base = groups[j / GROUP] + columnBytes;
      int start = j % GROUP;
      int end = Math.min(GROUP, start + to - j);
      int w = weights + j - start;
      for (int t = start; t < end; t++) {
        long at = base + (long) t * rowBytes;
        ShortVector h0 = ShortVector.fromMemorySegment(SHORTS, source, at, ORDER);
        seen = seen.max(h0.and(FP16_MAGNITUDE));
        FloatVector x0 =
            ((IntVector) h0.convertShape(VectorOperators.S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, FP16_SHIFT)
                .and(FP16_KEPT)
                .reinterpretAsFloats()
                .mul(FP16_REBIAS);
        FloatVector p = FloatVector.broadcast(FLOATS, memory[w + t]);
        a00 = p.fma(x0, a00);
        p = FloatVector.broadcast(FLOATS, memory[w + t + TILE]);
        a10 = p.fma(x0, a10);
        p = FloatVector.broadcast(FLOATS, memory[w + t + 2 * TILE]);
        a20 = p.fma(x0, a20);
        p = FloatVector.broadcast(FLOATS, memory[w + t + 3 * TILE]);
        a30 = p.fma(x0, a30);
      }
      j += end - start;
    }
    if (seen.compare(VectorOperators.GE, FP16_OVERFLOW).anyTrue()) {
      return false;
    }
    a00.intoArray(memory, to0);
    a10.intoArray(memory, to1);
    a20.intoArray(memory, to2);
    a30.intoArray(memory, to3);
    return true;
  }

  /** One row, a column of one vector. */
  static boolean oneNarrow(
      ContextTile tile, int column, float[] memory, int weights, int values, int from, int to) {
    MemorySegment source = tile.valueSource;
    long[] groups = tile.valueGroups;
    int rowBytes = tile.valueRowBytes;
    long columnBytes = (long) column * Short.BYTES;
    int to0 = values + column;
    FloatVector a00 = FloatVector.fromArray(FLOATS, memory, to0);
    ShortVector seen = ShortVector.zero(SHORTS);
    int j = from;
    while (j < to) {
      // To the end of the group.
      long base = groups[j / GROUP] + columnBytes;
      int start = j % GROUP;
      int end = Math.min(GROUP, start + to - j);
      int w = weights + j - start;
      for (int t = start; t < end; t++) {
        long at = base + (long) t * rowBytes;
        ShortVector h0 = ShortVector.fromMemorySegment(SHORTS, source, at, ORDER);
        seen = seen.max(h0.and(FP16_MAGNITUDE));
        FloatVector x0 =
            ((IntVector) h0.convertShape(VectorOperators.S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, FP16_SHIFT)
                .and(FP16_KEPT)
                .reinterpretAsFloats()
                .mul(FP16_REBIAS);
        FloatVector p = FloatVector.broadcast(FLOATS, memory[w + t]);
        a00 = p.fma(x0, a00);
      }
      j += end - start;
    }
    if (seen.compare(VectorOperators.GE, FP16_OVERFLOW).anyTrue()) {
      return false;
    }
    a00.intoArray(memory, to0);
    return true;
  }
}
