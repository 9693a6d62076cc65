package dev.pagoda.internal.simd;

import dev.pagoda.internal.kernel.Scratch;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.LayerShape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * One thread's working memory: what the kernels read and write besides the pool.
 *
 * <pre>
 *   memory, on the heap
 *     queries       [SLOTS / n, keyDim, n]       n rows interleaved, 4 or 6; one alone is not
 *     scores        [8, 64]                      of one tile; weights take their place
 *     sums          [SLOTS, 16]                  partial sums of the weights
 *     spanValues    [SLOTS, valueStride]         accumulators of the span at hand
 *     totalValues   [SLOTS, valueStride]         of all spans before it
 *   panels, off the heap as the pool is, 64-byte aligned
 *     keyPanel      [keyDim, 64]                 keys of a packed tile
 *     valuePanel    [columns, 64, WIDE]          values of a packed tile, in wide columns
 *     keyGroups     [keyDim, 64]                 gathered keys, of the type they have in the pool
 *     valueGroups   [64, valueStride]            gathered values, likewise
 * </pre>
 *
 * <p>All FP32 but what is gathered; valueStride is the value head dim rounded up to 16. Footprint,
 * for the layout's largest head dims: {@code 4 * (264 * (keyDim + 2 * valueStride + 16) + 64 * (2 *
 * keyDim + valueStride + w + 8))} bytes, w being valueStride rounded up to WIDE, 542 KiB at 128 and
 * 1066 KiB at 256. The memory goes when the scratch does.
 */
final class VectorScratch implements Scratch {
  /**
   * Query rows of a head that walk the context together, at most. With more, tiles are packed less
   * often; with fewer, the rows stay in nearer caches.
   */
  static final int ROWS = 256;

  /** Places for rows: {@link #ROWS} rounded up to what kernels take together. */
  static final int SLOTS = 264;

  /** Rows whose scores are there at once. */
  static final int SCORE_ROWS = 8;

  final float[] memory;
  final int queries;
  final int scores;
  final int sums;
  final int spanValues;
  final int totalValues;

  final MemorySegment panels;
  final long keyPanel;
  final long valuePanel;
  final long keyGroups;
  final long valueGroups;

  /** The gathered values of the panels. */
  final MemorySegment gatheredValues;

  final ContextTile tile;
  final RowTile rows;

  VectorScratch(KvLayout layout) {
    int keyDimMax = 0;
    int valueStrideMax = 0;
    for (LayerShape layer : layout.shape().layers()) {
      keyDimMax = Math.max(keyDimMax, layer.keyHeadDim());
      valueStrideMax = Math.max(valueStrideMax, valueStride(layer.valueHeadDim()));
    }
    queries = 0;
    scores = queries + SLOTS * keyDimMax;
    sums = scores + SCORE_ROWS * Lanes.TILE;
    spanValues = sums + SLOTS * Lanes.GROUP;
    totalValues = spanValues + SLOTS * valueStrideMax;
    memory = new float[totalValues + SLOTS * valueStrideMax];
    keyPanel = 0;
    valuePanel = (long) keyDimMax * Lanes.TILE * Float.BYTES;
    long columns = Math.ceilDiv(valueStrideMax, ValueKernel.WIDE);
    keyGroups = valuePanel + columns * PanelKernel.COLUMN_BYTES;
    valueGroups = keyGroups + (long) keyDimMax * Lanes.TILE * Float.BYTES;
    long gatheredBytes = (long) valueStrideMax * Lanes.TILE * Float.BYTES;
    panels = Arena.ofAuto().allocate(valueGroups + gatheredBytes, KvLayout.TILE_ALIGNMENT_BYTES);
    gatheredValues = panels.asSlice(valueGroups, gatheredBytes);
    tile = new ContextTile(layout, this);
    rows = new RowTile(this);
  }

  /** Elements from one row of values to the next, in this memory. */
  static int valueStride(int valueDim) {
    return Math.ceilDiv(valueDim, Lanes.GROUP) * Lanes.GROUP;
  }
}
