package dev.pagoda.internal.simd;

import static dev.pagoda.internal.simd.Lanes.COUNT;
import static dev.pagoda.internal.simd.Lanes.FLOATS;
import static dev.pagoda.internal.simd.Lanes.GROUP;
import static dev.pagoda.internal.simd.Lanes.ORDER;
import static dev.pagoda.internal.simd.Lanes.TILE;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Weighted values of a tile's positions, values in FP32: {@code acc[e] = fma(w[j], v[j][e],
 * acc[e])} over j, ascending. A lane is an element.
 *
 * <p>Parameters are, everywhere: the tile; first element of the columns; the memory that holds
 * weights and accumulators, and the indexes of the first row's; elements from one row's
 * accumulators to the next one's; positions of the tile {@code [from, to)}, which all rows see.
 */
final class ValueKernel {
  /** Elements of a wide column. */
  static final int WIDE = 4 * COUNT;

  private ValueKernel() {}

  /** Four rows, a wide column: 16 sums, 4 loads and 4 broadcasts per position. */
  static void four(
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
    long columnBytes = (long) column * Float.BYTES;
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
    int j = from;
    while (j < to) {
      // To the end of the group.
      long base = groups[j / GROUP] + columnBytes;
      int start = j % GROUP;
      int end = Math.min(GROUP, start + to - j);
      int w = weights + j - start;
      for (int t = start; t < end; t++) {
        long at = base + (long) t * rowBytes;
        FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, source, at, ORDER);
        FloatVector x1 =
            FloatVector.fromMemorySegment(FLOATS, source, at + (long) COUNT * Float.BYTES, ORDER);
        FloatVector x2 =
            FloatVector.fromMemorySegment(FLOATS, source, at + 2L * COUNT * Float.BYTES, ORDER);
        FloatVector x3 =
            FloatVector.fromMemorySegment(FLOATS, source, at + 3L * COUNT * Float.BYTES, ORDER);
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
  }

  /** One row, a wide column. */
  static void one(
      ContextTile tile, int column, float[] memory, int weights, int values, int from, int to) {
    MemorySegment source = tile.valueSource;
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
      // To the end of the group.
      long base = groups[j / GROUP] + columnBytes;
      int start = j % GROUP;
      int end = Math.min(GROUP, start + to - j);
      int w = weights + j - start;
      for (int t = start; t < end; t++) {
        long at = base + (long) t * rowBytes;
        FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, source, at, ORDER);
        FloatVector x1 =
            FloatVector.fromMemorySegment(FLOATS, source, at + (long) COUNT * Float.BYTES, ORDER);
        FloatVector x2 =
            FloatVector.fromMemorySegment(FLOATS, source, at + 2L * COUNT * Float.BYTES, ORDER);
        FloatVector x3 =
            FloatVector.fromMemorySegment(FLOATS, source, at + 3L * COUNT * Float.BYTES, ORDER);
        FloatVector p = FloatVector.broadcast(FLOATS, memory[w + t]);
        a00 = p.fma(x0, a00);
        a01 = p.fma(x1, a01);
        a02 = p.fma(x2, a02);
        a03 = p.fma(x3, a03);
      }
      j += end - start;
    }
    a00.intoArray(memory, to0);
    a01.intoArray(memory, to0 + COUNT);
    a02.intoArray(memory, to0 + 2 * COUNT);
    a03.intoArray(memory, to0 + 3 * COUNT);
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
    long columnBytes = (long) column * Float.BYTES;
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
        FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, source, at, ORDER);
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
    long columnBytes = (long) column * Float.BYTES;
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
        FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, source, at, ORDER);
        FloatVector p = FloatVector.broadcast(FLOATS, memory[w + t]);
        a00 = p.fma(x0, a00);
      }
      j += end - start;
    }
    a00.intoArray(memory, to0);
  }
}
