package dev.pagoda;

import dev.pagoda.block.BlockCaching;
import dev.pagoda.block.BlockPins;
import dev.pagoda.block.BlockPool;
import dev.pagoda.block.BlockTable;
import dev.pagoda.block.IdleOrder;
import dev.pagoda.memory.KvStorage;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The blocks of a cache that outlive their owners: the door between a cache and a prefix cache.
 *
 * <p>Handles of blocks may be kept here however long: a block that was given up since is not
 * adopted any more, see {@link #adopt}. Everything adopted, held or taken is a reference that the
 * caller has to {@linkplain #release release} or to hand over to a sequence.
 *
 * <p>Threads: safe for any number.
 */
public final class CachedBlocks {
  private final PagedKvCache cache;

  private CachedBlocks(PagedKvCache cache) {
    this.cache = cache;
  }

  static CachedBlocks open(PagedKvCache cache, IdleOrder order, BlockEviction eviction) {
    Objects.requireNonNull(eviction, "eviction");
    ReentrantLock lock = cache.lock();
    lock.lock();
    try {
      cache.requireOpen();
      CachedBlocks blocks = new CachedBlocks(cache);
      cache.supply().openCaching(order, eviction);
      return blocks;
    } finally {
      lock.unlock();
    }
  }

  /**
   * The bytes of the blocks.
   *
   * @return the cache's memory
   */
  public KvStorage storage() {
    return cache.storage();
  }

  /**
   * Adds a reference to full blocks of a sequence.
   *
   * @param sequence an open sequence of the cache whose blocks are here; it may be in a step
   * @param firstBlock index of the first block
   * @param endBlock index behind the last one, all tokens before it committed
   * @return handles of the blocks
   * @throws IllegalArgumentException if the sequence has fewer full blocks
   * @throws IllegalStateException if the sequence is closed or parked
   */
  public long[] hold(KvSequence sequence, int firstBlock, int endBlock) {
    ReentrantLock lock = cache.lock();
    lock.lock();
    try {
      cache.sequences().requireHere(sequence);
      int numFull = sequence.length() / cache.shape().blockSize();
      if (firstBlock < 0 || firstBlock > endBlock || endBlock > numFull) {
        throw new IllegalArgumentException(
            "the sequence has fewer full blocks: numFull="
                + numFull
                + ", firstBlock="
                + firstBlock
                + ", endBlock="
                + endBlock);
      }
      long[] handles = new long[endBlock - firstBlock];
      for (int i = 0; i < handles.length; i++) {
        handles[i] = sequence.table.handle(firstBlock + i);
      }
      pool().retain(handles, 0, handles.length);
      return handles;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes blocks, all or none, giving up idle ones where too few are free.
   *
   * @param count blocks to take
   * @return handles, each with one reference
   * @throws dev.pagoda.block.OutOfBlocksException if there are too few; nothing has changed
   */
  public long[] take(int count) {
    long[] handles = new long[count];
    cache.supply().take(handles);
    return handles;
  }

  /**
   * Drops a reference of each block, last one first.
   *
   * @param handles blocks that the caller has a reference of
   * @param from index of the first handle
   * @param to index behind the last one
   */
  public void release(long[] handles, int from, int to) {
    var _ = pool().release(handles, from, to);
  }

  /**
   * Makes a block cached, see {@link BlockCaching#cache}.
   *
   * @param handle a block that the caller has a reference of
   * @return false if it was cached already
   */
  public boolean cache(long handle) {
    return pool().caching().cache(handle);
  }

  /**
   * Whether a block is still cached, see {@link BlockCaching#isCached}.
   *
   * @param handle a handle, however old
   * @return whether it could be adopted now
   */
  public boolean isCached(long handle) {
    return pool().caching().isCached(handle);
  }

  /**
   * Ends the caching of a block, see {@link BlockCaching#uncache}.
   *
   * @param handle a handle, however old
   * @return whether it was cached
   */
  public boolean uncache(long handle) {
    return pool().caching().uncache(handle);
  }

  /**
   * Ends the caching of a block if it is idle, see {@link BlockCaching#uncacheIdle}.
   *
   * @param handle a handle, however old
   * @return whether it was idle
   */
  public boolean uncacheIdle(long handle) {
    return pool().caching().uncacheIdle(handle);
  }

  /**
   * Adds a reference to the first blocks that are still cached, see {@link BlockCaching#adopt}.
   *
   * @param handles distinct handles, however old
   * @param from index of the first handle
   * @param to index behind the last one
   * @param numMore blocks that must be available besides the adopted ones
   * @return how many were adopted
   * @throws dev.pagoda.block.OutOfBlocksException if there is no room; nothing has changed
   */
  public int adopt(long[] handles, int from, int to, int numMore) {
    return pool().caching().adopt(handles, from, to, numMore);
  }

  /**
   * Pins blocks, see {@link BlockPins#pin}.
   *
   * @param handles blocks that are owned or cached
   */
  public void pin(long[] handles) {
    pool().pins().pin(handles, 0, handles.length);
  }

  /**
   * Takes pins back, see {@link BlockPins#unpin}.
   *
   * @param handles blocks that were pinned
   */
  public void unpin(long[] handles) {
    var _ = pool().pins().unpin(handles, 0, handles.length);
  }

  /**
   * Opens a sequence over blocks that the caller has references of, which it takes over.
   *
   * @param handles blocks in token order, as many as the length takes
   * @param length tokens it has
   * @param expectedTokens length to prepare for
   * @return the sequence, the caller's to close
   */
  public KvSequence open(long[] handles, int length, int expectedTokens) {
    requireFitting(handles, length);
    int expectedBlocks = Math.min(cache.shape().blocksFor(expectedTokens), pool().numBlocks());
    ReentrantLock lock = cache.lock();
    lock.lock();
    try {
      cache.requireOpen();
      BlockTable table = new BlockTable(pool(), Math.max(handles.length, expectedBlocks));
      KvSequence sequence = cache.sequences().open(table, length);
      append(table, handles);
      return sequence;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Fills an empty sequence with blocks that the caller has references of, which it takes over.
   *
   * @param empty an idle sequence of the cache without tokens
   * @param handles blocks in token order, as many as the length takes
   * @param length tokens it has then
   * @throws IllegalStateException if the sequence is not idle or has tokens
   */
  public void fill(KvSequence empty, long[] handles, int length) {
    requireFitting(handles, length);
    ReentrantLock lock = cache.lock();
    lock.lock();
    try {
      cache.sequences().requireIdle(empty);
      if (empty.length() != 0) {
        throw new IllegalStateException("only an empty sequence is filled: sequence=" + empty);
      }
      empty.table.ensureRoom(handles.length);
      append(empty.table, handles);
      empty.setLength(length);
      cache.sequences().addTokens(length);
    } finally {
      lock.unlock();
    }
  }

  private void requireFitting(long[] handles, int length) {
    if (handles.length != cache.shape().blocksFor(length)) {
      throw new IllegalArgumentException(
          "the blocks do not fit the length: numBlocks=" + handles.length + ", length=" + length);
    }
  }

  private static void append(BlockTable table, long[] handles) {
    for (long handle : handles) {
      table.append(handle);
    }
  }

  private BlockPool pool() {
    return cache.pool();
  }

  /**
   * Lets somebody else open the cached blocks. Only when nothing is cached any more.
   *
   * @throws IllegalStateException if blocks are still cached
   */
  public void close() {
    ReentrantLock lock = cache.lock();
    lock.lock();
    try {
      cache.supply().closeCaching(!cache.isClosed());
    } finally {
      lock.unlock();
    }
  }
}
