package dev.pagoda.tier;

import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.prefix.PrefixBlocks;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Blocks of a small layout whose every byte follows from a number, and a memory to keep them in:
 * whatever mixes two up is seen.
 */
public final class BlockPatterns implements AutoCloseable {
  public static final int BLOCK_SIZE = 3;
  public static final KvLayout LAYOUT =
      new KvLayout(
          new KvShape(
              List.of(
                  new LayerShape(1, 2, 1, DType.FP32, DType.FP32),
                  new LayerShape(2, 3, 2, DType.BF16, DType.FP16)),
              BLOCK_SIZE),
          KeyOrder.DIM_MAJOR);

  private final HostStorage storage;

  public BlockPatterns(int numBlocks) {
    storage = HostStorage.allocate(LAYOUT, numBlocks);
  }

  public HostStorage storage() {
    return storage;
  }

  public static PrefixBlock block(long number) {
    return PrefixBlocks.block(number, Math.floorMod(number, 1000), BLOCK_SIZE);
  }

  private MemorySegment bytes(int blockId) {
    return storage.segment().asSlice(LAYOUT.blockOffset(blockId), LAYOUT.blockBytes());
  }

  /** What a block holds. */
  public byte[] bytesOf(int blockId) {
    return bytes(blockId).toArray(ValueLayout.JAVA_BYTE);
  }

  private static long word(long number, long index) {
    long x = number * 0x9e3779b97f4a7c15L + index;
    x = (x ^ (x >>> 30)) * 0xbf58476d1ce4e5b9L;
    return x ^ (x >>> 27);
  }

  /** Writes what belongs to a number. */
  public void fill(int blockId, long number) {
    MemorySegment bytes = bytes(blockId);
    for (long i = 0; i < bytes.byteSize() / 8; i++) {
      bytes.setAtIndex(ValueLayout.JAVA_LONG, i, word(number, i));
    }
  }

  /** Whether every byte is what belongs to a number. */
  public boolean holds(int blockId, long number) {
    MemorySegment bytes = bytes(blockId);
    for (long i = 0; i < bytes.byteSize() / 8; i++) {
      if (bytes.getAtIndex(ValueLayout.JAVA_LONG, i) != word(number, i)) {
        return false;
      }
    }
    return true;
  }

  @Override
  public void close() {
    storage.close();
  }
}
