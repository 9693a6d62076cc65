package dev.pagoda.internal.simd;

import static dev.pagoda.internal.simd.Lanes.COUNT;
import static dev.pagoda.internal.simd.Lanes.FLOATS;
import static dev.pagoda.internal.simd.Lanes.ORDER;
import static dev.pagoda.internal.simd.Lanes.TILE;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * {@link ValueKernel} for values in a panel: {@code [columns, 64, WIDE]}, wide columns one behind
 * the other; see {@link PanelScoreKernel} for why, and why six rows.
 *
 * <p>Parameters are, everywhere: the panels; where the column starts in them; the memory that holds
 * weights and accumulators, and the indexes of the first row's, the latter at the column; elements
 * from one row's accumulators to the next one's; positions of the tile {@code [from, to)}, which
 * all rows see.
 */
final class PanelValueKernel {
  /** Bytes from one position to the next within a column. */
  static final int STRIDE_BYTES = ValueKernel.WIDE * Float.BYTES;

  private PanelValueKernel() {}

  /** Six rows, a wide column: 24 sums, 4 loads and 6 broadcasts per position. */
  static void six(
      MemorySegment panels,
      long column,
      float[] memory,
      int weights,
      int values,
      int stride,
      int from,
      int to) {
    int values1 = values + stride;
    int values2 = values1 + stride;
    int values3 = values2 + stride;
    int values4 = values3 + stride;
    int values5 = values4 + stride;
    FloatVector a00 = FloatVector.fromArray(FLOATS, memory, values);
    FloatVector a01 = FloatVector.fromArray(FLOATS, memory, values + COUNT);
    FloatVector a02 = FloatVector.fromArray(FLOATS, memory, values + 2 * COUNT);
    FloatVector a03 = FloatVector.fromArray(FLOATS, memory, values + 3 * COUNT);
    FloatVector a10 = FloatVector.fromArray(FLOATS, memory, values1);
    FloatVector a11 = FloatVector.fromArray(FLOATS, memory, values1 + COUNT);
    FloatVector a12 = FloatVector.fromArray(FLOATS, memory, values1 + 2 * COUNT);
    FloatVector a13 = FloatVector.fromArray(FLOATS, memory, values1 + 3 * COUNT);
    FloatVector a20 = FloatVector.fromArray(FLOATS, memory, values2);
    FloatVector a21 = FloatVector.fromArray(FLOATS, memory, values2 + COUNT);
    FloatVector a22 = FloatVector.fromArray(FLOATS, memory, values2 + 2 * COUNT);
    FloatVector a23 = FloatVector.fromArray(FLOATS, memory, values2 + 3 * COUNT);
    FloatVector a30 = FloatVector.fromArray(FLOATS, memory, values3);
    FloatVector a31 = FloatVector.fromArray(FLOATS, memory, values3 + COUNT);
    FloatVector a32 = FloatVector.fromArray(FLOATS, memory, values3 + 2 * COUNT);
    FloatVector a33 = FloatVector.fromArray(FLOATS, memory, values3 + 3 * COUNT);
    FloatVector a40 = FloatVector.fromArray(FLOATS, memory, values4);
    FloatVector a41 = FloatVector.fromArray(FLOATS, memory, values4 + COUNT);
    FloatVector a42 = FloatVector.fromArray(FLOATS, memory, values4 + 2 * COUNT);
    FloatVector a43 = FloatVector.fromArray(FLOATS, memory, values4 + 3 * COUNT);
    FloatVector a50 = FloatVector.fromArray(FLOATS, memory, values5);
    FloatVector a51 = FloatVector.fromArray(FLOATS, memory, values5 + COUNT);
    FloatVector a52 = FloatVector.fromArray(FLOATS, memory, values5 + 2 * COUNT);
    FloatVector a53 = FloatVector.fromArray(FLOATS, memory, values5 + 3 * COUNT);
    for (int j = from; j < to; j++) {
      long at = column + (long) j * STRIDE_BYTES;
      FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, panels, at, ORDER);
      FloatVector x1 = FloatVector.fromMemorySegment(FLOATS, panels, at + Lanes.BYTES, ORDER);
      FloatVector x2 = FloatVector.fromMemorySegment(FLOATS, panels, at + 2L * Lanes.BYTES, ORDER);
      FloatVector x3 = FloatVector.fromMemorySegment(FLOATS, panels, at + 3L * Lanes.BYTES, ORDER);
      FloatVector p = FloatVector.broadcast(FLOATS, memory[weights + j]);
      a00 = p.fma(x0, a00);
      a01 = p.fma(x1, a01);
      a02 = p.fma(x2, a02);
      a03 = p.fma(x3, a03);
      p = FloatVector.broadcast(FLOATS, memory[weights + j + TILE]);
      a10 = p.fma(x0, a10);
      a11 = p.fma(x1, a11);
      a12 = p.fma(x2, a12);
      a13 = p.fma(x3, a13);
      p = FloatVector.broadcast(FLOATS, memory[weights + j + 2 * TILE]);
      a20 = p.fma(x0, a20);
      a21 = p.fma(x1, a21);
      a22 = p.fma(x2, a22);
      a23 = p.fma(x3, a23);
      p = FloatVector.broadcast(FLOATS, memory[weights + j + 3 * TILE]);
      a30 = p.fma(x0, a30);
      a31 = p.fma(x1, a31);
      a32 = p.fma(x2, a32);
      a33 = p.fma(x3, a33);
      p = FloatVector.broadcast(FLOATS, memory[weights + j + 4 * TILE]);
      a40 = p.fma(x0, a40);
      a41 = p.fma(x1, a41);
      a42 = p.fma(x2, a42);
      a43 = p.fma(x3, a43);
      p = FloatVector.broadcast(FLOATS, memory[weights + j + 5 * TILE]);
      a50 = p.fma(x0, a50);
      a51 = p.fma(x1, a51);
      a52 = p.fma(x2, a52);
      a53 = p.fma(x3, a53);
    }
    a00.intoArray(memory, values);
    a01.intoArray(memory, values + COUNT);
    a02.intoArray(memory, values + 2 * COUNT);
    a03.intoArray(memory, values + 3 * COUNT);
    a10.intoArray(memory, values1);
    a11.intoArray(memory, values1 + COUNT);
    a12.intoArray(memory, values1 + 2 * COUNT);
    a13.intoArray(memory, values1 + 3 * COUNT);
    a20.intoArray(memory, values2);
    a21.intoArray(memory, values2 + COUNT);
    a22.intoArray(memory, values2 + 2 * COUNT);
    a23.intoArray(memory, values2 + 3 * COUNT);
    a30.intoArray(memory, values3);
    a31.intoArray(memory, values3 + COUNT);
    a32.intoArray(memory, values3 + 2 * COUNT);
    a33.intoArray(memory, values3 + 3 * COUNT);
    a40.intoArray(memory, values4);
    a41.intoArray(memory, values4 + COUNT);
    a42.intoArray(memory, values4 + 2 * COUNT);
    a43.intoArray(memory, values4 + 3 * COUNT);
    a50.intoArray(memory, values5);
    a51.intoArray(memory, values5 + COUNT);
    a52.intoArray(memory, values5 + 2 * COUNT);
    a53.intoArray(memory, values5 + 3 * COUNT);
  }

  /** Six rows, a column of one vector. */
  static void sixNarrow(
      MemorySegment panels,
      long column,
      float[] memory,
      int weights,
      int values,
      int stride,
      int from,
      int to) {
    int values1 = values + stride;
    int values2 = values1 + stride;
    int values3 = values2 + stride;
    int values4 = values3 + stride;
    int values5 = values4 + stride;
    FloatVector a00 = FloatVector.fromArray(FLOATS, memory, values);
    FloatVector a10 = FloatVector.fromArray(FLOATS, memory, values1);
    FloatVector a20 = FloatVector.fromArray(FLOATS, memory, values2);
    FloatVector a30 = FloatVector.fromArray(FLOATS, memory, values3);
    FloatVector a40 = FloatVector.fromArray(FLOATS, memory, values4);
    FloatVector a50 = FloatVector.fromArray(FLOATS, memory, values5);
    for (int j = from; j < to; j++) {
      long at = column + (long) j * STRIDE_BYTES;
      FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, panels, at, ORDER);
      FloatVector p = FloatVector.broadcast(FLOATS, memory[weights + j]);
      a00 = p.fma(x0, a00);
      p = FloatVector.broadcast(FLOATS, memory[weights + j + TILE]);
      a10 = p.fma(x0, a10);
      p = FloatVector.broadcast(FLOATS, memory[weights + j + 2 * TILE]);
      a20 = p.fma(x0, a20);
      p = FloatVector.broadcast(FLOATS, memory[weights + j + 3 * TILE]);
      a30 = p.fma(x0, a30);
      p = FloatVector.broadcast(FLOATS, memory[weights + j + 4 * TILE]);
      a40 = p.fma(x0, a40);
      p = FloatVector.broadcast(FLOATS, memory[weights + j + 5 * TILE]);
      a50 = p.fma(x0, a50);
    }
    a00.intoArray(memory, values);
    a10.intoArray(memory, values1);
    a20.intoArray(memory, values2);
    a30.intoArray(memory, values3);
    a40.intoArray(memory, values4);
    a50.intoArray(memory, values5);
  }

  /** One row, a wide column. */
  static void one(
      MemorySegment panels,
      long column,
      float[] memory,
      int weights,
      int values,
      int from,
      int to) {
    FloatVector a00 = FloatVector.fromArray(FLOATS, memory, values);
    FloatVector a01 = FloatVector.fromArray(FLOATS, memory, values + COUNT);
    FloatVector a02 = FloatVector.fromArray(FLOATS, memory, values + 2 * COUNT);
    FloatVector a03 = FloatVector.fromArray(FLOATS, memory, values + 3 * COUNT);
    for (int j = from; j < to; j++) {
      long at = column + (long) j * STRIDE_BYTES;
      FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, panels, at, ORDER);
      FloatVector x1 = FloatVector.fromMemorySegment(FLOATS, panels, at + Lanes.BYTES, ORDER);
      FloatVector x2 = FloatVector.fromMemorySegment(FLOATS, panels, at + 2L * Lanes.BYTES, ORDER);
      FloatVector x3 = FloatVector.fromMemorySegment(FLOATS, panels, at + 3L * Lanes.BYTES, ORDER);
      FloatVector p = FloatVector.broadcast(FLOATS, memory[weights + j]);
      a00 = p.fma(x0, a00);
      a01 = p.fma(x1, a01);
      a02 = p.fma(x2, a02);
      a03 = p.fma(x3, a03);
    }
    a00.intoArray(memory, values);
    a01.intoArray(memory, values + COUNT);
    a02.intoArray(memory, values + 2 * COUNT);
    a03.intoArray(memory, values + 3 * COUNT);
  }

  /** One row, a column of one vector. */
  static void oneNarrow(
      MemorySegment panels,
      long column,
      float[] memory,
      int weights,
      int values,
      int from,
      int to) {
    FloatVector a00 = FloatVector.fromArray(FLOATS, memory, values);
    for (int j = from; j < to; j++) {
      long at = column + (long) j * STRIDE_BYTES;
      FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, panels, at, ORDER);
      FloatVector p = FloatVector.broadcast(FLOATS, memory[weights + j]);
      a00 = p.fma(x0, a00);
    }
    a00.intoArray(memory, values);
  }
}
