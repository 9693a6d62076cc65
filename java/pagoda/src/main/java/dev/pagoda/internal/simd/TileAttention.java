package dev.pagoda.internal.simd;

import dev.pagoda.layout.AttentionSpec;
import java.lang.foreign.MemorySegment;

/**
 * What happens when the rows of one KV head meet a tile of its context: scores, weights, values.
 */
final class TileAttention {
  private static final int WIDE = ValueKernel.WIDE;

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
    int together = rows.together();
    for (int r = first / together * together; r < end; r += together) {
      attendTogether(rows, headIndex, tile, Math.max(first, r), Math.min(r + together, end));
    }
  }

  /**
   * One row of each of some heads, as many as scores are there for, without touching ahead: where
   * keys and values come from a near cache, what is waited for is each row's way from its scores to
   * its weights, and rows that do not wait for each other take it side by side.
   */
  static void attendCached(
      RowTile rows, int firstKvHead, int firstHead, int endHead, ContextTile tile) {
    float scale = rows.spec().softmaxScale();
    for (int h = firstHead; h < endHead; h++) {
      tile.openKeys(firstKvHead + h);
      int slot = rows.slot(h, 0);
      for (int part = 0; part < Lanes.PARTS; part++) {
        CachedScoreKernel.one(
            tile, part, rows.memory, rows.queriesOf(slot), rows.scoresOf(slot), scale);
      }
    }
    for (int h = firstHead; h < endHead; h++) {
      bias(rows, h, tile, 0);
      rows.weigh(rows.slot(h, 0));
    }
    int from = from(rows, tile, 0);
    int to = to(rows, tile, 0);
    for (int h = firstHead; h < endHead; h++) {
      tile.openValues(firstKvHead + h);
      accumulateOne(rows, rows.slot(h, 0), tile, from, to);
    }
  }

  /** Rows whose queries are interleaved, those of {@code [firstRow, endRow)} among them. */
  private static void attendTogether(
      RowTile rows, int headIndex, ContextTile tile, int firstRow, int endRow) {
    int firstTogether = firstRow / rows.together() * rows.together();
    int slot = rows.slot(headIndex, firstTogether);
    if (tile.isPacked) {
      int from = from(rows, tile, firstRow);
      int to = to(rows, tile, endRow - 1);
      scorePanel(rows, slot, tile, from, to);
    } else {
      scoreInPlace(rows, slot, tile, rows.isAlone(firstTogether));
    }
    for (int r = firstRow; r < endRow; r++) {
      bias(rows, headIndex, tile, r);
      rows.weigh(rows.slot(headIndex, r));
    }
    accumulate(rows, headIndex, tile, firstRow, endRow);
  }

  private static void scoreInPlace(RowTile rows, int slot, ContextTile tile, boolean isOne) {
    float scale = rows.spec().softmaxScale();
    float[] memory = rows.memory;
    int queries = rows.queriesOf(slot);
    int scores = rows.scoresOf(slot);
    int touched = 0;
    for (int part = 0; part < Lanes.PARTS && !tile.areKeysWidened; part++) {
      touched +=
          switch (tile.keyDType) {
            case FP32 -> scoreFp32(tile, part, memory, queries, scores, scale, isOne);
            case BF16 -> scoreBf16(tile, part, memory, queries, scores, scale, isOne);
            case FP16 -> scoreFp16(tile, part, memory, queries, scores, scale, isOne);
          };
    }
    if (tile.hasKeyOverflow) {
      tile.widenKeys();
    }
    // Whether these rows were the first to meet such keys or others before them.
    for (int part = 0; part < Lanes.PARTS && tile.areKeysWidened; part++) {
      touched +=
          isOne
              ? ScoreKernel.one(tile, part, memory, queries, scores, scale)
              : ScoreKernel.four(tile, part, memory, queries, scores, scale);
    }
    rows.touched += touched;
  }

  private static int scoreFp32(
      ContextTile tile,
      int part,
      float[] memory,
      int queries,
      int scores,
      float scale,
      boolean isOne) {
    if (isOne) {
      return ScoreKernel.one(tile, part, memory, queries, scores, scale);
    }
    return tile.isDense
        ? ScoreKernel.fourDense(tile, part, memory, queries, scores, scale)
        : ScoreKernel.four(tile, part, memory, queries, scores, scale);
  }

  private static int scoreBf16(
      ContextTile tile,
      int part,
      float[] memory,
      int queries,
      int scores,
      float scale,
      boolean isOne) {
    if (isOne) {
      return Bf16ScoreKernel.one(tile, part, memory, queries, scores, scale);
    }
    return tile.isDense
        ? Bf16ScoreKernel.fourDense(tile, part, memory, queries, scores, scale)
        : Bf16ScoreKernel.four(tile, part, memory, queries, scores, scale);
  }

  private static int scoreFp16(
      ContextTile tile,
      int part,
      float[] memory,
      int queries,
      int scores,
      float scale,
      boolean isOne) {
    if (isOne) {
      return Fp16ScoreKernel.one(tile, part, memory, queries, scores, scale);
    }
    if (Lanes.HAS_FEW_REGISTERS) {
      return Fp16ScoreKernel.fourPair(tile, 0, part, memory, queries, scores, scale)
          + Fp16ScoreKernel.fourPair(tile, 2, part, memory, queries, scores, scale);
    }
    return tile.isDense
        ? Fp16ScoreKernel.fourDense(tile, part, memory, queries, scores, scale)
        : Fp16ScoreKernel.four(tile, part, memory, queries, scores, scale);
  }

  /** Scores that some of the rows need, {@code [from, to)} of the tile, and some neighbours. */
  private static void scorePanel(RowTile rows, int slot, ContextTile tile, int from, int to) {
    float scale = rows.spec().softmaxScale();
    float[] memory = rows.memory;
    int queries = rows.queriesOf(slot);
    int scores = rows.scoresOf(slot);
    MemorySegment panels = rows.panels();
    int keyDim = tile.keyDim;
    for (int column = from / WIDE * WIDE; column < to; column += WIDE) {
      long keys = rows.keyPanel() + (long) column * Float.BYTES;
      int end = Math.min(column + WIDE, to);
      if (end - column > WIDE / 2) {
        PanelScoreKernel.six(panels, keys, keyDim, memory, queries, scores + column, scale);
        continue;
      }
      for (int at = column; at < end; at += Lanes.COUNT) {
        long narrow = rows.keyPanel() + (long) at * Float.BYTES;
        PanelScoreKernel.sixNarrow(panels, narrow, keyDim, memory, queries, scores + at, scale);
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
    if (first > 0 || end < Lanes.TILE) {
      BiasKernel.hide(memory, scores, first, end);
    }
  }

  /** Rows together over what all of them see; before and after that, each alone. */
  private static void accumulate(
      RowTile rows, int headIndex, ContextTile tile, int firstRow, int endRow) {
    // Ranges only grow from row to row: the last one starts last, the first one ends first.
    int from = from(rows, tile, endRow - 1);
    int to = to(rows, tile, firstRow);
    int together = rows.together();
    int rowsTogether = Math.min(together, rows.rowsPerHead() - firstRow);
    // All rows there are; slots behind the last one do no harm.
    boolean isWhole = firstRow % together == 0 && endRow - firstRow == rowsTogether;
    if (isWhole && rowsTogether > 1 && from < to) {
      accumulateAlone(rows, headIndex, tile, firstRow, endRow, 0, from);
      accumulateTogether(rows, rows.slot(headIndex, firstRow), tile, from, to);
      accumulateAlone(rows, headIndex, tile, firstRow, endRow, to, Lanes.TILE);
    } else {
      accumulateAlone(rows, headIndex, tile, firstRow, endRow, 0, Lanes.TILE);
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

  private static void accumulateTogether(
      RowTile rows, int slot, ContextTile tile, int from, int to) {
    float[] memory = rows.memory;
    int weights = rows.scoresOf(slot);
    int values = rows.spanValuesOf(slot);
    int stride = rows.valueStride();
    int wideEnd = stride / WIDE * WIDE;
    if (tile.isPacked) {
      MemorySegment panels = rows.panels();
      for (int e = 0; e < wideEnd; e += WIDE) {
        long column = PanelKernel.valueOffset(rows.valuePanel(), 0, e);
        PanelValueKernel.six(panels, column, memory, weights, values + e, stride, from, to);
      }
      for (int e = wideEnd; e < stride; e += Lanes.COUNT) {
        long column = PanelKernel.valueOffset(rows.valuePanel(), 0, e);
        PanelValueKernel.sixNarrow(panels, column, memory, weights, values + e, stride, from, to);
      }
      return;
    }
    for (int e = 0; e < wideEnd; e += WIDE) {
      switch (tile.valueDType) {
        case FP32 -> ValueKernel.four(tile, e, memory, weights, values, stride, from, to);
        case BF16 -> Bf16ValueKernel.four(tile, e, memory, weights, values, stride, from, to);
        case FP16 -> accumulateFp16(rows, slot, tile, e, from, to);
      }
    }
    for (int e = wideEnd; e < stride; e += Lanes.COUNT) {
      switch (tile.valueDType) {
        case FP32 -> ValueKernel.fourNarrow(tile, e, memory, weights, values, stride, from, to);
        case BF16 -> Bf16ValueKernel.fourNarrow(tile, e, memory, weights, values, stride, from, to);
        case FP16 -> {
          if (!Fp16ValueKernel.fourNarrow(tile, e, memory, weights, values, stride, from, to)) {
            accumulateWidened(rows, slot, ScoreKernel.ROWS, tile, e, e + Lanes.COUNT, from, to);
          }
        }
      }
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
    int wideEnd = stride / WIDE * WIDE;
    if (tile.isPacked) {
      MemorySegment panels = rows.panels();
      for (int e = 0; e < wideEnd; e += WIDE) {
        long column = PanelKernel.valueOffset(rows.valuePanel(), 0, e);
        PanelValueKernel.one(panels, column, memory, weights, values + e, from, to);
      }
      for (int e = wideEnd; e < stride; e += Lanes.COUNT) {
        long column = PanelKernel.valueOffset(rows.valuePanel(), 0, e);
        PanelValueKernel.oneNarrow(panels, column, memory, weights, values + e, from, to);
      }
      return;
    }
    for (int e = 0; e < wideEnd; e += WIDE) {
      switch (tile.valueDType) {
        case FP32 -> ValueKernel.one(tile, e, memory, weights, values, from, to);
        case BF16 -> Bf16ValueKernel.one(tile, e, memory, weights, values, from, to);
        case FP16 -> {
          if (!Fp16ValueKernel.one(tile, e, memory, weights, values, from, to)) {
            accumulateWidened(rows, slot, 1, tile, e, e + WIDE, from, to);
          }
        }
      }
    }
    for (int e = wideEnd; e < stride; e += Lanes.COUNT) {
      switch (tile.valueDType) {
        case FP32 -> ValueKernel.oneNarrow(tile, e, memory, weights, values, from, to);
        case BF16 -> Bf16ValueKernel.oneNarrow(tile, e, memory, weights, values, from, to);
        case FP16 -> {
          if (!Fp16ValueKernel.oneNarrow(tile, e, memory, weights, values, from, to)) {
            accumulateWidened(rows, slot, 1, tile, e, e + Lanes.COUNT, from, to);
          }
        }
      }
    }
  }

  /** Four rows, a wide column. */
  private static void accumulateFp16(
      RowTile rows, int slot, ContextTile tile, int column, int from, int to) {
    float[] memory = rows.memory;
    int weights = rows.scoresOf(slot);
    int values = rows.spanValuesOf(slot);
    int stride = rows.valueStride();
    int width = Lanes.HAS_FEW_REGISTERS ? Fp16ValueKernel.PAIR : WIDE;
    for (int e = column; e < column + WIDE; e += width) {
      boolean isDone =
          Lanes.HAS_FEW_REGISTERS
              ? Fp16ValueKernel.fourPair(tile, e, memory, weights, values, stride, from, to)
              : Fp16ValueKernel.four(tile, e, memory, weights, values, stride, from, to);
      if (!isDone) {
        accumulateWidened(rows, slot, ScoreKernel.ROWS, tile, e, e + width, from, to);
      }
    }
  }

  /**
   * Elements {@code [firstElement, endElement)} of some rows, for values in FP16 that kernels do
   * not widen in place: infinite or not a number. They are rare, so a vector at a time will do.
   */
  private static void accumulateWidened(
      RowTile rows,
      int firstSlot,
      int numRows,
      ContextTile tile,
      int firstElement,
      int endElement,
      int from,
      int to) {
    tile.widenValues();
    MemorySegment panels = rows.panels();
    float[] memory = rows.memory;
    for (int slot = firstSlot; slot < firstSlot + numRows; slot++) {
      int weights = rows.scoresOf(slot);
      for (int e = firstElement; e < endElement; e += Lanes.COUNT) {
        long column = PanelKernel.valueOffset(rows.valuePanel(), 0, e);
        int values = rows.spanValuesOf(slot) + e;
        PanelValueKernel.oneNarrow(panels, column, memory, weights, values, from, to);
      }
    }
  }
}
