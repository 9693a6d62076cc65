package dev.pagoda.internal.simd;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.internal.kernel.CanonicalOrder;
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
 * <p>A group that no row of the call sees, which may lie behind the block table or in a block of
 * somebody else's, is replaced by one that is seen: its scores are computed and thrown away, its
 * values never used.
 */
final class ContextTile {
  private final KvLayout layout;
  private final int blockSize;
  private final VectorScratch scratch;

  // What kernels read.
  MemorySegment keys = MemorySegment.NULL;
  MemorySegment values = MemorySegment.NULL;
  int keyDim;
  int keyDimStrideBytes;
  int valueRowBytes;
  long key0;
  long key1;
  long key2;
  long key3;
  long touch0;
  long touch1;
  long touch2;
  long touch3;
  long touchStride;
  final long[] valueGroups = new long[Lanes.GROUPS];

  /** Position of the tile's start. */
  int start;

  private final int[] groupBlock = new int[Lanes.GROUPS];
  private final int[] groupSlot = new int[Lanes.GROUPS];
  MemorySegment pool = MemorySegment.NULL;
  private int[] blockIds = {};
  private int tableStart;
  private int layer;
  private LayerShape shape;
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

  /** Says whose keys and values the next tiles hold. */
  void openSequence(AttendCall call, int seqIndex) {
    pool = ((HostStorage) call.storage()).segment();
    blockIds = call.batch().blockIds();
    tableStart = call.batch().tableStart(seqIndex);
    layer = call.layer();
    shape = layout.shape().layer(layer);
    boolean isGrouped = blockSize % Lanes.GROUP == 0;
    boolean isDimMajor = layout.keyOrder() == KeyOrder.DIM_MAJOR;
    keysInPlace = isGrouped && isDimMajor && shape.keyDType() == DType.FP32;
    valuesInPlace =
        isGrouped && shape.valueHeadDim() % Lanes.GROUP == 0 && shape.valueDType() == DType.FP32;
    keyDim = shape.keyHeadDim();
    keys = keysInPlace ? pool : scratch.panels;
    values = valuesInPlace ? pool : scratch.panels;
    keyDimStrideBytes = keysInPlace ? blockSize * Float.BYTES : Lanes.GROUP_BYTES;
    valueRowBytes = VectorScratch.valueStride(shape.valueHeadDim()) * Float.BYTES;
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
    int lowest = first / Lanes.GROUP * Lanes.GROUP;
    int highest = (end - 1) / Lanes.GROUP * Lanes.GROUP;
    for (int group = 0; group < Lanes.GROUPS; group++) {
      int position = Math.max(lowest, Math.min(start + group * Lanes.GROUP, highest));
      groupBlock[group] = blockIdAt(position);
      groupSlot[group] = position % blockSize;
    }
  }

  /** Moves to a head of the tile. */
  void openHead(int kvHead) {
    openKeys(kvHead);
    openValues(kvHead);
  }

  private void openKeys(int kvHead) {
    if (keysInPlace) {
      key0 = keyGroup(0, kvHead);
      key1 = keyGroup(1, kvHead);
      key2 = keyGroup(2, kvHead);
      key3 = keyGroup(3, kvHead);
      return;
    }
    long groupBytes = (long) keyDim * Lanes.GROUP_BYTES;
    key0 = scratch.keyPanel;
    key1 = key0 + groupBytes;
    key2 = key1 + groupBytes;
    key3 = key2 + groupBytes;
    packKeys(kvHead);
  }

  private void openValues(int kvHead) {
    long groupBytes = (long) Lanes.GROUP * valueRowBytes;
    for (int group = 0; group < Lanes.GROUPS; group++) {
      valueGroups[group] =
          valuesInPlace
              ? layout.valueTileOffset(groupBlock[group], layer, kvHead)
                  + (long) groupSlot[group] * valueRowBytes
              : scratch.valuePanel + group * groupBytes;
    }
    touch0 = valuesInPlace ? valueGroups[0] : 0;
    touch1 = valuesInPlace ? valueGroups[1] : 0;
    touch2 = valuesInPlace ? valueGroups[2] : 0;
    touch3 = valuesInPlace ? valueGroups[3] : 0;
    touchStride = valuesInPlace ? groupBytes / keyDim : 0;
    if (!valuesInPlace) {
      packValues(kvHead);
    }
  }

  private long keyGroup(int group, int kvHead) {
    return layout.keyTileOffset(groupBlock[group], layer, kvHead)
        + (long) groupSlot[group] * Float.BYTES;
  }

  private int blockIdAt(int position) {
    return blockIds[tableStart + position / blockSize];
  }

  /** Copies keys {@code [first, end)} into the panel, block by block. */
  private void packKeys(int kvHead) {
    int position = first;
    while (position < end) {
      int slot = position % blockSize;
      // A run stays within a block and within a group.
      int inGroup = position % Lanes.GROUP;
      int run = Math.min(Math.min(blockSize - slot, Lanes.GROUP - inGroup), end - position);
      long source =
          layout.keyTileOffset(blockIdAt(position), layer, kvHead)
              + slot * layout.keyTokenStrideBytes(layer);
      int group = (position - start) / Lanes.GROUP;
      long target =
          scratch.keyPanel
              + (long) group * keyDim * Lanes.GROUP_BYTES
              + (long) inGroup * Float.BYTES;
      PanelPacker.packKeys(
          pool,
          shape.keyDType(),
          source,
          layout.keyDimStrideBytes(layer),
          layout.keyTokenStrideBytes(layer),
          keyDim,
          run,
          scratch.panels,
          target);
      position += run;
    }
  }

  /** Copies values {@code [first, end)} into the panel, block by block. */
  private void packValues(int kvHead) {
    int position = first;
    while (position < end) {
      int slot = position % blockSize;
      int run = Math.min(blockSize - slot, end - position);
      long source =
          layout.valueTileOffset(blockIdAt(position), layer, kvHead)
              + slot * layout.valueTokenStrideBytes(layer);
      long target = scratch.valuePanel + (long) (position - start) * valueRowBytes;
      for (int i = 0; i < run; i++) {
        PanelPacker.packRow(
            pool,
            shape.valueDType(),
            source + i * layout.valueTokenStrideBytes(layer),
            shape.valueHeadDim(),
            scratch.panels,
            target + (long) i * valueRowBytes);
      }
      position += run;
    }
  }

  /** Position behind the tile. */
  int end() {
    return start + CanonicalOrder.TILE_TOKENS;
  }
}
