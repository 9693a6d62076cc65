package dev.pagoda;

import dev.pagoda.layout.KvLayout;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/** How much a cache may hold. */
public sealed interface Capacity {
  /**
   * A number of blocks.
   *
   * @param numBlocks blocks, at least 1
   * @return the capacity
   */
  static Capacity blocks(int numBlocks) {
    return new Blocks(numBlocks);
  }

  /**
   * As many whole blocks as fit in a number of bytes.
   *
   * @param poolBytes upper bound of the pool
   * @return the capacity
   */
  static Capacity bytes(long poolBytes) {
    return new Bytes(poolBytes);
  }

  /**
   * As many whole blocks as fit in memory of the caller's, which stays the caller's and must
   * outlive the cache. Host backends only.
   *
   * @param segment writable memory off the heap, on a 64-byte line
   * @return the capacity
   */
  static Capacity within(MemorySegment segment) {
    return new Within(segment);
  }

  /**
   * A number of blocks that are counted, but have no memory: sequences, steps, forks, swaps and
   * every number of the cache are what they would be with it, while nothing can be written or
   * attended to. For planning: it answers how many blocks some traffic takes, on any machine and
   * for any size of pool, in 32 bytes per block.
   *
   * <p>{@link Step#write} and {@link Step#attend} are {@link IllegalStateException}s that say so,
   * and a step commits without having been written. A swap space of such a cache is counted too.
   *
   * @param numBlocks blocks, at least 1
   * @return the capacity
   */
  static Capacity counted(int numBlocks) {
    return new Counted(numBlocks);
  }

  /**
   * A number of blocks.
   *
   * @param numBlocks blocks, at least 1
   */
  record Blocks(int numBlocks) implements Capacity {
    /** Checks the number. */
    public Blocks {
      if (numBlocks < 1) {
        throw new IllegalArgumentException(
            "the capacity must be at least one block: numBlocks=" + numBlocks);
      }
    }
  }

  /**
   * As many whole blocks as fit.
   *
   * @param poolBytes upper bound of the pool, at least 1
   */
  record Bytes(long poolBytes) implements Capacity {
    /** Checks the number. */
    public Bytes {
      if (poolBytes < 1) {
        throw new IllegalArgumentException(
            "the capacity must be at least one byte: poolBytes=" + poolBytes);
      }
    }

    /**
     * How many blocks that is.
     *
     * @param layout how a block is laid out
     * @return whole blocks that fit, at least 1
     * @throws IllegalArgumentException if not one fits, or more than 2^31 - 1 do
     */
    public int numBlocks(KvLayout layout) {
      long numBlocks = poolBytes / layout.blockBytes();
      if (numBlocks == 0 || numBlocks > Integer.MAX_VALUE) {
        throw new IllegalArgumentException(
            "the capacity must be between one block and 2^31 - 1 blocks: blockBytes="
                + layout.blockBytes()
                + ", poolBytes="
                + poolBytes);
      }
      return (int) numBlocks;
    }
  }

  /**
   * As many whole blocks as fit in the caller's memory.
   *
   * @param segment writable memory off the heap, on a 64-byte line
   */
  record Within(MemorySegment segment) implements Capacity {
    /** Checks that there is a segment. */
    public Within {
      Objects.requireNonNull(segment, "segment");
    }
  }

  /**
   * A number of blocks without memory, see {@link Capacity#counted}.
   *
   * @param numBlocks blocks, at least 1
   */
  record Counted(int numBlocks) implements Capacity {
    /** Checks the number. */
    public Counted {
      if (numBlocks < 1) {
        throw new IllegalArgumentException(
            "the capacity must be at least one block: numBlocks=" + numBlocks);
      }
    }
  }
}
