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
 * starts, or, packed, the panels of the scratch.
 *
 * <p>Few rows read the pool as it is, widening on the way: every byte comes from memory once and is
 * used a few times. For many rows, keys and values are packed into FP32 panels first, whose fixed
 * strides cost the inner loops nothing but the arithmetic.
 *
 * <p>Where the pool has no groups, as blocks or heads are no multiple of 16, they are gathered into
 * the scratch first, unchanged, and read or packed from there.
 *
 * <p>A group of which no row sees anything is not read: its block may belong to somebody else, or
 * lie behind the end of the block table. The nearest group that is seen takes its place; those
 * scores are thrown away, those values never used.
 */
final class ContextTile {
  /** From so many rows on it is cheaper to pack first. */
  static final int PACKING_ROWS_MIN = 16;

  /** Bytes of whole blocks that are touched at once: half of a second-level cache of 1 MiB. */
  private static final int TOUCHED_BYTES_MAX = 512 << 10;

  /** Where a head has fewer bytes of a block, the memory is slow to find them: half a page. */
  private static final int RUN_BYTES_MIN = 2048;

  private final KvLayout layout;
  private final int blockSize;
  private final VectorScratch scratch;

  /** Position of the tile's start. */
  int start;

  /** Whether keys and values, FP32 in groups in the pool, are likely to be in a near cache. */
  boolean isCached;

  /** Whether kernels read the panels; else the groups, unless a head was widened. */
  boolean isPacked;

  /** Whether keys of a group follow each other, and values take as many bytes. */
  boolean isDense;

  MemorySegment pool = MemorySegment.NULL;
  int keyDim;

  // Groups of keys, [keyDim, 16] each, dims keyStrideBytes apart.
  MemorySegment keySource = MemorySegment.NULL;
  final long[] keyGroups = new long[Lanes.GROUPS];
  DType keyDType = DType.FP32;
  long keyStrideBytes;

  /** Set by a score kernel that met a key in FP16 that it cannot widen. */
  boolean hasKeyOverflow;

  /** Whether {@link #widenKeys} turned the keys of this head into FP32. */
  boolean areKeysWidened;

  // Groups of values, [16, valueDim] each, rows valueRowBytes apart.
  MemorySegment valueSource = MemorySegment.NULL;
  final long[] valueGroups = new long[Lanes.GROUPS];
  DType valueDType = DType.FP32;
  int valueRowBytes;

  /** Takes what gathering touched, so that no compiler finds the touching useless. */
  int touched;

  // What score kernels touch of the pool on their way: see ScoreKernel.
  final long[] touchGroups = new long[Lanes.GROUPS];
  long touchStrideBytes;

  private final long[] gathered = new long[Lanes.GROUPS];
  private final long[] gatheredLater = new long[Lanes.GROUPS];

  private final int[] groupBlocks = new int[Lanes.GROUPS];
  private final int[] groupSlots = new int[Lanes.GROUPS];
  private int[] blockIds = {};
  private int tableStart;
  private int layer;
  private int valueDim;
  private int valueStride;
  private boolean hasKeyGroups;
  private boolean hasValueGroups;
  private boolean areValuesWidened;
  private long keyGroupStrideBytes;
  private long keyTileBytes;
  private long valueTileBytes;
  private int headsTouched; // at once; 0: none
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
   * @param newIsPacked whether to pack them, as many rows share them
   */
  void openSequence(AttendCall call, int seqIndex, boolean newIsPacked) {
    pool = ((HostStorage) call.storage()).segment();
    blockIds = call.batch().blockIds();
    tableStart = call.batch().tableStart(seqIndex);
    layer = call.layer();
    isPacked = newIsPacked;
    LayerShape shape = layout.shape().layer(layer);
    boolean isGrouped = blockSize % Lanes.GROUP == 0;

    keyDim = shape.keyHeadDim();
    keyDType = shape.keyDType();
    hasKeyGroups = isGrouped && layout.keyOrder() == KeyOrder.DIM_MAJOR;
    keyGroupStrideBytes =
        hasKeyGroups ? layout.keyDimStrideBytes(layer) : (long) Lanes.TILE * keyDType.byteSize();

    valueDim = shape.valueHeadDim();
    valueDType = shape.valueDType();
    hasValueGroups = isGrouped && valueDim % Lanes.GROUP == 0;
    valueSource = hasValueGroups ? pool : scratch.panels;
    valueStride = VectorScratch.valueStride(valueDim);
    valueRowBytes = valueStride * valueDType.byteSize();
    isCached =
        !isPacked
            && hasKeyGroups
            && hasValueGroups
            && keyDType == DType.FP32
            && valueDType == DType.FP32
            && call.isCached();
    if (valueDType == DType.FP16 && valueDim < valueStride) {
      // What other layers left behind the values may look like what kernels do not widen.
      scratch.gatheredValues.fill((byte) 0);
    }
    boolean isTouched = hasValueGroups && !isPacked;
    touchStrideBytes = isTouched ? (long) Lanes.GROUP * valueRowBytes / keyDim : 0;
    Arrays.fill(touchGroups, 0);
    long denseBytes = (long) Lanes.GROUP * keyDType.byteSize();
    isDense = hasKeyGroups && keyGroupStrideBytes == denseBytes && touchStrideBytes == denseBytes;

    keyTileBytes = layout.keyTileOffset(0, layer, 1) - layout.keyTileOffset(0, layer, 0);
    valueTileBytes = layout.valueTileOffset(0, layer, 1) - layout.valueTileOffset(0, layer, 0);
    boolean isScattered = !isGrouped && keyTileBytes < RUN_BYTES_MIN;
    long headBytes = Math.ceilDiv(Lanes.TILE, blockSize) * (keyTileBytes + valueTileBytes);
    headsTouched = isScattered ? (int) Math.max(1, TOUCHED_BYTES_MAX / headBytes) : 0;
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

  /**
   * Brings blocks of a few tokens into the cache before their heads are gathered one by one: heads
   * are neighbours in a block, and a few KiB in a row come faster than each head's few hundred
   * bytes. Call for every head, in order.
   *
   * @param headIndex how many heads of the tile came before
   * @param endKvHead head behind the tile's last
   */
  void touchAhead(int kvHead, int headIndex, int endKvHead) {
    int heads = Math.min(headsTouched, endKvHead - kvHead);
    if (heads <= 1 || headIndex % headsTouched != 0) {
      return;
    }
    long[] keys = gathered;
    long[] values = gatheredLater;
    int highest = (end - 1) / blockSize * blockSize;
    int position = first / blockSize * blockSize;
    while (position <= highest) {
      for (int i = 0; i < Lanes.GROUPS; i++) {
        int blockId = blockIdAt(Math.min(position, highest));
        keys[i] = layout.keyTileOffset(blockId, layer, kvHead);
        values[i] = layout.valueTileOffset(blockId, layer, kvHead);
        position += blockSize;
      }
      touched += GatherKernel.touch(pool, keys, heads * keyTileBytes);
      touched += GatherKernel.touch(pool, values, heads * valueTileBytes);
    }
  }

  /** Moves to a head of the tile. */
  void openHead(int kvHead) {
    openKeys(kvHead);
    openValues(kvHead);
  }

  /** Moves to the keys of a head of the tile. */
  void openKeys(int kvHead) {
    keySource = hasKeyGroups ? pool : scratch.panels;
    keyStrideBytes = keyGroupStrideBytes;
    hasKeyOverflow = false;
    areKeysWidened = false;
    if (hasKeyGroups) {
      long tokenBytes = layout.keyTokenStrideBytes(layer);
      for (int group = 0; group < Lanes.GROUPS; group++) {
        keyGroups[group] =
            layout.keyTileOffset(groupBlocks[group], layer, kvHead)
                + groupSlots[group] * tokenBytes;
      }
    } else {
      gatherKeys(kvHead);
    }
    if (isPacked) {
      packKeys();
    }
  }

  /** Moves to the values of a head of the tile. */
  void openValues(int kvHead) {
    areValuesWidened = false;
    if (hasValueGroups) {
      for (int group = 0; group < Lanes.GROUPS; group++) {
        valueGroups[group] =
            layout.valueTileOffset(groupBlocks[group], layer, kvHead)
                + (long) groupSlots[group] * valueRowBytes;
      }
    } else {
      gatherValues(kvHead);
    }
    if (isPacked) {
      packValues();
    } else if (hasValueGroups) {
      System.arraycopy(valueGroups, 0, touchGroups, 0, Lanes.GROUPS);
    }
  }

  /**
   * Turns to a copy of the head's keys in FP32, for those in FP16 that are infinite or not numbers,
   * which score kernels do not widen in place.
   */
  void widenKeys() {
    packKeys();
    keySource = scratch.panels;
    keyStrideBytes = PanelScoreKernel.STRIDE_BYTES;
    for (int group = 0; group < Lanes.GROUPS; group++) {
      keyGroups[group] = scratch.keyPanel + (long) group * Lanes.GROUP_BYTES;
    }
    hasKeyOverflow = false;
    areKeysWidened = true;
  }

  /** Copies the head's values into their panel, as FP32, unless that is done. */
  void widenValues() {
    if (!areValuesWidened) {
      packValues();
      areValuesWidened = true;
    }
  }

  private void packKeys() {
    MemorySegment panels = scratch.panels;
    long panel = scratch.keyPanel;
    for (int part = 0; part < Lanes.PARTS; part++) {
      switch (keyDType) {
        case FP32 ->
            PanelKernel.keysFp32(keySource, keyGroups, part, keyStrideBytes, panels, panel, keyDim);
        case BF16 ->
            PanelKernel.keysBf16(keySource, keyGroups, part, keyStrideBytes, panels, panel, keyDim);
        case FP16 -> {
          PanelKernel.keysFp16(
              keySource, keyGroups, 0, part, keyStrideBytes, panels, panel, keyDim);
          PanelKernel.keysFp16(
              keySource, keyGroups, 2, part, keyStrideBytes, panels, panel, keyDim);
        }
      }
    }
  }

  private void packValues() {
    MemorySegment panels = scratch.panels;
    long panel = scratch.valuePanel;
    for (int index = 0; index < Lanes.GROUP; index++) {
      switch (valueDType) {
        case FP32 ->
            PanelKernel.valuesFp32(valueSource, valueGroups, index, panels, panel, valueStride);
        case BF16 ->
            PanelKernel.valuesBf16(valueSource, valueGroups, index, panels, panel, valueStride);
        case FP16 -> {
          PanelKernel.valuesFp16(valueSource, valueGroups, 0, index, panels, panel, valueStride);
          PanelKernel.valuesFp16(valueSource, valueGroups, 2, index, panels, panel, valueStride);
        }
      }
    }
  }

  private int blockIdAt(int position) {
    return blockIds[tableStart + position / blockSize];
  }

  /**
   * Gathers keys. Where no row sees a position, its nearest neighbour that is seen takes its place.
   */
  private void gatherKeys(int kvHead) {
    int elementBytes = keyDType.byteSize();
    long target = scratch.keyGroups;
    for (int group = 0; group < Lanes.GROUPS; group++) {
      keyGroups[group] = target + (long) group * Lanes.GROUP * elementBytes;
    }
    long tokenBytes = layout.keyTokenStrideBytes(layer);
    long dimBytes = layout.keyDimStrideBytes(layer);
    long valueTokenBytes = layout.valueTokenStrideBytes(layer);
    boolean isEight = blockSize == GatherKernel.EIGHT && tokenBytes == elementBytes;
    boolean isDense = dimBytes == elementBytes;
    boolean isInts = elementBytes == Integer.BYTES;
    int step = isEight ? GatherKernel.EIGHT : 1;
    long touchStride = step * valueTokenBytes / keyDim;
    int lowest = first / step * step;
    int highest = (end - 1) / step * step;
    MemorySegment panels = scratch.panels;
    long[] keys = gathered;
    long[] values = gatheredLater;
    for (int i = 0; i < Lanes.GROUP; i += step) {
      for (int group = 0; group < Lanes.GROUPS; group++) {
        int position = Math.max(lowest, Math.min(start + group * Lanes.GROUP + i, highest));
        int blockId = blockIdAt(position);
        int slot = position % blockSize;
        keys[group] = layout.keyTileOffset(blockId, layer, kvHead) + slot * tokenBytes;
        values[group] = layout.valueTileOffset(blockId, layer, kvHead) + slot * valueTokenBytes;
      }
      long to = target + (long) i * elementBytes;
      if (isEight && isInts) {
        touched += GatherKernel.eightInts(pool, keys, values, touchStride, panels, to, keyDim);
      } else if (isEight) {
        touched += GatherKernel.eightShorts(pool, keys, values, touchStride, panels, to, keyDim);
      } else if (isDense && isInts) {
        GatherKernel.denseInt(pool, keys, panels, to, keyDim);
      } else if (isDense) {
        GatherKernel.denseShort(pool, keys, panels, to, keyDim);
      } else if (isInts) {
        touched +=
            GatherKernel.oneInt(pool, keys, dimBytes, values, touchStride, panels, to, keyDim);
      } else {
        touched +=
            GatherKernel.oneShort(pool, keys, dimBytes, values, touchStride, panels, to, keyDim);
      }
    }
  }

  /** Gathers values {@code [first, end)}, block by block. */
  private void gatherValues(int kvHead) {
    long target = scratch.valueGroups;
    for (int group = 0; group < Lanes.GROUPS; group++) {
      valueGroups[group] = target + (long) group * Lanes.GROUP * valueRowBytes;
    }
    long tokenBytes = layout.valueTokenStrideBytes(layer);
    int position = first;
    while (position < end) {
      int slot = position % blockSize;
      int count = tokenBytes == valueRowBytes ? Math.min(end - position, blockSize - slot) : 1;
      long from = layout.valueTileOffset(blockIdAt(position), layer, kvHead) + slot * tokenBytes;
      long to = target + (long) (position - start) * valueRowBytes;
      MemorySegment.copy(pool, from, scratch.panels, to, count * tokenBytes);
      position += count;
    }
  }

  /** Position behind the tile. */
  int end() {
    return start + Lanes.TILE;
  }
}
