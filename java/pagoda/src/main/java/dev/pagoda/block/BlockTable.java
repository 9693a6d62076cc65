package dev.pagoda.block;

import java.util.Arrays;

/**
 * One sequence's blocks in token order. Each entry holds one reference of its block.
 *
 * <p>Changes in three ways only: blocks are appended, the tail is dropped, and the last block is
 * replaced by its copy before it is written. Ids in the middle never change.
 *
 * <p>Footprint: 8 bytes per entry. Not thread-safe: a table belongs to whoever schedules its
 * sequence.
 */
public final class BlockTable {
  private final BlockPool pool;
  private long[] handles;
  private int numBlocks;

  /**
   * An empty table.
   *
   * @param pool where its blocks come from
   * @param expectedBlocks entries to make room for, at least 0; it grows beyond that
   */
  public BlockTable(BlockPool pool, int expectedBlocks) {
    this.pool = pool;
    handles = new long[Math.max(4, expectedBlocks)];
  }

  /**
   * Entries.
   *
   * @return number of blocks
   */
  public int numBlocks() {
    return numBlocks;
  }

  /**
   * The handle at an index.
   *
   * @param blockIndex position in the table
   * @return the block's handle
   * @throws IndexOutOfBoundsException if there is no such entry
   */
  public long handle(int blockIndex) {
    if (blockIndex < 0 || blockIndex >= numBlocks) {
      throw new IndexOutOfBoundsException(
          "no such entry: numBlocks=" + numBlocks + ", blockIndex=" + blockIndex);
    }
    return handles[blockIndex];
  }

  /**
   * The block id at an index.
   *
   * @param blockIndex position in the table
   * @return the block's number in the pool
   * @throws IndexOutOfBoundsException if there is no such entry
   */
  public int blockId(int blockIndex) {
    return BlockHandle.blockId(handle(blockIndex));
  }

  /**
   * Writes all block ids in token order.
   *
   * @param ids receives {@link #numBlocks} ids
   * @param from index of the first one
   */
  public void copyIds(int[] ids, int from) {
    for (int i = 0; i < numBlocks; i++) {
      ids[from + i] = BlockHandle.blockId(handles[i]);
    }
  }

  /**
   * Makes room for entries, so that appending them cannot fail.
   *
   * @param capacity entries to have room for
   */
  public void ensureRoom(int capacity) {
    if (capacity > handles.length) {
      handles = Arrays.copyOf(handles, Math.max(capacity, 2 * handles.length));
    }
  }

  /**
   * Appends a block; the table takes over the caller's reference.
   *
   * @param handle a block with a reference that is the caller's to give
   */
  public void append(long handle) {
    ensureRoom(numBlocks + 1);
    handles[numBlocks] = handle;
    numBlocks++;
  }

  /**
   * Replaces the last block by its copy. References change hands: the table takes over the new
   * block's, and gives the old one's to the caller.
   *
   * @param handle the copy
   * @return the block that was last
   * @throws IndexOutOfBoundsException if the table is empty
   */
  public long replaceLast(long handle) {
    long last = handle(numBlocks - 1);
    handles[numBlocks - 1] = handle;
    return last;
  }

  /**
   * Drops the tail and its references.
   *
   * @param newNumBlocks entries to keep
   * @return how many blocks became free
   * @throws IllegalArgumentException if there are fewer entries than that
   */
  public int truncate(int newNumBlocks) {
    return truncate(newNumBlocks, 0);
  }

  /**
   * Drops the tail and its references, and reserves some of the blocks that become free by it.
   *
   * @param newNumBlocks entries to keep
   * @param numReservedMax how many of those that become free to reserve at most
   * @return how many blocks became free
   * @throws IllegalArgumentException if there are fewer entries than that
   */
  public int truncate(int newNumBlocks, int numReservedMax) {
    requireShorter(newNumBlocks);
    int freed = pool.release(handles, newNumBlocks, numBlocks, numReservedMax);
    numBlocks = newNumBlocks;
    return freed;
  }

  /**
   * Drops the tail, whose references are the caller's from here on.
   *
   * @param newNumBlocks entries to keep
   * @throws IllegalArgumentException if there are fewer entries than that
   */
  public void detach(int newNumBlocks) {
    requireShorter(newNumBlocks);
    numBlocks = newNumBlocks;
  }

  private void requireShorter(int newNumBlocks) {
    if (newNumBlocks < 0 || newNumBlocks > numBlocks) {
      throw new IllegalArgumentException(
          "a table only shrinks here: numBlocks=" + numBlocks + ", newNumBlocks=" + newNumBlocks);
    }
  }

  /**
   * A second table with the same first blocks, each with one more owner.
   *
   * @param sharedBlocks entries to share
   * @return the new table, the caller's
   * @throws IllegalArgumentException if there are fewer entries than that
   */
  public BlockTable fork(int sharedBlocks) {
    if (sharedBlocks < 0 || sharedBlocks > numBlocks) {
      throw new IllegalArgumentException(
          "a fork shares what there is: numBlocks=" + numBlocks + ", sharedBlocks=" + sharedBlocks);
    }
    BlockTable fork = new BlockTable(pool, handles.length);
    pool.retain(handles, 0, sharedBlocks);
    System.arraycopy(handles, 0, fork.handles, 0, sharedBlocks);
    fork.numBlocks = sharedBlocks;
    return fork;
  }

  /**
   * Takes over the next blocks of another table that begins with all of this one's, each with one
   * more owner.
   *
   * @param source a table of the same pool
   * @param toNumBlocks entries to have in common afterwards
   * @throws IllegalArgumentException if the source has fewer entries, or does not begin with this
   *     table's
   */
  public void extendFrom(BlockTable source, int toNumBlocks) {
    if (toNumBlocks < numBlocks || toNumBlocks > source.numBlocks) {
      throw new IllegalArgumentException(
          "a table takes over what the other has: numBlocks="
              + numBlocks
              + ", sourceBlocks="
              + source.numBlocks
              + ", toNumBlocks="
              + toNumBlocks);
    }
    int differs = Arrays.mismatch(handles, 0, numBlocks, source.handles, 0, numBlocks);
    if (differs >= 0) {
      throw new IllegalArgumentException(
          "the other table begins with other blocks: blockIndex=" + differs);
    }
    ensureRoom(toNumBlocks);
    pool.retain(source.handles, numBlocks, toNumBlocks);
    System.arraycopy(source.handles, numBlocks, handles, numBlocks, toNumBlocks - numBlocks);
    numBlocks = toNumBlocks;
  }
}
