package dev.pagoda.block;

import java.util.concurrent.locks.ReentrantLock;

/**
 * Free blocks of a pool that are promised to somebody, who alone can allocate them: {@link
 * BlockPool#allocate(long[], int, int, int)} uses promises up, and {@link BlockPool#release(long[],
 * int, int, int)} turns what becomes free into promises again.
 *
 * <p>Only numbers are promised, no blocks by name; whose they are, their holders know. Guarantees
 * and threads are those of the {@link BlockPool}.
 */
public final class BlockPromises {
  private final BlockBooks books;
  private final ReentrantLock lock;

  BlockPromises(BlockBooks books) {
    this.books = books;
    lock = books.lock;
  }

  /**
   * Promises free blocks to the caller, all or none: nobody else can allocate them.
   *
   * <p>Idle blocks are not given up for it: whoever wants that allocates, saves what they held, and
   * releases with {@code numReservedMax}.
   *
   * @param count blocks to reserve, at least 0
   * @return false if fewer are free and not reserved, and then nothing has changed
   */
  public boolean tryReserve(int count) {
    BlockBooks.requireCount(count);
    lock.lock();
    try {
      books.requireOpen();
      if (count > books.free.numUnreserved()) {
        return false;
      }
      books.free.reserve(count);
      return true;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes a promise back, whole or in part. Allowed on a closed pool, where it does nothing.
   *
   * @param count blocks that were reserved and not allocated
   * @throws IllegalArgumentException if fewer are reserved
   */
  public void unreserve(int count) {
    BlockBooks.requireCount(count);
    lock.lock();
    try {
      if (books.isClosed()) {
        return;
      }
      if (count > books.free.numReserved()) {
        throw new IllegalArgumentException(
            "fewer blocks are reserved: numReserved="
                + books.free.numReserved()
                + ", count="
                + count);
      }
      books.free.unreserve(count);
    } finally {
      lock.unlock();
    }
  }
}
