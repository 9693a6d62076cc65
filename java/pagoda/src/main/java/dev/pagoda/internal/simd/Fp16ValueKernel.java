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

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** {@link ValueKernel} for values in FP16, widened on their way in: columns are half as wide. */
final class Fp16ValueKernel {
  /** Elements of a column of two vectors. */
  static final int PAIR = 2 * COUNT;

  private Fp16ValueKernel() {}

  /** Four rows, a column of two vectors: 8 sums, 2 loads and 4 broadcasts per position. */
  static void fourPair(
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
    int j = from;
    while (j < to) {
      // To the end of the group.
      long base = groups[j / GROUP] + columnBytes;
      int start = j % GROUP;
      int end = Math.min(GROUP, start + to - j);
      int w = weights + j - start;
      for (int t = start; t < end; t++) {
        long at = base + (long) t * rowBytes;
        IntVector b0 =
            ((IntVector)
                    ShortVector.fromMemorySegment(SHORTS, source, at, ORDER)
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
                    ShortVector.fromMemorySegment(
                            SHORTS, source, at + (long) COUNT * Short.BYTES, ORDER)
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
    a00.intoArray(memory, to0);
    a01.intoArray(memory, to0 + COUNT);
    a10.intoArray(memory, to1);
    a11.intoArray(memory, to1 + COUNT);
    a20.intoArray(memory, to2);
    a21.intoArray(memory, to2 + COUNT);
    a30.intoArray(memory, to3);
    a31.intoArray(memory, to3 + COUNT);
  }

  /** One row, a column of two vectors. */
  static void onePair(
      ContextTile tile, int column, float[] memory, int weights, int values, int from, int to) {
    MemorySegment source = tile.valueSource;
    long[] groups = tile.valueGroups;
    int rowBytes = tile.valueRowBytes;
    long columnBytes = (long) column * Short.BYTES;
    int to0 = values + column;
    FloatVector a00 = FloatVector.fromArray(FLOATS, memory, to0);
    FloatVector a01 = FloatVector.fromArray(FLOATS, memory, to0 + COUNT);
    int j = from;
    while (j < to) {
      // To the end of the group.
      long base = groups[j / GROUP] + columnBytes;
      int start = j % GROUP;
      int end = Math.min(GROUP, start + to - j);
      int w = weights + j - start;
      for (int t = start; t < end; t++) {
        long at = base + (long) t * rowBytes;
        IntVector b0 =
            ((IntVector)
                    ShortVector.fromMemorySegment(SHORTS, source, at, ORDER)
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
                    ShortVector.fromMemorySegment(
                            SHORTS, source, at + (long) COUNT * Short.BYTES, ORDER)
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
        FloatVector p = FloatVector.broadcast(FLOATS, memory[w + t]);
        a00 = p.fma(x0, a00);
        a01 = p.fma(x1, a01);
      }
      j += end - start;
    }
    a00.intoArray(memory, to0);
    a01.intoArray(memory, to0 + COUNT);
  }

  /** Four rows, a column of one vector. */
  static void fourNarrow(
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
    int j = from;
    while (j < to) {
      // To the end of the group.
      long base = groups[j / GROUP] + columnBytes;
      int start = j % GROUP;
      int end = Math.min(GROUP, start + to - j);
      int w = weights + j - start;
      for (int t = start; t < end; t++) {
        long at = base + (long) t * rowBytes;
        IntVector b0 =
            ((IntVector)
                    ShortVector.fromMemorySegment(SHORTS, source, at, ORDER)
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
    a00.intoArray(memory, to0);
    a10.intoArray(memory, to1);
    a20.intoArray(memory, to2);
    a30.intoArray(memory, to3);
  }

  /** One row, a column of one vector. */
  static void oneNarrow(
      ContextTile tile, int column, float[] memory, int weights, int values, int from, int to) {
    MemorySegment source = tile.valueSource;
    long[] groups = tile.valueGroups;
    int rowBytes = tile.valueRowBytes;
    long columnBytes = (long) column * Short.BYTES;
    int to0 = values + column;
    FloatVector a00 = FloatVector.fromArray(FLOATS, memory, to0);
    int j = from;
    while (j < to) {
      // To the end of the group.
      long base = groups[j / GROUP] + columnBytes;
      int start = j % GROUP;
      int end = Math.min(GROUP, start + to - j);
      int w = weights + j - start;
      for (int t = start; t < end; t++) {
        long at = base + (long) t * rowBytes;
        IntVector b0 =
            ((IntVector)
                    ShortVector.fromMemorySegment(SHORTS, source, at, ORDER)
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
        FloatVector p = FloatVector.broadcast(FLOATS, memory[w + t]);
        a00 = p.fma(x0, a00);
      }
      j += end - start;
    }
    a00.intoArray(memory, to0);
  }
}
