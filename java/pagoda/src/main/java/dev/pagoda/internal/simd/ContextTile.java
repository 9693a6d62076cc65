package dev.pagoda.internal.simd;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The keys and values of 64 positions of one KV head, as kernels read them: where each group of 16
 * starts in the pool, or, packed, the panels of the scratch.
 *
 * <p>Few rows read the pool as it is, widening on the way: every byte comes from memory once and is
 * used a few times. For many rows, keys and values are packed into FP32 panels first, whose fixed
 * strides cost the inner loops nothing but the arithmetic; so are those that cannot be read in
 * groups, as blocks or heads are no multiple of 16.
 *
 * <p>A group of which no row sees anything is not read: its block may belong to somebody else, or
 * lie behind the end of the block table. The nearest group that is seen takes its place; those
 * scores are thrown away, those values never used.
 */
final class ContextTile {
  /** From so many rows on it is cheaper to pack first. */
  private static final int PACKING_ROWS_MIN = 16;

  private final KvLayout layout;
  private final int blockSize;
  private final VectorScratch scratch;

  /** Position of the tile's start. */
  int start;

  MemorySegment pool = MemorySegment.NULL;
  int keyDim;

  /** Whether score kernels read the pool; else the panel. */
  boolean keysInPlace;

  // In the pool: keys as [keyDim, 16] per group, dims keyStrideBytes apart.
  final long[] keyGroups = new long[Lanes.GROUPS];
  DType keyDType = DType.FP32;
  long keyStrideBytes;

  /** Whether value kernels read the pool; else the panel. */
  boolean valuesInPlace;

  // In the pool: values as [16, valueDim] per group, rows valueRowBytes apart.
  final long[] valueGroups = new long[Lanes.GROUPS];
  DType valueDType = DType.FP32;
  int valueRowBytes;

  // What score kernels touch on their way: see ScoreKernel.
  final long[] touchGroups = new long[Lanes.GROUPS];
  long touchStrideBytes;

  private final int[] groupBlocks = new int[Lanes.GROUPS];
  private final int[] groupSlots = new int[Lanes.GROUPS];
  private int[] blockIds = {};
  private int tableStart;
  private int layer;
  private int valueDim;
  private boolean hasKeyGroups;
  private boolean hasValueGroups;
  private int first;
  private int end;

  ContextTile(KvLayout layout, VectorScratch scratch) {
    this.layout = layout;
    this.scratch = scratch;
    blockSize = layout.shape().blockSize();
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
    LayerShape shape = layout.shape().layer(layer);
    boolean isGrouped = blockSize % Lanes.GROUP == 0;
    boolean fewRows = numRows < PACKING_ROWS_MIN;

    keyDim = shape.keyHeadDim();
    keyDType = shape.keyDType();
    hasKeyGroups = isGrouped && layout.keyOrder() == KeyOrder.DIM_MAJOR;
    keysInPlace = hasKeyGroups && fewRows;
    keyStrideBytes = layout.keyDimStrideBytes(layer);

    valueDim = shape.valueHeadDim();
    valueDType = shape.valueDType();
    hasValueGroups = isGrouped && valueDim % Lanes.GROUP == 0;
    valuesInPlace = hasValueGroups && fewRows;
    valueRowBytes = valueDim * valueDType.byteSize();
    touchStrideBytes = valuesInPlace ? (long) Lanes.GROUP * valueRowBytes / keyDim : 0;
    Arrays.fill(touchGroups, 0);
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
    if (!hasKeyGroups) {
      packKeysOneByOne(kvHead);
      return;
    }
    long tokenBytes = layout.keyTokenStrideBytes(layer);
    for (int group = 0; group < Lanes.GROUPS; group++) {
      keyGroups[group] =
          layout.keyTileOffset(groupBlocks[group], layer, kvHead) + groupSlots[group] * tokenBytes;
    }
    if (!keysInPlace) {
      packKeys();
    }
  }

  private void openValues(int kvHead) {
    if (!hasValueGroups) {
      packValuesOneByOne(kvHead);
      return;
    }
    for (int group = 0; group < Lanes.GROUPS; group++) {
      valueGroups[group] =
          layout.valueTileOffset(groupBlocks[group], layer, kvHead)
              + (long) groupSlots[group] * valueRowBytes;
    }
    if (valuesInPlace) {
      System.arraycopy(valueGroups, 0, touchGroups, 0, Lanes.GROUPS);
    } else {
      packValues();
    }
  }

  private void packKeys() {
    MemorySegment panels = scratch.panels;
    long panel = scratch.keyPanel;
    for (int part = 0; part < Lanes.PARTS; part++) {
      switch (keyDType) {
        case FP32 ->
            PanelKernel.keysFp32(pool, keyGroups, part, keyStrideBytes, panels, panel, keyDim);
        case BF16 ->
            PanelKernel.keysBf16(pool, keyGroups, part, keyStrideBytes, panels, panel, keyDim);
        case FP16 -> {
          PanelKernel.keysFp16(pool, keyGroups, 0, part, keyStrideBytes, panels, panel, keyDim);
          PanelKernel.keysFp16(pool, keyGroups, 2, part, keyStrideBytes, panels, panel, keyDim);
        }
      }
    }
  }

  private void packValues() {
    MemorySegment panels = scratch.panels;
    long panel = scratch.valuePanel;
    for (int index = 0; index < Lanes.GROUP; index++) {
      switch (valueDType) {
        case FP32 -> PanelKernel.valuesFp32(pool, valueGroups, index, panels, panel, valueDim);
        case BF16 -> PanelKernel.valuesBf16(pool, valueGroups, index, panels, panel, valueDim);
        case FP16 -> {
          PanelKernel.valuesFp16(pool, valueGroups, 0, index, panels, panel, valueDim);
          PanelKernel.valuesFp16(pool, valueGroups, 2, index, panels, panel, valueDim);
        }
      }
    }
  }

  private int blockIdAt(int position) {
    return blockIds[tableStart + position / blockSize];
  }

  /** Packs keys {@code [first, end)}. */
  private void packKeysOneByOne(int kvHead) {
    for (int position = first; position < end; position++) {
      PanelKernel.widen(
          pool,
          keyDType,
          layout.keyTileOffset(blockIdAt(position), layer, kvHead)
              + position % blockSize * layout.keyTokenStrideBytes(layer),
          keyStrideBytes,
          scratch.panels,
          scratch.keyPanel + (long) (position - start) * Float.BYTES,
          PanelScoreKernel.STRIDE_BYTES,
          keyDim);
    }
  }

  /** Packs values {@code [first, end)}. */
  private void packValuesOneByOne(int kvHead) {
    for (int position = first; position < end; position++) {
      long source =
          layout.valueTileOffset(blockIdAt(position), layer, kvHead)
              + (long) (position % blockSize) * valueRowBytes;
      for (int e = 0; e < valueDim; e += ValueKernel.WIDE) {
        PanelKernel.widen(
            pool,
            valueDType,
            source + (long) e * valueDType.byteSize(),
            valueDType.byteSize(),
            scratch.panels,
            PanelKernel.valueOffset(scratch.valuePanel, position - start, e),
            Float.BYTES,
            Math.min(ValueKernel.WIDE, valueDim - e));
      }
    }
  }

  /** Position behind the tile. */
  int end() {
    return start + Lanes.TILE;
  }
}
