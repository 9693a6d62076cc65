package dev.pagoda.internal.simd;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;
import java.lang.foreign.MemorySegment;

/**
 * The keys and values of 64 positions of one KV head, as kernels read them: where each group of 16
 * starts, in the pool if they can be read there, else in the panels of the scratch.
 *
 * <p>Nothing outside the positions that some row sees is looked at, nor is its block: it may belong
 * to somebody else, or lie behind the end of the block table. A group that no row sees is replaced
 * by the nearest one that is seen; its scores are thrown away, its values never used.
 */
final class ContextTile {
  /** Up to so many rows it is cheaper to widen BF16 for every four of them than once for all. */
  private static final int WIDENING_ROWS_MAX = 8;

  private final KvLayout layout;
  private final int blockSize;
  private final VectorScratch scratch;

  /** Position of the tile's start. */
  int start;

  // For score kernels: keys as [keyDim, 16] per group, rows keyStrideBytes apart.
  MemorySegment keys = MemorySegment.NULL;
  final long[] keyGroups = new long[Lanes.GROUPS];
  boolean keysAreBf16;
  long keyStrideBytes;
  int keyDim;

  // For value kernels: values as [16, valueDim] per group, rows valueRowBytes apart.
  MemorySegment values = MemorySegment.NULL;
  final long[] valueGroups = new long[Lanes.GROUPS];
  boolean valuesAreBf16;
  int valueRowBytes;

  // What score kernels touch on their way: see ScoreKernel.
  MemorySegment pool = MemorySegment.NULL;
  final long[] touchGroups = new long[Lanes.GROUPS];
  long touchStrideBytes;

  private final int[] groupBlocks = new int[Lanes.GROUPS];
  private final int[] groupSlots = new int[Lanes.GROUPS];
  private int[] blockIds = {};
  private int tableStart;
  private int layer;
  private LayerShape shape;
  private boolean hasKeyGroups;
  private boolean hasValueGroups;
  private boolean keysInPlace;
  private boolean valuesInPlace;
  private int first;
  private int end;

  ContextTile(KvLayout layout, VectorScratch scratch) {
    this.layout = layout;
    this.scratch = scratch;
    blockSize = layout.shape().blockSize();
    shape = layout.shape().layer(0);
  }

  /**
   * Says whose keys and values the next tiles hold.
   *
   * @param numRows how many rows share them
   */
  void openSequence(AttendCall call, int seqIndex, int numRows) {
    pool = ((HostStorage) call.storage()).segment();
    blockIds = call.batch().blockIds();
    tableStart = call.batch().tableStart(seqIndex);
    layer = call.layer();
    shape = layout.shape().layer(layer);
    boolean isGrouped = blockSize % Lanes.GROUP == 0;
    boolean fewRows = numRows <= WIDENING_ROWS_MAX;

    hasKeyGroups = isGrouped && layout.keyOrder() == KeyOrder.DIM_MAJOR;
    keysAreBf16 = hasKeyGroups && shape.keyDType() == DType.BF16 && fewRows;
    keysInPlace = keysAreBf16 || (hasKeyGroups && shape.keyDType() == DType.FP32);
    keys = keysInPlace ? pool : scratch.panels;
    keyStrideBytes = keysInPlace ? layout.keyDimStrideBytes(layer) : Lanes.GROUP_BYTES;
    keyDim = shape.keyHeadDim();

    int valueDim = shape.valueHeadDim();
    hasValueGroups = isGrouped && valueDim % Lanes.GROUP == 0;
    valuesAreBf16 =
        hasValueGroups
            && shape.valueDType() == DType.BF16
            && valueDim % ValueKernel.WIDE == 0
            && fewRows;
    valuesInPlace = valuesAreBf16 || (hasValueGroups && shape.valueDType() == DType.FP32);
    values = valuesInPlace ? pool : scratch.panels;
    valueRowBytes =
        VectorScratch.valueStride(valueDim) * (valuesAreBf16 ? Short.BYTES : Float.BYTES);
    touchStrideBytes = valuesInPlace ? (long) Lanes.GROUP * valueRowBytes / keyDim : 0;
  }

  /**
   * Moves to a tile.
   *
   * @param newStart position of its start
   * @param newFirst first position that some row sees
   * @param newEnd position behind the last one that some row sees
   */
  void open(int newStart, int newFirst, int newEnd) {
    start = newStart;
    first = newFirst;
    end = newEnd;
    if (blockSize % Lanes.GROUP != 0) {
      return;
    }
    int lowest = first / Lanes.GROUP * Lanes.GROUP;
    int highest = (end - 1) / Lanes.GROUP * Lanes.GROUP;
    for (int group = 0; group < Lanes.GROUPS; group++) {
      int position = Math.max(lowest, Math.min(start + group * Lanes.GROUP, highest));
      groupBlocks[group] = blockIdAt(position);
      groupSlots[group] = position % blockSize;
    }
  }

  /** Moves to a head of the tile. */
  void openHead(int kvHead) {
    openKeys(kvHead);
    openValues(kvHead);
  }

  private void openKeys(int kvHead) {
    if (hasKeyGroups) {
      long tokenBytes = layout.keyTokenStrideBytes(layer);
      for (int group = 0; group < Lanes.GROUPS; group++) {
        keyGroups[group] =
            layout.keyTileOffset(groupBlocks[group], layer, kvHead)
                + groupSlots[group] * tokenBytes;
      }
    }
    if (keysInPlace) {
      return;
    }
    long groupBytes = (long) keyDim * Lanes.GROUP_BYTES;
    if (hasKeyGroups) {
      long sourceStride = layout.keyDimStrideBytes(layer);
      widenGroups(shape.keyDType(), keyGroups, sourceStride, scratch.keyPanel, keyDim);
    } else {
      packKeys(kvHead, groupBytes);
    }
    for (int group = 0; group < Lanes.GROUPS; group++) {
      keyGroups[group] = scratch.keyPanel + group * groupBytes;
    }
  }

  private void openValues(int kvHead) {
    if (hasValueGroups) {
      long tokenBytes = layout.valueTokenStrideBytes(layer);
      for (int group = 0; group < Lanes.GROUPS; group++) {
        valueGroups[group] =
            layout.valueTileOffset(groupBlocks[group], layer, kvHead)
                + groupSlots[group] * tokenBytes;
      }
    }
    for (int group = 0; group < Lanes.GROUPS; group++) {
      touchGroups[group] = valuesInPlace ? valueGroups[group] : 0;
    }
    if (valuesInPlace) {
      return;
    }
    long groupBytes = (long) Lanes.GROUP * valueRowBytes;
    if (hasValueGroups) {
      DType dtype = shape.valueDType();
      int steps = shape.valueHeadDim(); // of 16 elements, as a group has
      widenGroups(
          dtype, valueGroups, (long) Lanes.GROUP * dtype.byteSize(), scratch.valuePanel, steps);
    } else {
      packValues(kvHead);
    }
    for (int group = 0; group < Lanes.GROUPS; group++) {
      valueGroups[group] = scratch.valuePanel + group * groupBytes;
    }
  }

  /** Copies all groups into a panel: {@code steps} pieces of 16 elements of each. */
  private void widenGroups(DType dtype, long[] sources, long sourceStride, long panel, int steps) {
    long groupBytes = (long) steps * Lanes.GROUP_BYTES;
    if (dtype == DType.BF16) {
      for (int part = 0; part < Lanes.PARTS; part++) {
        PanelKernel.widenBf16(
            pool, sources, part, sourceStride, scratch.panels, panel, groupBytes, steps);
      }
      return;
    }
    float[] row = scratch.fp16Row;
    int count = steps * Lanes.GROUP;
    for (int group = 0; group < Lanes.GROUPS; group++) {
      if (sourceStride == (long) Lanes.GROUP * Short.BYTES) {
        PanelKernel.widenFp16(pool, sources[group], row, 0, count);
      } else {
        for (int i = 0; i < steps; i++) {
          PanelKernel.widenFp16(
              pool, sources[group] + i * sourceStride, row, i * Lanes.GROUP, Lanes.GROUP);
        }
      }
      PanelKernel.store(row, scratch.panels, panel + group * groupBytes, count);
    }
  }

  private int blockIdAt(int position) {
    return blockIds[tableStart + position / blockSize];
  }

  /** Copies keys {@code [first, end)} into the panel, one by one. */
  private void packKeys(int kvHead, long groupBytes) {
    for (int position = first; position < end; position++) {
      int index = position - start;
      PanelKernel.widen(
          pool,
          shape.keyDType(),
          layout.keyTileOffset(blockIdAt(position), layer, kvHead)
              + position % blockSize * layout.keyTokenStrideBytes(layer),
          layout.keyDimStrideBytes(layer),
          scratch.panels,
          scratch.keyPanel
              + index / Lanes.GROUP * groupBytes
              + (long) (index % Lanes.GROUP) * Float.BYTES,
          Lanes.GROUP_BYTES,
          keyDim);
    }
  }

  /** Copies values {@code [first, end)} into the panel, one by one. */
  private void packValues(int kvHead) {
    for (int position = first; position < end; position++) {
      PanelKernel.widen(
          pool,
          shape.valueDType(),
          layout.valueTileOffset(blockIdAt(position), layer, kvHead)
              + position % blockSize * layout.valueTokenStrideBytes(layer),
          shape.valueDType().byteSize(),
          scratch.panels,
          scratch.valuePanel + (long) (position - start) * valueRowBytes,
          Float.BYTES,
          shape.valueHeadDim());
    }
  }

  /** Position behind the tile. */
  int end() {
    return start + Lanes.TILE;
  }
}
