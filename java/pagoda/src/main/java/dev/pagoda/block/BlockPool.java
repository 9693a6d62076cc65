package dev.pagoda.block;

import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Which blocks are free, and how many owners the others have.
 *
 * <p>Words: a block is <b>owned</b> while its reference count is above 0, <b>shared</b> above 1,
 * <b>free</b> at 0. Some of the free blocks may be <b>reserved</b>: promised to somebody, who alone
 * can allocate them. A {@linkplain BlockHandle handle} stands for the block in its present life.
 *
 * <pre>
 *   referenceCounts  [numBlocks]   0: free
 *   generations      [numBlocks]   grows when a block becomes free
 *   freeIds          [numBlocks]   stack; [0, numFree) are free, the top is handed out next
 * </pre>
 *
 * <p>Allocation takes the top of the stack, which starts as 0, 1, 2 ... and takes freed blocks back
 * on top: the same calls give the same ids, fresh pools give neighbours, and a block just freed,
 * still in a cache, is used first. Allocating and releasing a block is O(1).
 *
 * <p>Guarantees:
 *
 * <ol>
 *   <li>Every call that throws has changed nothing. Calls over several blocks do all or nothing.
 *   <li>Free blocks + owned blocks = blocks, always; {@link #checkConservation} proves it.
 *   <li>Reserved blocks are free blocks, always: who has reserved allocates without fail.
 *   <li>Use after free, double free, a handle of another pool, a number that is no block and the
 *       same block twice in one release are exceptions that name the block.
 * </ol>
 *
 * <p>Footprint: 16 bytes per block. Threads: safe for any number.
 */
public final class BlockPool implements AutoCloseable {
  // Only so that two pools' handles differ; wraps after 4096 pools.
  private static final AtomicInteger NEXT_TAG = new AtomicInteger();

  private final ReentrantLock lock = new ReentrantLock();
  private final int poolTag = NEXT_TAG.getAndIncrement() & (BlockHandle.POOL_TAGS - 1);
  private final int[] referenceCounts;
  private final int[] generations;
  private final int[] freeIds;
  private final int[] releaseMarks;
  private final IntConsumer onFree;
  private final @Nullable AllocationSites sites;

  private int numFree;
  private int numReserved; // of the free ones
  private int numShared;
  private long numReferences;
  private int peakUsed;
  private long numAllocations;
  private long numRefusals;
  private int releaseMark;
  private boolean closed;

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
    this.onFree = Objects.requireNonNull(onFree, "onFree");
    referenceCounts = new int[numBlocks];
    generations = new int[numBlocks];
    freeIds = new int[numBlocks];
    releaseMarks = new int[numBlocks];
    for (int i = 0; i < numBlocks; i++) {
      freeIds[i] = numBlocks - 1 - i;
    }
    numFree = numBlocks;
    sites = trackSites ? new AllocationSites(numBlocks) : null;
  }

  /**
   * Capacity.
   *
   * @return number of blocks, free or not
   */
  public int numBlocks() {
    return referenceCounts.length;
  }

  /**
   * Free blocks.
   *
   * @return number of blocks nobody owns
   */
  public int numFree() {
    lock.lock();
    try {
      return numFree;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Blocks that anybody can have.
   *
   * @return number of free blocks that are not reserved
   */
  public int numUnreserved() {
    lock.lock();
    try {
      return numFree - numReserved;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes blocks, each with a reference count of 1, all or none.
   *
   * @param handles receives one handle per block
   * @param from index of the first handle
   * @param to index behind the last one
   * @throws OutOfBlocksException if fewer are free and not reserved; nothing has changed
   */
  public void allocate(long[] handles, int from, int to) {
    allocate(handles, from, to, 0);
  }

  /**
   * Takes blocks, each with a reference count of 1, some of which were reserved, all or none.
   *
   * @param handles receives one handle per block
   * @param from index of the first handle
   * @param to index behind the last one
   * @param numPromised how many of them are the caller's by {@link #reserve}; their reservation is
   *     used up
   * @throws OutOfBlocksException if fewer than the others are free and not reserved; nothing has
   *     changed
   * @throws IllegalArgumentException if more are promised than reserved or asked for
   */
  public void allocate(long[] handles, int from, int to, int numPromised) {
    Objects.checkFromToIndex(from, to, handles.length);
    lock.lock();
    try {
      requireOpen();
      int count = to - from;
      if (numPromised < 0 || numPromised > Math.min(count, numReserved)) {
        throw new IllegalArgumentException(
            "more blocks are promised than reserved or asked for: count="
                + count
                + ", numReserved="
                + numReserved
                + ", numPromised="
                + numPromised);
      }
      requireUnreserved(count - numPromised);
      numReserved -= numPromised;
      for (int i = from; i < to; i++) {
        numFree--;
        int blockId = freeIds[numFree];
        referenceCounts[blockId] = 1;
        handles[i] = BlockHandle.of(poolTag, generations[blockId], blockId);
        if (sites != null) {
          sites.allocated(blockId);
        }
      }
      numReferences += count;
      numAllocations += count;
      peakUsed = Math.max(peakUsed, numBlocks() - numFree);
    } finally {
      lock.unlock();
    }
  }

  private void requireUnreserved(int count) {
    if (count > numFree - numReserved) {
      numRefusals++;
      throw new OutOfBlocksException(count, numFree - numReserved, numBlocks());
    }
  }

  /**
   * Promises free blocks to the caller, all or none: nobody else can allocate them.
   *
   * @param count blocks to reserve, at least 0
   * @throws OutOfBlocksException if fewer are free and not reserved; nothing has changed
   */
  public void reserve(int count) {
    requireCount(count);
    lock.lock();
    try {
      requireOpen();
      requireUnreserved(count);
      numReserved += count;
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
    requireCount(count);
    lock.lock();
    try {
      if (closed) {
        return;
      }
      if (count > numReserved) {
        throw new IllegalArgumentException(
            "fewer blocks are reserved: numReserved=" + numReserved + ", count=" + count);
      }
      numReserved -= count;
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
        numRefusals++;
        int needed = (int) Math.min(count, Integer.MAX_VALUE);
        throw new OutOfBlocksException(needed, numFree - numReserved, numBlocks());
      }
    } finally {
      lock.unlock();
    }
  }

  private static void requireCount(int count) {
    if (count < 0) {
      throw new IllegalArgumentException("a number of blocks is not negative: count=" + count);
    }
  }

  /**
   * Takes one block.
   *
   * @return its handle, with a reference count of 1
   * @throws OutOfBlocksException if none is free
   */
  public long allocate() {
    long[] handle = new long[1];
    allocate(handle, 0, 1);
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
      requireOpen();
      for (int i = from; i < to; i++) {
        int blockId = requireOwned(handles[i]);
        if (referenceCounts[blockId] == Integer.MAX_VALUE) {
          throw new IllegalStateException("the block has too many owners: blockId=" + blockId);
        }
      }
      for (int i = from; i < to; i++) {
        int blockId = BlockHandle.blockId(handles[i]);
        referenceCounts[blockId]++;
        if (referenceCounts[blockId] == 2) {
          numShared++;
        }
      }
      numReferences += to - from;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Drops an owner of each block, last one first, all or none. A block without owners becomes free.
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
    requireCount(numReservedMax);
    lock.lock();
    try {
      requireOpen();
      requireDistinctOwned(handles, from, to);
      int freed = 0;
      // Backwards, so that the stack hands a released run out again in its old order.
      for (int i = to - 1; i >= from; i--) {
        int blockId = BlockHandle.blockId(handles[i]);
        referenceCounts[blockId]--;
        if (referenceCounts[blockId] == 1) {
          numShared--;
        } else if (referenceCounts[blockId] == 0) {
          free(blockId);
          freed++;
        }
      }
      numReferences -= to - from;
      numReserved += Math.min(freed, numReservedMax);
      for (int i = numFree - freed; i < numFree; i++) {
        onFree.accept(freeIds[i]);
      }
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

  private void free(int blockId) {
    generations[blockId]++;
    freeIds[numFree] = blockId;
    numFree++;
    if (sites != null) {
      sites.freed(blockId);
    }
  }

  private void requireDistinctOwned(long[] handles, int from, int to) {
    releaseMark++;
    if (releaseMark == 0) {
      Arrays.fill(releaseMarks, 0);
      releaseMark = 1;
    }
    for (int i = from; i < to; i++) {
      int blockId = requireOwned(handles[i]);
      if (releaseMarks[blockId] == releaseMark) {
        throw explained(
            new IllegalArgumentException(
                "the same block twice in one release: " + BlockHandle.toString(handles[i])),
            blockId);
      }
      releaseMarks[blockId] = releaseMark;
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
      requireOpen();
      return referenceCounts[requireOwned(handle)];
    } finally {
      lock.unlock();
    }
  }

  private int requireOwned(long handle) {
    int blockId = BlockHandle.blockId(handle);
    if (BlockHandle.poolTag(handle) != poolTag || blockId >= numBlocks()) {
      throw new IllegalArgumentException(
          "not a handle of this pool: poolTag="
              + poolTag
              + ", numBlocks="
              + numBlocks()
              + ", handle=["
              + BlockHandle.toString(handle)
              + "]");
    }
    if (referenceCounts[blockId] == 0 || !BlockHandle.hasGeneration(handle, generations[blockId])) {
      throw explained(
          new IllegalStateException("the block was freed before: " + BlockHandle.toString(handle)),
          blockId);
    }
    return blockId;
  }

  private <T extends Throwable> T explained(T exception, int blockId) {
    return sites == null ? exception : sites.explain(exception, blockId);
  }

  /**
   * The pool's numbers now.
   *
   * @return a snapshot
   */
  public BlockStatistics statistics() {
    lock.lock();
    try {
      return new BlockStatistics(
          numBlocks(),
          numFree,
          numReserved,
          numShared,
          numReferences,
          peakUsed,
          numAllocations,
          numRefusals);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Proves the pool's bookkeeping by a full scan: every block is free exactly once or owned, and
   * the counters agree. For tests and debugging; O(numBlocks).
   *
   * @throws IllegalStateException if it does not hold
   */
  public void checkConservation() {
    lock.lock();
    try {
      boolean[] isFree = new boolean[numBlocks()];
      for (int i = 0; i < numFree; i++) {
        require(!isFree[freeIds[i]], "a block is free twice: blockId=" + freeIds[i]);
        isFree[freeIds[i]] = true;
      }
      long references = 0;
      int shared = 0;
      for (int id = 0; id < numBlocks(); id++) {
        int count = referenceCounts[id];
        require(
            isFree[id] == (count == 0),
            "a block is free and owned, or neither: blockId=" + id + ", referenceCount=" + count);
        references += count;
        shared += count > 1 ? 1 : 0;
      }
      require(
          numReserved >= 0 && numReserved <= numFree,
          "more blocks are reserved than free: numFree="
              + numFree
              + ", numReserved="
              + numReserved);
      require(
          references == numReferences && shared == numShared,
          "counters disagree with the blocks: numReferences="
              + numReferences
              + ", counted="
              + references
              + ", numShared="
              + numShared
              + ", counted="
              + shared);
    } finally {
      lock.unlock();
    }
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalStateException(otherwise);
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the pool is closed: numBlocks=" + numBlocks());
    }
  }

  /**
   * Ends the pool: every later call that takes or drops a reference throws.
   *
   * @throws IllegalStateException if blocks are still owned, or it was closed before; nothing has
   *     changed
   */
  @Override
  public void close() {
    lock.lock();
    try {
      requireOpen();
      if (numFree != numBlocks()) {
        IllegalStateException held =
            new IllegalStateException(
                "blocks are still owned: numUsed="
                    + (numBlocks() - numFree)
                    + ", numReferences="
                    + numReferences);
        if (sites != null) {
          for (int id = 0; id < numBlocks(); id++) {
            if (referenceCounts[id] > 0) {
              sites.explain(held, id);
            }
          }
        }
        throw held;
      }
      closed = true;
    } finally {
      lock.unlock();
    }
  }
}
