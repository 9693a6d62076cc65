package dev.pagoda.internal.simd;

import dev.pagoda.internal.kernel.CanonicalOrder;
import dev.pagoda.layout.AttentionSpec;

/**
 * What happens when the rows of one KV head meet a tile of its context: scores, weights, values.
 */
final class TileAttention {
  private TileAttention() {}

  /** Takes a tile's positions into the rows' span. */
  static void attend(RowTile rows, int headIndex, ContextTile tile) {
    int first = 0;
    int end = rows.rowsPerHead();
    while (first < end && rows.endVisible(first) <= tile.start) {
      first++;
    }
    while (first < end && rows.firstVisible(end - 1) >= tile.end()) {
      end--;
    }
    computeScores(rows, headIndex, tile, first, end);
    for (int r = first; r < end; r++) {
      bias(rows, headIndex, tile, r);
      rows.weigh(rows.slot(headIndex, r));
    }
    accumulate(rows, headIndex, tile, first, end);
  }

  private static void computeScores(
      RowTile rows, int headIndex, ContextTile tile, int firstRow, int endRow) {
    float scale = rows.spec().softmaxScale();
    float[] memory = rows.memory;
    int r = firstRow / RowTile.INTERLEAVED * RowTile.INTERLEAVED;
    for (; r < endRow; r += RowTile.INTERLEAVED) {
      int slot = rows.slot(headIndex, r);
      int queries = rows.queriesOf(slot);
      int scores = rows.scoresOf(slot);
      int numRows = endRow - r;
      for (int part = 0; part < Lanes.PARTS; part++) {
        if (numRows == 1) {
          rows.touched += ScoreKernel.one(tile, part, memory, queries, scores, scale);
        } else if (numRows == 2) {
          rows.touched += ScoreKernel.two(tile, part, memory, queries, scores, scale);
        } else {
          rows.touched += ScoreKernel.four(tile, part, memory, queries, scores, scale);
        }
      }
    }
  }

  private static void bias(RowTile rows, int headIndex, ContextTile tile, int r) {
    AttentionSpec spec = rows.spec();
    float[] memory = rows.memory;
    int scores = rows.scoresOf(rows.slot(headIndex, r));
    if (spec.logitSoftCap() > 0f) {
      BiasKernel.softCap(memory, scores, spec.logitSoftCap());
    }
    if (spec.hasAlibiSlopes()) {
      float slope = spec.alibiSlope(rows.queryHead(headIndex, r));
      BiasKernel.alibi(memory, scores, slope, tile.start - rows.position(r));
    }
    int first = rows.firstVisible(r) - tile.start;
    int end = rows.endVisible(r) - tile.start;
    if (first > 0 || end < CanonicalOrder.TILE_TOKENS) {
      BiasKernel.hide(memory, scores, first, end);
    }
  }

  /** Rows two by two; where one of two sees more, it goes alone, in the order of positions. */
  private static void accumulate(
      RowTile rows, int headIndex, ContextTile tile, int firstRow, int endRow) {
    for (int r = firstRow; r < endRow; r += 2) {
      int slot = rows.slot(headIndex, r);
      int from = Math.max(0, rows.firstVisible(r) - tile.start);
      int to = Math.min(CanonicalOrder.TILE_TOKENS, rows.endVisible(r) - tile.start);
      if (r + 1 == endRow) {
        accumulateOne(rows, slot, tile, from, to);
        return;
      }
      int nextFrom = Math.max(0, rows.firstVisible(r + 1) - tile.start);
      int nextTo = Math.min(CanonicalOrder.TILE_TOKENS, rows.endVisible(r + 1) - tile.start);
      int bothFrom = Math.min(to, nextFrom);
      int bothTo = Math.max(bothFrom, to);
      accumulateOne(rows, slot, tile, from, bothFrom);
      accumulateTwo(rows, slot, tile, bothFrom, bothTo);
      accumulateOne(rows, slot + 1, tile, Math.max(bothTo, nextFrom), nextTo);
    }
  }

  private static void accumulateTwo(RowTile rows, int slot, ContextTile tile, int from, int to) {
    if (from >= to) {
      return;
    }
    float[] memory = rows.memory;
    int weights = rows.scoresOf(slot);
    int values = rows.spanValuesOf(slot);
    int columns = rows.valueStride();
    int column = 0;
    for (; column + 8 * Lanes.COUNT <= columns; column += 8 * Lanes.COUNT) {
      ValueKernel.twoByEight(tile, column, memory, weights, values, columns, from, to);
    }
    for (; column + 4 * Lanes.COUNT <= columns; column += 4 * Lanes.COUNT) {
      ValueKernel.twoByFour(tile, column, memory, weights, values, columns, from, to);
    }
    for (; column < columns; column += Lanes.COUNT) {
      ValueKernel.twoByOne(tile, column, memory, weights, values, columns, from, to);
    }
  }

  private static void accumulateOne(RowTile rows, int slot, ContextTile tile, int from, int to) {
    if (from >= to) {
      return;
    }
    float[] memory = rows.memory;
    int weights = rows.scoresOf(slot);
    int values = rows.spanValuesOf(slot);
    int columns = rows.valueStride();
    int column = 0;
    for (; column + 8 * Lanes.COUNT <= columns; column += 8 * Lanes.COUNT) {
      ValueKernel.oneByEight(tile, column, memory, weights, values, from, to);
    }
    for (; column + 4 * Lanes.COUNT <= columns; column += 4 * Lanes.COUNT) {
      ValueKernel.oneByFour(tile, column, memory, weights, values, from, to);
    }
    for (; column < columns; column += Lanes.COUNT) {
      ValueKernel.oneByOne(tile, column, memory, weights, values, from, to);
    }
  }
}
