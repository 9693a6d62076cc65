package dev.pagoda.block;

import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntConsumer;

/**
 * Which blocks are free, and how many owners the others have.
 *
 * <p>Words: a block is <b>owned</b> while its reference count is above 0, <b>shared</b> above 1.
 * Without owners it is <b>in flight</b> while it is pinned, else <b>idle</b> if it is cached, else
 * <b>free</b>. Some of the free blocks may be <b>reserved</b>: promised to somebody, who alone can
 * allocate them. A {@linkplain BlockHandle handle} stands for the block in its present life, which
 * ends when it becomes free or an idle block is given up for somebody else.
 *
 * <p>Owners come and go here. What else keeps a block from being anybody's has doors of its own:
 * {@link #pins}, {@link #promises} and {@link #caching}.
 *
 * <p>Allocation takes the top of the stack, which starts as 0, 1, 2 ... and takes freed blocks back
 * on top: the same calls give the same ids, fresh pools give neighbours, and a block just freed,
 * still in a cache, is used first. When none is free, idle blocks are given up in the order that an
 * {@link IdleOrder} says. Allocating and releasing a block is O(1).
 *
 * <p>Guarantees:
 *
 * <ol>
 *   <li>Every call that throws has changed nothing. Calls over several blocks do all or nothing.
 *   <li>Free + owned + idle + in flight = all blocks, always; {@link #checkConservation} proves it.
 *   <li>Reserved blocks are free blocks, always: who has reserved allocates without fail.
 *   <li>Use after free, double free, a handle of another pool, a number that is no block and the
 *       same block twice in one release are exceptions that name the block.
 * </ol>
 *
 * <p>Footprint: 21 bytes per block. Threads: safe for any number.
 */
public final class BlockPool implements AutoCloseable {
  private final BlockBooks books;
  private final ReentrantLock lock;
  private final BlockPins pins;
  private final BlockPromises promises;
  private final BlockCaching caching;

  /**
   * A pool of free blocks, without allocation sites.
   *
   * @param numBlocks capacity, at least 1
   */
  public BlockPool(int numBlocks) {
    this(numBlocks, false, blockId -> {});
  }

  /**
   * A pool of free blocks.
   *
   * @param numBlocks capacity, at least 1
   * @param trackSites whether exceptions tell where a block was allocated and freed; costs a stack
   *     walk per allocation
   * @param onFree called with each block id that becomes free, inside the call that freed it, when
   *     the pool's books are in order again; must not call the pool
   */
  public BlockPool(int numBlocks, boolean trackSites, IntConsumer onFree) {
    if (numBlocks < 1) {
      throw new IllegalArgumentException("a pool needs a block: numBlocks=" + numBlocks);
    }
    books = new BlockBooks(numBlocks, trackSites, Objects.requireNonNull(onFree, "onFree"));
    lock = books.lock;
    pins = new BlockPins(books);
    promises = new BlockPromises(books);
    caching = new BlockCaching(books);
  }

  BlockBooks books() {
    return books;
  }

  /**
   * Capacity.
   *
   * @return number of blocks, free or not
   */
  public int numBlocks() {
    return books.numBlocks();
  }

  /**
   * Free blocks.
   *
   * @return number of blocks nobody owns
   */
  public int numFree() {
    lock.lock();
    try {
      return books.free.numFree();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Blocks that anybody can have.
   *
   * @return number of blocks that are free and not reserved, or idle and may be given up
   */
  public int numAvailable() {
    lock.lock();
    try {
      return books.free.numUnreserved() + books.idleOrder().numReclaimable();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Work in flight that still uses blocks.
   *
   * @return this pool's pins
   */
  public BlockPins pins() {
    return pins;
  }

  /**
   * Free blocks that are promised to somebody.
   *
   * @return this pool's promises
   */
  public BlockPromises promises() {
    return promises;
  }

  /**
   * Blocks that outlive their owners.
   *
   * @return this pool's cached blocks
   */
  public BlockCaching caching() {
    return caching;
  }

  /**
   * Takes blocks, each with a reference count of 1, all or none: free ones first, then idle ones,
   * whose life ends with this call and whose content is the caller's to save before it is
   * overwritten.
   *
   * @param handles receives one handle per block, those of idle ones last
   * @param from index of the first handle
   * @param to index behind the last one
   * @return how many of them were idle
   * @throws OutOfBlocksException if fewer are free and not reserved or may be given up; nothing has
   *     changed
   */
  public int allocate(long[] handles, int from, int to) {
    return allocate(handles, from, to, 0);
  }

  /**
   * Takes blocks, each with a reference count of 1, some of which were reserved, all or none: as
   * the other {@code allocate}.
   *
   * @param handles receives one handle per block, those of idle ones last
   * @param from index of the first handle
   * @param to index behind the last one
   * @param numPromised how many of them are the caller's by {@link BlockPromises#tryReserve}; their
   *     reservation is used up
   * @return how many of them were idle
   * @throws OutOfBlocksException if fewer than the others are available; nothing has changed
   * @throws IllegalArgumentException if more are promised than reserved or asked for
   */
  public int allocate(long[] handles, int from, int to, int numPromised) {
    Objects.checkFromToIndex(from, to, handles.length);
    lock.lock();
    try {
      books.requireOpen();
      int count = to - from;
      FreeBlocks free = books.free;
      if (numPromised < 0 || numPromised > Math.min(count, free.numReserved())) {
        throw new IllegalArgumentException(
            "more blocks are promised than reserved or asked for: count="
                + count
                + ", numReserved="
                + free.numReserved()
                + ", numPromised="
                + numPromised);
      }
      books.requireAvailable(count - numPromised, books.idleOrder().numReclaimable());
      free.unreserve(numPromised);
      int numVictims = Math.max(0, count - free.numUnreserved());
      books.take(handles, from, to, numVictims);
      return numVictims;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Refuses what this pool could not give if it were empty, and counts the refusal.
   *
   * @param count blocks somebody wants
   * @throws OutOfBlocksException if the pool has fewer blocks in all
   */
  public void requireCapacity(long count) {
    lock.lock();
    try {
      if (count > numBlocks()) {
        int needed = (int) Math.min(count, Integer.MAX_VALUE);
        throw books.refusal(needed, books.free.numUnreserved(), books.idleOrder().numReclaimable());
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes one block.
   *
   * @return its handle, with a reference count of 1
   * @throws OutOfBlocksException if none is free or may be given up
   */
  public long allocate() {
    long[] handle = new long[1];
    var _ = allocate(handle, 0, 1);
    return handle[0];
  }

  /**
   * Adds an owner to each block, all or none.
   *
   * @param handles blocks that are owned
   * @param from index of the first handle
   * @param to index behind the last one
   * @throws IllegalStateException if one is not owned any more
   * @throws IllegalArgumentException if one is no handle of this pool
   */
  public void retain(long[] handles, int from, int to) {
    Objects.checkFromToIndex(from, to, handles.length);
    lock.lock();
    try {
      books.requireOpen();
      for (int i = from; i < to; i++) {
        books.requireRoomForOwner(books.requireOwned(handles[i]));
      }
      books.addOwners(handles, from, to);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Drops an owner of each block, last one first, all or none. A block without owners becomes free,
   * unless it is cached or pinned.
   *
   * @param handles blocks that are owned, each one once
   * @param from index of the first handle
   * @param to index behind the last one
   * @return how many blocks became free
   * @throws IllegalStateException if one is not owned any more
   * @throws IllegalArgumentException if one is no handle of this pool, or is given twice
   */
  public int release(long[] handles, int from, int to) {
    return release(handles, from, to, 0);
  }

  /**
   * Drops an owner of each block, last one first, all or none, and reserves some of the blocks that
   * become free by it in the same moment: a promise that was used is a promise again.
   *
   * @param handles blocks that are owned, each one once
   * @param from index of the first handle
   * @param to index behind the last one
   * @param numReservedMax how many of those that become free to reserve at most
   * @return how many blocks became free
   * @throws IllegalStateException if one is not owned any more
   * @throws IllegalArgumentException if one is no handle of this pool, or is given twice
   */
  public int release(long[] handles, int from, int to, int numReservedMax) {
    Objects.checkFromToIndex(from, to, handles.length);
    BlockBooks.requireCount(numReservedMax);
    lock.lock();
    try {
      books.requireOpen();
      requireDistinctOwned(handles, from, to);
      int freed = books.dropOwners(handles, from, to);
      books.free.reserve(Math.min(freed, numReservedMax));
      books.tellFreed(freed);
      return freed;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Drops an owner of one block.
   *
   * @param handle a block that is owned
   * @return whether it became free
   * @throws IllegalStateException if it is not owned any more
   * @throws IllegalArgumentException if it is no handle of this pool
   */
  public boolean release(long handle) {
    lock.lock();
    try {
      return release(new long[] {handle}, 0, 1) == 1;
    } finally {
      lock.unlock();
    }
  }

  private void requireDistinctOwned(long[] handles, int from, int to) {
    books.marks.nextCall();
    for (int i = from; i < to; i++) {
      books.requireFirst(books.requireOwned(handles[i]), handles[i]);
    }
  }

  /**
   * Owners of a block.
   *
   * @param handle a block that is owned
   * @return its reference count, at least 1
   * @throws IllegalStateException if it is not owned any more
   * @throws IllegalArgumentException if it is no handle of this pool
   */
  public int referenceCount(long handle) {
    lock.lock();
    try {
      books.requireOpen();
      return books.referenceCount(books.requireOwned(handle));
    } finally {
      lock.unlock();
    }
  }

  /**
   * Whether the owner of a block may overwrite it in place.
   *
   * @param handle a block that is owned
   * @return whether it has one owner and is not cached
   * @throws IllegalStateException if it is not owned any more
   * @throws IllegalArgumentException if it is no handle of this pool
   */
  public boolean isWritable(long handle) {
    lock.lock();
    try {
      books.requireOpen();
      int blockId = books.requireOwned(handle);
      return books.referenceCount(blockId) == 1 && !books.isCached(blockId);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Whether a block becomes available when its owners leave: free, or idle and to be given up.
   *
   * @param handle a block that is owned
   * @return false if it is cached and kept for some time
   * @throws IllegalStateException if it is not owned any more
   * @throws IllegalArgumentException if it is no handle of this pool
   */
  public boolean wouldBeAvailable(long handle) {
    lock.lock();
    try {
      books.requireOpen();
      int blockId = books.requireOwned(handle);
      return !books.isCached(blockId) || books.idleOrder().wouldBeReclaimable(blockId);
    } finally {
      lock.unlock();
    }
  }

  /**
   * The pool's numbers now.
   *
   * @return a snapshot
   */
  public BlockStatistics statistics() {
    lock.lock();
    try {
      return books.statistics();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Proves the pool's bookkeeping by a full scan: every block is either free, exactly once, or
   * owned, or idle, or in flight, and the counters agree. For tests and debugging; O(numBlocks).
   *
   * @throws IllegalStateException if it does not hold
   */
  public void checkConservation() {
    lock.lock();
    try {
      new PoolAudit(books).check();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Ends the pool: every later call that takes or drops a reference throws. Idle blocks end with
   * it.
   *
   * @throws IllegalStateException if blocks are still owned or in flight, or it was closed before;
   *     nothing has changed
   */
  @Override
  public void close() {
    lock.lock();
    try {
      books.requireOpen();
      if (books.free.numFree() + books.numIdle() != numBlocks()) {
        throw stillUsed();
      }
      books.close();
    } finally {
      lock.unlock();
    }
  }

  private IllegalStateException stillUsed() {
    IllegalStateException held =
        new IllegalStateException(
            "blocks are still owned: numUsed="
                + books.numOwned()
                + ", numReferences="
                + books.numReferences()
                + ", numInFlight="
                + books.numInFlight());
    for (int id = 0; id < numBlocks(); id++) {
      if (books.referenceCount(id) > 0 || books.pinCount(id) > 0) {
        var _ = books.lives.explained(held, id);
      }
    }
    return held;
  }
}
