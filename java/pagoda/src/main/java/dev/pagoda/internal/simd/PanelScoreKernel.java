package dev.pagoda.internal.simd;

import static dev.pagoda.internal.simd.Lanes.COUNT;
import static dev.pagoda.internal.simd.Lanes.FLOATS;
import static dev.pagoda.internal.simd.Lanes.ORDER;
import static dev.pagoda.internal.simd.Lanes.TILE;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * {@link ScoreKernel} for keys in a panel: {@code [keyDim, 64]}. One offset that grows by a
 * constant is all the arithmetic there is, so that the compiler proves every access in bounds
 * before the loop.
 *
 * <p>Six rows, where the pool's own kernels take four: 24 sums, 4 keys and a query use 29 of the 32
 * registers, and a step of 24 multiply-adds hides what 16 do not.
 *
 * <p>Parameters are, everywhere: the panels; where the keys start in them, at the first position to
 * score; how many dims; the memory that holds queries and scores, and the indexes of six
 * interleaved queries and of the first row's score at the first position; the scale.
 */
final class PanelScoreKernel {
  /** Rows that a kernel takes together. */
  static final int ROWS = 6;

  /** Bytes from the keys of one dim to those of the next. */
  static final int STRIDE_BYTES = TILE * Float.BYTES;

  private PanelScoreKernel() {}

  /** Six rows, four vectors of positions: 24 sums, 4 loads and 6 broadcasts per step. */
  static void six(
      MemorySegment panels,
      long keys,
      int keyDim,
      float[] memory,
      int queries,
      int scores,
      float scale) {
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
    FloatVector s40 = s00;
    FloatVector s41 = s00;
    FloatVector s42 = s00;
    FloatVector s43 = s00;
    FloatVector s50 = s00;
    FloatVector s51 = s00;
    FloatVector s52 = s00;
    FloatVector s53 = s00;
    for (int d = 0; d < keyDim; d++) {
      long at = keys + (long) d * STRIDE_BYTES;
      FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, panels, at, ORDER);
      FloatVector x1 = FloatVector.fromMemorySegment(FLOATS, panels, at + Lanes.BYTES, ORDER);
      FloatVector x2 = FloatVector.fromMemorySegment(FLOATS, panels, at + 2L * Lanes.BYTES, ORDER);
      FloatVector x3 = FloatVector.fromMemorySegment(FLOATS, panels, at + 3L * Lanes.BYTES, ORDER);
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
      q = FloatVector.broadcast(FLOATS, memory[query + 4]);
      s40 = q.fma(x0, s40);
      s41 = q.fma(x1, s41);
      s42 = q.fma(x2, s42);
      s43 = q.fma(x3, s43);
      q = FloatVector.broadcast(FLOATS, memory[query + 5]);
      s50 = q.fma(x0, s50);
      s51 = q.fma(x1, s51);
      s52 = q.fma(x2, s52);
      s53 = q.fma(x3, s53);
    }
    s00.mul(scale).intoArray(memory, scores);
    s01.mul(scale).intoArray(memory, scores + COUNT);
    s02.mul(scale).intoArray(memory, scores + 2 * COUNT);
    s03.mul(scale).intoArray(memory, scores + 3 * COUNT);
    s10.mul(scale).intoArray(memory, scores + TILE);
    s11.mul(scale).intoArray(memory, scores + TILE + COUNT);
    s12.mul(scale).intoArray(memory, scores + TILE + 2 * COUNT);
    s13.mul(scale).intoArray(memory, scores + TILE + 3 * COUNT);
    s20.mul(scale).intoArray(memory, scores + 2 * TILE);
    s21.mul(scale).intoArray(memory, scores + 2 * TILE + COUNT);
    s22.mul(scale).intoArray(memory, scores + 2 * TILE + 2 * COUNT);
    s23.mul(scale).intoArray(memory, scores + 2 * TILE + 3 * COUNT);
    s30.mul(scale).intoArray(memory, scores + 3 * TILE);
    s31.mul(scale).intoArray(memory, scores + 3 * TILE + COUNT);
    s32.mul(scale).intoArray(memory, scores + 3 * TILE + 2 * COUNT);
    s33.mul(scale).intoArray(memory, scores + 3 * TILE + 3 * COUNT);
    s40.mul(scale).intoArray(memory, scores + 4 * TILE);
    s41.mul(scale).intoArray(memory, scores + 4 * TILE + COUNT);
    s42.mul(scale).intoArray(memory, scores + 4 * TILE + 2 * COUNT);
    s43.mul(scale).intoArray(memory, scores + 4 * TILE + 3 * COUNT);
    s50.mul(scale).intoArray(memory, scores + 5 * TILE);
    s51.mul(scale).intoArray(memory, scores + 5 * TILE + COUNT);
    s52.mul(scale).intoArray(memory, scores + 5 * TILE + 2 * COUNT);
    s53.mul(scale).intoArray(memory, scores + 5 * TILE + 3 * COUNT);
  }

  /** Six rows, one vector of positions. */
  static void sixNarrow(
      MemorySegment panels,
      long keys,
      int keyDim,
      float[] memory,
      int queries,
      int scores,
      float scale) {
    FloatVector s00 = FloatVector.zero(FLOATS);
    FloatVector s10 = s00;
    FloatVector s20 = s00;
    FloatVector s30 = s00;
    FloatVector s40 = s00;
    FloatVector s50 = s00;
    for (int d = 0; d < keyDim; d++) {
      long at = keys + (long) d * STRIDE_BYTES;
      FloatVector x0 = FloatVector.fromMemorySegment(FLOATS, panels, at, ORDER);
      int query = queries + d * ROWS;
      FloatVector q = FloatVector.broadcast(FLOATS, memory[query]);
      s00 = q.fma(x0, s00);
      q = FloatVector.broadcast(FLOATS, memory[query + 1]);
      s10 = q.fma(x0, s10);
      q = FloatVector.broadcast(FLOATS, memory[query + 2]);
      s20 = q.fma(x0, s20);
      q = FloatVector.broadcast(FLOATS, memory[query + 3]);
      s30 = q.fma(x0, s30);
      q = FloatVector.broadcast(FLOATS, memory[query + 4]);
      s40 = q.fma(x0, s40);
      q = FloatVector.broadcast(FLOATS, memory[query + 5]);
      s50 = q.fma(x0, s50);
    }
    s00.mul(scale).intoArray(memory, scores);
    s10.mul(scale).intoArray(memory, scores + TILE);
    s20.mul(scale).intoArray(memory, scores + 2 * TILE);
    s30.mul(scale).intoArray(memory, scores + 3 * TILE);
    s40.mul(scale).intoArray(memory, scores + 4 * TILE);
    s50.mul(scale).intoArray(memory, scores + 5 * TILE);
  }
}
