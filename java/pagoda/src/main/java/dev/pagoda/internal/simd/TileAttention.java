package dev.pagoda.internal.simd;

import dev.pagoda.layout.AttentionSpec;

/**
 * What happens when the rows of one KV head meet a tile of its context: scores, weights, values.
 */
final class TileAttention {
  private static final int ROWS = RowTile.INTERLEAVED;

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
    int touched = 0;
    for (int r = firstRow / ROWS * ROWS; r < endRow; r += ROWS) {
      int slot = rows.slot(headIndex, r);
      int queries = rows.queriesOf(slot);
      int scores = rows.scoresOf(slot);
      boolean isOne = endRow - r == 1;
      for (int part = 0; part < Lanes.PARTS; part++) {
        if (tile.keysAreBf16) {
          touched +=
              isOne
                  ? Bf16ScoreKernel.one(tile, part, memory, queries, scores, scale)
                  : Bf16ScoreKernel.four(tile, part, memory, queries, scores, scale);
        } else {
          touched +=
              isOne
                  ? ScoreKernel.one(tile, part, memory, queries, scores, scale)
                  : ScoreKernel.four(tile, part, memory, queries, scores, scale);
        }
      }
    }
    rows.touched += touched;
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
    if (first > 0 || end < Lanes.TILE) {
      BiasKernel.hide(memory, scores, first, end);
    }
  }

  /** Rows four by four over what all four see; before and after that, each alone. */
  private static void accumulate(
      RowTile rows, int headIndex, ContextTile tile, int firstRow, int endRow) {
    for (int r = firstRow; r < endRow; r += ROWS) {
      int end = Math.min(endRow, r + ROWS);
      // Ranges only grow from row to row: the last one starts last, the first one ends first.
      int from = from(rows, tile, end - 1);
      int to = to(rows, tile, r);
      boolean isFour = end - r == ROWS && from < to;
      if (isFour) {
        accumulateAlone(rows, headIndex, tile, r, end, 0, from);
        accumulateFour(rows, rows.slot(headIndex, r), tile, from, to);
        accumulateAlone(rows, headIndex, tile, r, end, to, Lanes.TILE);
      } else {
        accumulateAlone(rows, headIndex, tile, r, end, 0, Lanes.TILE);
      }
    }
  }

  /** What each row sees of {@code [from, to)}. */
  private static void accumulateAlone(
      RowTile rows, int headIndex, ContextTile tile, int firstRow, int endRow, int from, int to) {
    for (int r = firstRow; r < endRow; r++) {
      accumulateOne(
          rows,
          rows.slot(headIndex, r),
          tile,
          Math.max(from, from(rows, tile, r)),
          Math.min(to, to(rows, tile, r)));
    }
  }

  private static int from(RowTile rows, ContextTile tile, int r) {
    return Math.max(0, rows.firstVisible(r) - tile.start);
  }

  private static int to(RowTile rows, ContextTile tile, int r) {
    return Math.min(Lanes.TILE, rows.endVisible(r) - tile.start);
  }

  private static void accumulateFour(RowTile rows, int slot, ContextTile tile, int from, int to) {
    float[] memory = rows.memory;
    int weights = rows.scoresOf(slot);
    int values = rows.spanValuesOf(slot);
    int stride = rows.valueStride();
    int column = 0;
    for (; column + ValueKernel.WIDE <= stride; column += ValueKernel.WIDE) {
      if (tile.valuesAreBf16) {
        Bf16ValueKernel.four(tile, column, memory, weights, values, stride, from, to);
      } else {
        ValueKernel.four(tile, column, memory, weights, values, stride, from, to);
      }
    }
    for (; column < stride; column += Lanes.COUNT) {
      ValueKernel.fourNarrow(tile, column, memory, weights, values, stride, from, to);
    }
  }

  private static void accumulateOne(RowTile rows, int slot, ContextTile tile, int from, int to) {
    if (from >= to) {
      return;
    }
    float[] memory = rows.memory;
    int weights = rows.scoresOf(slot);
    int values = rows.spanValuesOf(slot);
    int stride = rows.valueStride();
    int column = 0;
    for (; column + ValueKernel.WIDE <= stride; column += ValueKernel.WIDE) {
      if (tile.valuesAreBf16) {
        Bf16ValueKernel.one(tile, column, memory, weights, values, from, to);
      } else {
        ValueKernel.one(tile, column, memory, weights, values, from, to);
      }
    }
    for (; column < stride; column += Lanes.COUNT) {
      ValueKernel.oneNarrow(tile, column, memory, weights, values, from, to);
    }
  }
}
