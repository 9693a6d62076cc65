package dev.pagoda.tier.file;

import dev.pagoda.Capacity;
import dev.pagoda.PagedKvCache;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Host memory through which blocks pass between a cache and a file. One thread at a time.
 *
 * <p>Blocks lie here as they do in the cache. Files whose key tiles lie the other way pass through
 * one more block, made when the first such file comes.
 */
final class BlockStaging implements AutoCloseable {
  private final HostStorage host;
  private @Nullable HostStorage other;

  private BlockStaging(HostStorage host) {
    this.host = host;
  }

  /** A staging area in memory that the cache's device reaches fast. */
  static BlockStaging open(PagedKvCache cache, Capacity capacity) {
    return new BlockStaging(
        switch (capacity) {
          case Capacity.Bytes bytes ->
              cache.openHostStorage(
                  Capacity.blocks(
                      Math.clamp(bytes.poolBytes() / cache.layout().blockBytes(), 1, 1 << 20)));
          case Capacity.Counted counted ->
              throw new IllegalArgumentException(
                  "a file holds content, and blocks that are only counted have none: numBlocks="
                      + counted.numBlocks());
          case Capacity.Blocks _, Capacity.Within _ -> cache.openHostStorage(capacity);
        });
  }

  /** Staging areas of one block each over a storage that must outlive them, at least two. */
  static List<BlockStaging> single(HostStorage storage) {
    if (storage.numBlocks() < 2) {
      throw new IllegalArgumentException(
          "one block to read and one to write are needed: storage=" + storage);
    }
    List<BlockStaging> areas = new ArrayList<>();
    for (int i = 0; i < storage.numBlocks(); i++) {
      areas.add(new BlockStaging(HostStorage.over(storage.layout(), block(storage, i))));
    }
    return areas;
  }

  HostStorage host() {
    return host;
  }

  int numBlocks() {
    return host.numBlocks();
  }

  /** A block as it lies in the cache. */
  MemorySegment block(int number) {
    return block(host, number);
  }

  private static MemorySegment block(HostStorage storage, int number) {
    KvLayout layout = storage.layout();
    return storage.segment().asSlice(layout.blockOffset(number), layout.blockBytes());
  }

  /** A block of the other key order, to be read from a file. */
  MemorySegment otherBlock() {
    HostStorage there = other;
    if (there == null) {
      there = HostStorage.allocate(otherLayout(host.layout()), 1);
      other = there;
    }
    return block(there, 0);
  }

  private static KvLayout otherLayout(KvLayout layout) {
    boolean isDimMajor = layout.keyOrder() == KeyOrder.DIM_MAJOR;
    return new KvLayout(layout.shape(), isDimMajor ? KeyOrder.TOKEN_MAJOR : KeyOrder.DIM_MAJOR);
  }

  /** Turns the block that was read there around, into one here. No element changes a bit. */
  void turn(MemorySegment source, int number) {
    MemorySegment target = block(number);
    target.copyFrom(source);
    KvLayout here = host.layout();
    KvLayout there = otherLayout(here);
    for (int layer = 0; layer < here.shape().numLayers(); layer++) {
      LayerShape shape = here.shape().layer(layer);
      int bytes = shape.keyDType().byteSize();
      for (int head = 0; head < shape.numKvHeads(); head++) {
        long tile = here.keyTileOffset(0, layer, head);
        for (int token = 0; token < here.shape().blockSize(); token++) {
          for (int dim = 0; dim < shape.keyHeadDim(); dim++) {
            MemorySegment.copy(
                source,
                tile
                    + token * there.keyTokenStrideBytes(layer)
                    + dim * there.keyDimStrideBytes(layer),
                target,
                tile
                    + token * here.keyTokenStrideBytes(layer)
                    + dim * here.keyDimStrideBytes(layer),
                bytes);
          }
        }
      }
    }
  }

  /** Zeroes the slots of a block behind the last token: what lies there may be another's. */
  void clearBehind(int number, int validTokens) {
    KvLayout layout = host.layout();
    int blockSize = layout.shape().blockSize();
    if (validTokens == blockSize) {
      return;
    }
    MemorySegment block = block(number);
    for (int layer = 0; layer < layout.shape().numLayers(); layer++) {
      LayerShape shape = layout.shape().layer(layer);
      long keyBytes = shape.keyDType().byteSize();
      long valueBytes = layout.valueTokenStrideBytes(layer);
      for (int head = 0; head < shape.numKvHeads(); head++) {
        long keys = layout.keyTileOffset(0, layer, head);
        for (int token = validTokens; token < blockSize; token++) {
          for (int dim = 0; dim < shape.keyHeadDim(); dim++) {
            long at =
                token * layout.keyTokenStrideBytes(layer) + dim * layout.keyDimStrideBytes(layer);
            block.asSlice(keys + at, keyBytes).fill((byte) 0);
          }
        }
        long values = layout.valueTileOffset(0, layer, head);
        block
            .asSlice(values + validTokens * valueBytes, (blockSize - validTokens) * valueBytes)
            .fill((byte) 0);
      }
    }
  }

  @Override
  public void close() {
    HostStorage there = other;
    if (there != null) {
      there.close();
    }
    host.close();
  }
}
