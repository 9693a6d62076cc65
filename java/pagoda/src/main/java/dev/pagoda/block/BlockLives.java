package dev.pagoda.block;

import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * What a {@linkplain BlockHandle handle} stands for: a block of this pool in one of its lives. A
 * life ends when the block becomes free or is given up for somebody else, and its handles with it.
 *
 * <p>Footprint: 4 bytes per block. Guarded by the pool's lock.
 */
final class BlockLives {
  // Only so that two pools' handles differ; wraps after 4096 pools.
  private static final AtomicInteger NEXT_TAG = new AtomicInteger();

  private final int poolTag = NEXT_TAG.getAndIncrement() & (BlockHandle.POOL_TAGS - 1);
  private final int[] generations;
  private final @Nullable AllocationSites sites;

  BlockLives(int numBlocks, boolean trackSites) {
    generations = new int[numBlocks];
    sites = trackSites ? new AllocationSites(numBlocks) : null;
  }

  /** The handle of a block that somebody takes now. */
  long begin(int blockId) {
    if (sites != null) {
      sites.allocated(blockId);
    }
    return BlockHandle.of(poolTag, generations[blockId], blockId);
  }

  /** A block becomes free. */
  void end(int blockId) {
    generations[blockId]++;
    if (sites != null) {
      sites.freed(blockId);
    }
  }

  /** A block passes from nobody to somebody without having been free. */
  void passOn(int blockId) {
    generations[blockId]++;
  }

  /** The block that a handle of this pool names, in whatever life. */
  int requireMine(long handle) {
    int blockId = BlockHandle.blockId(handle);
    if (BlockHandle.poolTag(handle) != poolTag || blockId >= generations.length) {
      throw new IllegalArgumentException(
          "not a handle of this pool: poolTag="
              + poolTag
              + ", numBlocks="
              + generations.length
              + ", handle=["
              + BlockHandle.toString(handle)
              + "]");
    }
    return blockId;
  }

  /** Whether a handle of this pool stands for the block's present life. */
  boolean isPresent(long handle) {
    return BlockHandle.hasGeneration(handle, generations[BlockHandle.blockId(handle)]);
  }

  /** Adds where the block was allocated and freed, if that is known. */
  <T extends Throwable> T explained(T exception, int blockId) {
    return sites == null ? exception : sites.explain(exception, blockId);
  }
}
