package dev.pagoda.tier.file;

import dev.pagoda.Capacity;
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

  static BlockStaging open(KvLayout layout, Capacity capacity) {
    return new BlockStaging(
        switch (capacity) {
          case Capacity.Blocks blocks -> HostStorage.allocate(layout, blocks.numBlocks());
          case Capacity.Bytes bytes ->
              HostStorage.allocate(
                  layout, Math.clamp(bytes.poolBytes() / layout.blockBytes(), 1, 1 << 20));
          case Capacity.Within within -> HostStorage.over(layout, within.segment());
          case Capacity.Counted counted -> throw contentless(counted);
        });
  }

  private static IllegalArgumentException contentless(Capacity.Counted counted) {
    return new IllegalArgumentException(
        "a file holds content, and blocks that are only counted have none: numBlocks="
            + counted.numBlocks());
  }

  /** Staging areas of one block each, at least two. */
  static List<BlockStaging> single(KvLayout layout, Capacity capacity) {
    List<BlockStaging> areas = new ArrayList<>();
    try {
      switch (capacity) {
        case Capacity.Blocks blocks -> {
          for (int i = 0; i < blocks.numBlocks(); i++) {
            areas.add(open(layout, Capacity.blocks(1)));
          }
        }
        case Capacity.Bytes bytes -> {
          for (int i = 0; i < bytes.numBlocks(layout); i++) {
            areas.add(open(layout, Capacity.blocks(1)));
          }
        }
        case Capacity.Counted counted -> throw contentless(counted);
        case Capacity.Within within -> {
          long blockBytes = layout.blockBytes();
          for (long at = 0; at + blockBytes <= within.segment().byteSize(); at += blockBytes) {
            areas.add(open(layout, Capacity.within(within.segment().asSlice(at, blockBytes))));
          }
        }
      }
      if (areas.size() < 2) {
        throw new IllegalArgumentException(
            "one block to read and one to write are needed: numBlocks="
                + areas.size()
                + ", blockBytes="
                + layout.blockBytes());
      }
    } catch (Throwable refused) {
      areas.forEach(BlockStaging::close);
      throw refused;
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
