package dev.pagoda.block;

import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Work in flight that still uses blocks of a pool: a pinned block neither becomes free nor is given
 * up, whatever its owners do, for as long as a copy or kernel that was queued has not passed.
 *
 * <p>Guarantees and threads are those of the {@link BlockPool}.
 */
public final class BlockPins {
  private final BlockBooks books;
  private final ReentrantLock lock;

  BlockPins(BlockBooks books) {
    this.books = books;
    lock = books.lock;
  }

  /**
   * Pins blocks, all or none.
   *
   * @param handles blocks that are owned or cached
   * @param from index of the first handle
   * @param to index behind the last one
   * @throws IllegalStateException if one is neither any more
   * @throws IllegalArgumentException if one is no handle of this pool
   */
  public void pin(long[] handles, int from, int to) {
    Objects.checkFromToIndex(from, to, handles.length);
    lock.lock();
    try {
      books.requireOpen();
      for (int i = from; i < to; i++) {
        int blockId = books.requireAlive(handles[i]);
        if (books.pinCount(blockId) == Integer.MAX_VALUE) {
          throw new IllegalStateException("the block has too many pins: blockId=" + blockId);
        }
      }
      for (int i = from; i < to; i++) {
        books.addPin(BlockHandle.blockId(handles[i]));
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes pins back, last one first, all or none.
   *
   * @param handles blocks that were pinned
   * @param from index of the first handle
   * @param to index behind the last one
   * @return how many blocks became free
   * @throws IllegalStateException if one is not pinned any more
   * @throws IllegalArgumentException if one is no handle of this pool, or is given twice
   */
  public int unpin(long[] handles, int from, int to) {
    Objects.checkFromToIndex(from, to, handles.length);
    lock.lock();
    try {
      books.requireOpen();
      requireDistinctPinned(handles, from, to);
      int freed = 0;
      for (int i = to - 1; i >= from; i--) {
        freed += books.dropPin(BlockHandle.blockId(handles[i])) ? 1 : 0;
      }
      books.tellFreed(freed);
      return freed;
    } finally {
      lock.unlock();
    }
  }

  private void requireDistinctPinned(long[] handles, int from, int to) {
    books.marks.nextCall();
    for (int i = from; i < to; i++) {
      int blockId = books.requireAlive(handles[i]);
      if (books.pinCount(blockId) == 0) {
        throw books.lives.explained(
            new IllegalStateException("nobody pins the block: " + BlockHandle.toString(handles[i])),
            blockId);
      }
      books.requireFirst(blockId, handles[i]);
    }
  }
}
