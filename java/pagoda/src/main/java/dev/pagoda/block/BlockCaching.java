package dev.pagoda.block;

import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Blocks of a pool that outlive their owners: a cached block is written by nobody in place, and
 * when its last owner has gone it is idle, until somebody adopts it or an {@link IdleOrder} gives
 * it up for somebody else.
 *
 * <p>Handles of cached blocks may be kept however long: one of an earlier life is told from one of
 * the present. Guarantees and threads are those of the {@link BlockPool}.
 */
public final class BlockCaching {
  private final BlockBooks books;
  private final ReentrantLock lock;

  BlockCaching(BlockBooks books) {
    this.books = books;
    lock = books.lock;
  }

  /**
   * Says from now on which idle blocks are given up first. Only while nothing is cached.
   *
   * @param order the order
   * @throws IllegalStateException if blocks are cached
   */
  public void setIdleOrder(IdleOrder order) {
    lock.lock();
    try {
      books.requireOpen();
      for (int id = 0; id < books.numBlocks(); id++) {
        if (books.isCached(id)) {
          throw new IllegalStateException("a block is cached in the order before: blockId=" + id);
        }
      }
      books.setIdleOrder(Objects.requireNonNull(order, "order"));
    } finally {
      lock.unlock();
    }
  }

  /**
   * Goes back to the order of nothing. Only while nothing is cached.
   *
   * @throws IllegalStateException if blocks are cached
   */
  public void unsetIdleOrder() {
    setIdleOrder(NothingCached.INSTANCE);
  }

  /**
   * Makes a block cached.
   *
   * @param handle a block that is owned
   * @return false if it was cached already
   * @throws IllegalStateException if it is not owned any more
   * @throws IllegalArgumentException if it is no handle of this pool
   */
  public boolean cache(long handle) {
    lock.lock();
    try {
      books.requireOpen();
      int blockId = books.requireOwned(handle);
      boolean changes = !books.isCached(blockId);
      books.cache(blockId);
      return changes;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Whether a block is cached, and this is still the life of it that the handle stands for.
   *
   * @param handle a handle, however old
   * @return whether it could be adopted now
   * @throws IllegalArgumentException if it is no handle of this pool
   */
  public boolean isCached(long handle) {
    lock.lock();
    try {
      return isCachedNow(handle);
    } finally {
      lock.unlock();
    }
  }

  private boolean isCachedNow(long handle) {
    int blockId = books.lives.requireMine(handle);
    return books.isCached(blockId) && books.lives.isPresent(handle);
  }

  /**
   * Adds an owner to the first blocks that are still cached, up to the first one that is not, if
   * there is room for more besides them.
   *
   * @param handles distinct handles, however old
   * @param from index of the first handle
   * @param to index behind the last one
   * @param numMore blocks that must be free or idle besides the adopted ones; for each handle that
   *     is not adopted one more
   * @return how many were adopted
   * @throws OutOfBlocksException if there is no room; nothing has changed
   * @throws IllegalArgumentException if one is no handle of this pool
   */
  public int adopt(long[] handles, int from, int to, int numMore) {
    Objects.checkFromToIndex(from, to, handles.length);
    lock.lock();
    try {
      books.requireOpen();
      IdleOrder order = books.idleOrder();
      int end = from;
      int numVictimsFewer = 0;
      while (end < to && isCachedNow(handles[end])) {
        int blockId = BlockHandle.blockId(handles[end]);
        books.requireRoomForOwner(blockId);
        numVictimsFewer += books.isUnused(blockId) && order.isReclaimable(blockId) ? 1 : 0;
        end++;
      }
      if (numMore > 0) {
        books.requireAvailable(
            Math.addExact(numMore, to - end), order.numReclaimable() - numVictimsFewer);
      }
      books.adopt(handles, from, end);
      return end - from;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Ends the caching of a block: it becomes free, if it is idle, or else with its last owner or
   * pin. Does nothing if it is not cached any more.
   *
   * @param handle a handle, however old
   * @return whether it was cached
   * @throws IllegalArgumentException if it is no handle of this pool
   */
  public boolean uncache(long handle) {
    return uncache(handle, true);
  }

  /**
   * Ends the caching of a block and makes it free, if it is idle; else changes nothing.
   *
   * @param handle a handle, however old
   * @return whether it was idle
   * @throws IllegalArgumentException if it is no handle of this pool
   */
  public boolean uncacheIdle(long handle) {
    return uncache(handle, false);
  }

  private boolean uncache(long handle, boolean whileUsed) {
    lock.lock();
    try {
      if (books.isClosed() || !isCachedNow(handle)) {
        return false;
      }
      int blockId = BlockHandle.blockId(handle);
      if (!whileUsed && !books.isUnused(blockId)) {
        return false;
      }
      books.tellFreed(books.uncache(blockId) ? 1 : 0);
      return true;
    } finally {
      lock.unlock();
    }
  }
}
