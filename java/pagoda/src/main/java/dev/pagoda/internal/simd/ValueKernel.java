package dev.pagoda.internal.simd;

import static dev.pagoda.internal.simd.Lanes.BYTES;
import static dev.pagoda.internal.simd.Lanes.COUNT;
import static dev.pagoda.internal.simd.Lanes.FLOATS;
import static dev.pagoda.internal.simd.Lanes.GROUP;
import static dev.pagoda.internal.simd.Lanes.ORDER;
import static dev.pagoda.internal.simd.Lanes.TILE;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Weighted values of a tile's positions, values in FP32: {@code acc[e] = fma(w[j], v[j][e],
 * acc[e])} over j. A lane is an element; values are read in the order of their addresses.
 *
 * <p>Parameters are, everywhere: the tile; first element of the columns; the memory that holds
 * weights and accumulators, and the offsets of the first row's; bytes from one row's accumulators
 * to the next one's; positions of the tile {@code [from, to)}.
 */
final class ValueKernel {
  private ValueKernel() {}

  /** Two rows, eight vectors: 16 accumulators, 8 loads and 2 broadcasts per position. */
  static void twoByEight(
      ContextTile tile,
      int column,
      float[] memory,
      int weights,
      int values,
      int stride,
      int from,
      int to) {
    MemorySegment source = tile.values;
    long[] groups = tile.valueGroups;
    int rowBytes = tile.valueRowBytes;
    long columnBytes = (long) column * Float.BYTES;
    int to0 = values + column;
    int to1 = to0 + stride;
    FloatVector a00 = FloatVector.fromArray(FLOATS, memory, to0);
    FloatVector a01 = FloatVector.fromArray(FLOATS, memory, to0 + COUNT);
    FloatVector a02 = FloatVector.fromArray(FLOATS, memory, to0 + 2 * COUNT);
    FloatVector a03 = FloatVector.fromArray(FLOATS, memory, to0 + 3 * COUNT);
    FloatVector a04 = FloatVector.fromArray(FLOATS, memory, to0 + 4 * COUNT);
    FloatVector a05 = FloatVector.fromArray(FLOATS, memory, to0 + 5 * COUNT);
    FloatVector a06 = FloatVector.fromArray(FLOATS, memory, to0 + 6 * COUNT);
    FloatVector a07 = FloatVector.fromArray(FLOATS, memory, to0 + 7 * COUNT);
    FloatVector a10 = FloatVector.fromArray(FLOATS, memory, to1);
    FloatVector a11 = FloatVector.fromArray(FLOATS, memory, to1 + COUNT);
    FloatVector a12 = FloatVector.fromArray(FLOATS, memory, to1 + 2 * COUNT);
    FloatVector a13 = FloatVector.fromArray(FLOATS, memory, to1 + 3 * COUNT);
    FloatVector a14 = FloatVector.fromArray(FLOATS, memory, to1 + 4 * COUNT);
    FloatVector a15 = FloatVector.fromArray(FLOATS, memory, to1 + 5 * COUNT);
    FloatVector a16 = FloatVector.fromArray(FLOATS, memory, to1 + 6 * COUNT);
    FloatVector a17 = FloatVector.fromArray(FLOATS, memory, to1 + 7 * COUNT);
    int j = from;
    while (j < to) {
      long base = groups[j / GROUP] + columnBytes;
      int start = j % GROUP;
      int end = Math.min(GROUP, start + to - j);
      int w = weights + j - start;
      for (int t = start; t < end; t++) {
        long at = base + (long) t * rowBytes;
        FloatVector w0 = FloatVector.broadcast(FLOATS, memory[w + t]);
        FloatVector w1 = FloatVector.broadcast(FLOATS, memory[w + TILE + t]);
        FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, source, at, ORDER);
        a00 = w0.fma(x0, a00);
        a10 = w1.fma(x0, a10);
        FloatVector x1 = FloatVector.fromMemorySegment(FLOATS, source, at + BYTES, ORDER);
        a01 = w0.fma(x1, a01);
        a11 = w1.fma(x1, a11);
        FloatVector x2 = FloatVector.fromMemorySegment(FLOATS, source, at + 2L * BYTES, ORDER);
        a02 = w0.fma(x2, a02);
        a12 = w1.fma(x2, a12);
        FloatVector x3 = FloatVector.fromMemorySegment(FLOATS, source, at + 3L * BYTES, ORDER);
        a03 = w0.fma(x3, a03);
        a13 = w1.fma(x3, a13);
        FloatVector x4 = FloatVector.fromMemorySegment(FLOATS, source, at + 4L * BYTES, ORDER);
        a04 = w0.fma(x4, a04);
        a14 = w1.fma(x4, a14);
        FloatVector x5 = FloatVector.fromMemorySegment(FLOATS, source, at + 5L * BYTES, ORDER);
        a05 = w0.fma(x5, a05);
        a15 = w1.fma(x5, a15);
        FloatVector x6 = FloatVector.fromMemorySegment(FLOATS, source, at + 6L * BYTES, ORDER);
        a06 = w0.fma(x6, a06);
        a16 = w1.fma(x6, a16);
        FloatVector x7 = FloatVector.fromMemorySegment(FLOATS, source, at + 7L * BYTES, ORDER);
        a07 = w0.fma(x7, a07);
        a17 = w1.fma(x7, a17);
      }
      j += end - start;
    }
    a00.intoArray(memory, to0);
    a01.intoArray(memory, to0 + COUNT);
    a02.intoArray(memory, to0 + 2 * COUNT);
    a03.intoArray(memory, to0 + 3 * COUNT);
    a04.intoArray(memory, to0 + 4 * COUNT);
    a05.intoArray(memory, to0 + 5 * COUNT);
    a06.intoArray(memory, to0 + 6 * COUNT);
    a07.intoArray(memory, to0 + 7 * COUNT);
    a10.intoArray(memory, to1);
    a11.intoArray(memory, to1 + COUNT);
    a12.intoArray(memory, to1 + 2 * COUNT);
    a13.intoArray(memory, to1 + 3 * COUNT);
    a14.intoArray(memory, to1 + 4 * COUNT);
    a15.intoArray(memory, to1 + 5 * COUNT);
    a16.intoArray(memory, to1 + 6 * COUNT);
    a17.intoArray(memory, to1 + 7 * COUNT);
  }

  /** Two rows, four vectors. */
  static void twoByFour(
      ContextTile tile,
      int column,
      float[] memory,
      int weights,
      int values,
      int stride,
      int from,
      int to) {
    MemorySegment source = tile.values;
    long[] groups = tile.valueGroups;
    int rowBytes = tile.valueRowBytes;
    long columnBytes = (long) column * Float.BYTES;
    int to0 = values + column;
    int to1 = to0 + stride;
    FloatVector a00 = FloatVector.fromArray(FLOATS, memory, to0);
    FloatVector a01 = FloatVector.fromArray(FLOATS, memory, to0 + COUNT);
    FloatVector a02 = FloatVector.fromArray(FLOATS, memory, to0 + 2 * COUNT);
    FloatVector a03 = FloatVector.fromArray(FLOATS, memory, to0 + 3 * COUNT);
    FloatVector a10 = FloatVector.fromArray(FLOATS, memory, to1);
    FloatVector a11 = FloatVector.fromArray(FLOATS, memory, to1 + COUNT);
    FloatVector a12 = FloatVector.fromArray(FLOATS, memory, to1 + 2 * COUNT);
    FloatVector a13 = FloatVector.fromArray(FLOATS, memory, to1 + 3 * COUNT);
    int j = from;
    while (j < to) {
      long base = groups[j / GROUP] + columnBytes;
      int start = j % GROUP;
      int end = Math.min(GROUP, start + to - j);
      int w = weights + j - start;
      for (int t = start; t < end; t++) {
        long at = base + (long) t * rowBytes;
        FloatVector w0 = FloatVector.broadcast(FLOATS, memory[w + t]);
        FloatVector w1 = FloatVector.broadcast(FLOATS, memory[w + TILE + t]);
        FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, source, at, ORDER);
        a00 = w0.fma(x0, a00);
        a10 = w1.fma(x0, a10);
        FloatVector x1 = FloatVector.fromMemorySegment(FLOATS, source, at + BYTES, ORDER);
        a01 = w0.fma(x1, a01);
        a11 = w1.fma(x1, a11);
        FloatVector x2 = FloatVector.fromMemorySegment(FLOATS, source, at + 2L * BYTES, ORDER);
        a02 = w0.fma(x2, a02);
        a12 = w1.fma(x2, a12);
        FloatVector x3 = FloatVector.fromMemorySegment(FLOATS, source, at + 3L * BYTES, ORDER);
        a03 = w0.fma(x3, a03);
        a13 = w1.fma(x3, a13);
      }
      j += end - start;
    }
    a00.intoArray(memory, to0);
    a01.intoArray(memory, to0 + COUNT);
    a02.intoArray(memory, to0 + 2 * COUNT);
    a03.intoArray(memory, to0 + 3 * COUNT);
    a10.intoArray(memory, to1);
    a11.intoArray(memory, to1 + COUNT);
    a12.intoArray(memory, to1 + 2 * COUNT);
    a13.intoArray(memory, to1 + 3 * COUNT);
  }

  /** Two rows, one vector. */
  static void twoByOne(
      ContextTile tile,
      int column,
      float[] memory,
      int weights,
      int values,
      int stride,
      int from,
      int to) {
    MemorySegment source = tile.values;
    long[] groups = tile.valueGroups;
    int rowBytes = tile.valueRowBytes;
    long columnBytes = (long) column * Float.BYTES;
    int to0 = values + column;
    int to1 = to0 + stride;
    FloatVector a00 = FloatVector.fromArray(FLOATS, memory, to0);
    FloatVector a10 = FloatVector.fromArray(FLOATS, memory, to1);
    int j = from;
    while (j < to) {
      long base = groups[j / GROUP] + columnBytes;
      int start = j % GROUP;
      int end = Math.min(GROUP, start + to - j);
      int w = weights + j - start;
      for (int t = start; t < end; t++) {
        long at = base + (long) t * rowBytes;
        FloatVector w0 = FloatVector.broadcast(FLOATS, memory[w + t]);
        FloatVector w1 = FloatVector.broadcast(FLOATS, memory[w + TILE + t]);
        FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, source, at, ORDER);
        a00 = w0.fma(x0, a00);
        a10 = w1.fma(x0, a10);
      }
      j += end - start;
    }
    a00.intoArray(memory, to0);
    a10.intoArray(memory, to1);
  }

  /** One row, eight vectors. */
  static void oneByEight(
      ContextTile tile, int column, float[] memory, int weights, int values, int from, int to) {
    MemorySegment source = tile.values;
    long[] groups = tile.valueGroups;
    int rowBytes = tile.valueRowBytes;
    long columnBytes = (long) column * Float.BYTES;
    int to0 = values + column;
    FloatVector a00 = FloatVector.fromArray(FLOATS, memory, to0);
    FloatVector a01 = FloatVector.fromArray(FLOATS, memory, to0 + COUNT);
    FloatVector a02 = FloatVector.fromArray(FLOATS, memory, to0 + 2 * COUNT);
    FloatVector a03 = FloatVector.fromArray(FLOATS, memory, to0 + 3 * COUNT);
    FloatVector a04 = FloatVector.fromArray(FLOATS, memory, to0 + 4 * COUNT);
    FloatVector a05 = FloatVector.fromArray(FLOATS, memory, to0 + 5 * COUNT);
    FloatVector a06 = FloatVector.fromArray(FLOATS, memory, to0 + 6 * COUNT);
    FloatVector a07 = FloatVector.fromArray(FLOATS, memory, to0 + 7 * COUNT);
    int j = from;
    while (j < to) {
      long base = groups[j / GROUP] + columnBytes;
      int start = j % GROUP;
      int end = Math.min(GROUP, start + to - j);
      int w = weights + j - start;
      for (int t = start; t < end; t++) {
        long at = base + (long) t * rowBytes;
        FloatVector w0 = FloatVector.broadcast(FLOATS, memory[w + t]);
        FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, source, at, ORDER);
        a00 = w0.fma(x0, a00);
        FloatVector x1 = FloatVector.fromMemorySegment(FLOATS, source, at + BYTES, ORDER);
        a01 = w0.fma(x1, a01);
        FloatVector x2 = FloatVector.fromMemorySegment(FLOATS, source, at + 2L * BYTES, ORDER);
        a02 = w0.fma(x2, a02);
        FloatVector x3 = FloatVector.fromMemorySegment(FLOATS, source, at + 3L * BYTES, ORDER);
        a03 = w0.fma(x3, a03);
        FloatVector x4 = FloatVector.fromMemorySegment(FLOATS, source, at + 4L * BYTES, ORDER);
        a04 = w0.fma(x4, a04);
        FloatVector x5 = FloatVector.fromMemorySegment(FLOATS, source, at + 5L * BYTES, ORDER);
        a05 = w0.fma(x5, a05);
        FloatVector x6 = FloatVector.fromMemorySegment(FLOATS, source, at + 6L * BYTES, ORDER);
        a06 = w0.fma(x6, a06);
        FloatVector x7 = FloatVector.fromMemorySegment(FLOATS, source, at + 7L * BYTES, ORDER);
        a07 = w0.fma(x7, a07);
      }
      j += end - start;
    }
    a00.intoArray(memory, to0);
    a01.intoArray(memory, to0 + COUNT);
    a02.intoArray(memory, to0 + 2 * COUNT);
    a03.intoArray(memory, to0 + 3 * COUNT);
    a04.intoArray(memory, to0 + 4 * COUNT);
    a05.intoArray(memory, to0 + 5 * COUNT);
    a06.intoArray(memory, to0 + 6 * COUNT);
    a07.intoArray(memory, to0 + 7 * COUNT);
  }

  /** One row, four vectors. */
  static void oneByFour(
      ContextTile tile, int column, float[] memory, int weights, int values, int from, int to) {
    MemorySegment source = tile.values;
    long[] groups = tile.valueGroups;
    int rowBytes = tile.valueRowBytes;
    long columnBytes = (long) column * Float.BYTES;
    int to0 = values + column;
    FloatVector a00 = FloatVector.fromArray(FLOATS, memory, to0);
    FloatVector a01 = FloatVector.fromArray(FLOATS, memory, to0 + COUNT);
    FloatVector a02 = FloatVector.fromArray(FLOATS, memory, to0 + 2 * COUNT);
    FloatVector a03 = FloatVector.fromArray(FLOATS, memory, to0 + 3 * COUNT);
    int j = from;
    while (j < to) {
      long base = groups[j / GROUP] + columnBytes;
      int start = j % GROUP;
      int end = Math.min(GROUP, start + to - j);
      int w = weights + j - start;
      for (int t = start; t < end; t++) {
        long at = base + (long) t * rowBytes;
        FloatVector w0 = FloatVector.broadcast(FLOATS, memory[w + t]);
        FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, source, at, ORDER);
        a00 = w0.fma(x0, a00);
        FloatVector x1 = FloatVector.fromMemorySegment(FLOATS, source, at + BYTES, ORDER);
        a01 = w0.fma(x1, a01);
        FloatVector x2 = FloatVector.fromMemorySegment(FLOATS, source, at + 2L * BYTES, ORDER);
        a02 = w0.fma(x2, a02);
        FloatVector x3 = FloatVector.fromMemorySegment(FLOATS, source, at + 3L * BYTES, ORDER);
        a03 = w0.fma(x3, a03);
      }
      j += end - start;
    }
    a00.intoArray(memory, to0);
    a01.intoArray(memory, to0 + COUNT);
    a02.intoArray(memory, to0 + 2 * COUNT);
    a03.intoArray(memory, to0 + 3 * COUNT);
  }

  /** One row, one vector. */
  static void oneByOne(
      ContextTile tile, int column, float[] memory, int weights, int values, int from, int to) {
    MemorySegment source = tile.values;
    long[] groups = tile.valueGroups;
    int rowBytes = tile.valueRowBytes;
    long columnBytes = (long) column * Float.BYTES;
    int to0 = values + column;
    FloatVector a00 = FloatVector.fromArray(FLOATS, memory, to0);
    int j = from;
    while (j < to) {
      long base = groups[j / GROUP] + columnBytes;
      int start = j % GROUP;
      int end = Math.min(GROUP, start + to - j);
      int w = weights + j - start;
      for (int t = start; t < end; t++) {
        long at = base + (long) t * rowBytes;
        FloatVector w0 = FloatVector.broadcast(FLOATS, memory[w + t]);
        FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, source, at, ORDER);
        a00 = w0.fma(x0, a00);
      }
      j += end - start;
    }
    a00.intoArray(memory, to0);
  }
}
