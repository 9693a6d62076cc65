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
 * <p>Words: a block is <b>owned</b> while its reference count is above 0, <b>shared</b> above 1.
 * Without owners it is <b>in flight</b> while it is pinned, else <b>idle</b> if it is cached, else
 * <b>free</b>. Some of the free blocks may be <b>reserved</b>: promised to somebody, who alone can
 * allocate them. A {@linkplain BlockHandle handle} stands for the block in its present life, which
 * ends when it becomes free or an idle block is given up for somebody else.
 *
 * <pre>
 *   referenceCounts  [numBlocks]   0: nobody owns it
 *   pinCounts        [numBlocks]   work in flight that still reads or writes it
 *   cached           [numBlocks]   whether it outlives its owners
 *   generations      [numBlocks]   grows when a block becomes free
 *   freeIds          [numBlocks]   stack; [0, numFree) are free, the top is handed out next
 * </pre>
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
  // Only so that two pools' handles differ; wraps after 4096 pools.
  private static final AtomicInteger NEXT_TAG = new AtomicInteger();

  private final ReentrantLock lock = new ReentrantLock();
  private final int poolTag = NEXT_TAG.getAndIncrement() & (BlockHandle.POOL_TAGS - 1);
  private final int[] referenceCounts;
  private final int[] pinCounts;
  private final boolean[] cached;
  private final int[] generations;
  private final int[] freeIds;
  private final int[] releaseMarks;
  private final IntConsumer onFree;
  private final @Nullable AllocationSites sites;

  private IdleOrder idleOrder = NothingCached.INSTANCE;
  private int numFree;
  private int numReserved; // of the free ones
  private int numIdle;
  private int numInFlight;
  private int numShared;
  private long numReferences;
  private int peakUsed;
  private long numAllocations;
  private long numRefusals;
  private long numReclaimed;
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
    pinCounts = new int[numBlocks];
    cached = new boolean[numBlocks];
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
   * @return number of blocks that are free and not reserved, or idle and may be given up
   */
  public int numAvailable() {
    lock.lock();
    try {
      return numFree - numReserved + idleOrder.numReclaimable();
    } finally {
      lock.unlock();
    }
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
   * @param numPromised how many of them are the caller's by {@link #tryReserve}; their reservation
   *     is used up
   * @return how many of them were idle
   * @throws OutOfBlocksException if fewer than the others are available; nothing has changed
   * @throws IllegalArgumentException if more are promised than reserved or asked for
   */
  public int allocate(long[] handles, int from, int to, int numPromised) {
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
      requireAvailable(count - numPromised, idleOrder.numReclaimable());
      numReserved -= numPromised;
      int numVictims = Math.max(0, count - (numFree - numReserved));
      for (int i = from; i < to; i++) {
        int blockId = i < to - numVictims ? takeFree() : takeVictim();
        referenceCounts[blockId] = 1;
        handles[i] = BlockHandle.of(poolTag, generations[blockId], blockId);
        if (sites != null) {
          sites.allocated(blockId);
        }
      }
      numReferences += count;
      numAllocations += count;
      countPeak();
      return numVictims;
    } finally {
      lock.unlock();
    }
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
    requireCount(count);
    lock.lock();
    try {
      requireOpen();
      if (count > numFree - numReserved) {
        return false;
      }
      numReserved += count;
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
        throw new OutOfBlocksException(
            needed, numFree - numReserved, idleOrder.numReclaimable(), numBlocks());
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

  private void requireAvailable(int count, int reclaimable) {
    int unreserved = numFree - numReserved;
    if (count > unreserved && count > unreserved + reclaimable) {
      numRefusals++;
      throw new OutOfBlocksException(count, unreserved, reclaimable, numBlocks());
    }
  }

  private int takeFree() {
    numFree--;
    return freeIds[numFree];
  }

  private int takeVictim() {
    int blockId = idleOrder.takeVictim();
    cached[blockId] = false;
    generations[blockId]++;
    numIdle--;
    numReclaimed++;
    return blockId;
  }

  private int numOwned() {
    return numBlocks() - numFree - numIdle - numInFlight;
  }

  private void countPeak() {
    peakUsed = Math.max(peakUsed, numOwned());
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
        } else if (referenceCounts[blockId] == 0 && leaveUnowned(blockId)) {
          freed++;
        }
      }
      numReferences -= to - from;
      numReserved += Math.min(freed, numReservedMax);
      tellFreed(freed);
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

  private void tellFreed(int freed) {
    for (int i = numFree - freed; i < numFree; i++) {
      onFree.accept(freeIds[i]);
    }
  }

  /** A block that has no owner goes where it belongs; returns whether it became free. */
  private boolean leaveUnowned(int blockId) {
    if (pinCounts[blockId] > 0) {
      numInFlight++;
      return false;
    }
    if (cached[blockId]) {
      numIdle++;
      idleOrder.idle(blockId);
      return false;
    }
    free(blockId);
    return true;
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
    nextReleaseMark();
    for (int i = from; i < to; i++) {
      var _ = requireOwned(handles[i]);
      markReleased(handles[i]);
    }
  }

  private void nextReleaseMark() {
    releaseMark++;
    if (releaseMark == 0) {
      Arrays.fill(releaseMarks, 0);
      releaseMark = 1;
    }
  }

  private void markReleased(long handle) {
    int blockId = BlockHandle.blockId(handle);
    if (releaseMarks[blockId] == releaseMark) {
      throw explained(
          new IllegalArgumentException(
              "the same block twice in one release: " + BlockHandle.toString(handle)),
          blockId);
    }
    releaseMarks[blockId] = releaseMark;
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
    int blockId = requireAlive(handle);
    if (referenceCounts[blockId] == 0) {
      throw explained(
          new IllegalStateException("nobody owns the block: " + BlockHandle.toString(handle)),
          blockId);
    }
    return blockId;
  }

  /** The block, if this is still the life that the handle stands for. */
  private int requireAlive(long handle) {
    int blockId = requireMine(handle);
    if (!isAlive(blockId) || !BlockHandle.hasGeneration(handle, generations[blockId])) {
      throw explained(
          new IllegalStateException("the block was freed before: " + BlockHandle.toString(handle)),
          blockId);
    }
    return blockId;
  }

  private boolean isAlive(int blockId) {
    return referenceCounts[blockId] > 0 || cached[blockId] || pinCounts[blockId] > 0;
  }

  private int requireMine(long handle) {
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
    return blockId;
  }

  private <T extends Throwable> T explained(T exception, int blockId) {
    return sites == null ? exception : sites.explain(exception, blockId);
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
      requireOpen();
      int blockId = requireOwned(handle);
      return referenceCounts[blockId] == 1 && !cached[blockId];
    } finally {
      lock.unlock();
    }
  }

  // Blocks that outlive their owners.

  /**
   * Says from now on which idle blocks are given up first. Only while nothing is cached.
   *
   * @param order the order
   * @throws IllegalStateException if blocks are cached
   */
  public void setIdleOrder(IdleOrder order) {
    lock.lock();
    try {
      requireOpen();
      for (int id = 0; id < numBlocks(); id++) {
        if (cached[id]) {
          throw new IllegalStateException("a block is cached in the order before: blockId=" + id);
        }
      }
      idleOrder = Objects.requireNonNull(order, "order");
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
   * Makes a block cached: nobody writes into it in place from now on, and it outlives its owners.
   *
   * @param handle a block that is owned
   * @return false if it was cached already
   * @throws IllegalStateException if it is not owned any more
   * @throws IllegalArgumentException if it is no handle of this pool
   */
  public boolean cache(long handle) {
    lock.lock();
    try {
      requireOpen();
      int blockId = requireOwned(handle);
      boolean changes = !cached[blockId];
      cached[blockId] = true;
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
    int blockId = requireMine(handle);
    return cached[blockId] && BlockHandle.hasGeneration(handle, generations[blockId]);
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
      requireOpen();
      int end = from;
      int numVictimsFewer = 0;
      while (end < to && isCachedNow(handles[end])) {
        int blockId = BlockHandle.blockId(handles[end]);
        if (referenceCounts[blockId] == Integer.MAX_VALUE) {
          throw new IllegalStateException("the block has too many owners: blockId=" + blockId);
        }
        boolean isIdle = referenceCounts[blockId] == 0 && pinCounts[blockId] == 0;
        numVictimsFewer += isIdle && idleOrder.isReclaimable(blockId) ? 1 : 0;
        end++;
      }
      if (numMore > 0) {
        requireAvailable(
            Math.addExact(numMore, to - end), idleOrder.numReclaimable() - numVictimsFewer);
      }
      for (int i = from; i < end; i++) {
        adopt(BlockHandle.blockId(handles[i]));
      }
      numReferences += end - from;
      countPeak();
      return end - from;
    } finally {
      lock.unlock();
    }
  }

  private void adopt(int blockId) {
    if (referenceCounts[blockId] == 0) {
      if (pinCounts[blockId] > 0) {
        numInFlight--;
      } else {
        numIdle--;
        idleOrder.notIdle(blockId);
      }
    }
    referenceCounts[blockId]++;
    if (referenceCounts[blockId] == 2) {
      numShared++;
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

  private boolean uncache(long handle, boolean whileOwned) {
    lock.lock();
    try {
      if (closed || !isCachedNow(handle)) {
        return false;
      }
      int blockId = BlockHandle.blockId(handle);
      boolean isIdle = referenceCounts[blockId] == 0 && pinCounts[blockId] == 0;
      if (!isIdle && !whileOwned) {
        return false;
      }
      cached[blockId] = false;
      if (isIdle) {
        numIdle--;
        idleOrder.notIdle(blockId);
        free(blockId);
        tellFreed(1);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  // Blocks that work in flight still uses.

  /**
   * Keeps blocks from becoming free or being given up, all or none, whatever their owners do: for
   * as long as a copy or kernel that was queued has not passed.
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
      requireOpen();
      for (int i = from; i < to; i++) {
        int blockId = requireAlive(handles[i]);
        if (pinCounts[blockId] == Integer.MAX_VALUE) {
          throw new IllegalStateException("the block has too many pins: blockId=" + blockId);
        }
      }
      for (int i = from; i < to; i++) {
        int blockId = BlockHandle.blockId(handles[i]);
        if (pinCounts[blockId] == 0 && referenceCounts[blockId] == 0) {
          numIdle--;
          numInFlight++;
          idleOrder.notIdle(blockId);
        }
        pinCounts[blockId]++;
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
      requireOpen();
      requireDistinctPinned(handles, from, to);
      int freed = 0;
      for (int i = to - 1; i >= from; i--) {
        int blockId = BlockHandle.blockId(handles[i]);
        pinCounts[blockId]--;
        if (pinCounts[blockId] == 0 && referenceCounts[blockId] == 0) {
          numInFlight--;
          freed += leaveUnowned(blockId) ? 1 : 0;
        }
      }
      tellFreed(freed);
      return freed;
    } finally {
      lock.unlock();
    }
  }

  private void requireDistinctPinned(long[] handles, int from, int to) {
    nextReleaseMark();
    for (int i = from; i < to; i++) {
      int blockId = requireAlive(handles[i]);
      if (pinCounts[blockId] == 0) {
        throw explained(
            new IllegalStateException("nobody pins the block: " + BlockHandle.toString(handles[i])),
            blockId);
      }
      markReleased(handles[i]);
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
      return new BlockStatistics(
          numBlocks(),
          numFree,
          numReserved,
          numIdle,
          idleOrder.numReclaimable(),
          numInFlight,
          numShared,
          numReferences,
          peakUsed,
          numAllocations,
          numReclaimed,
          numRefusals);
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
      boolean[] isFree = new boolean[numBlocks()];
      for (int i = 0; i < numFree; i++) {
        require(!isFree[freeIds[i]], "a block is free twice: blockId=" + freeIds[i]);
        isFree[freeIds[i]] = true;
      }
      long references = 0;
      int shared = 0;
      int idle = 0;
      int inFlight = 0;
      for (int id = 0; id < numBlocks(); id++) {
        int count = referenceCounts[id];
        require(
            isFree[id] != isAlive(id),
            "a block is free and in use, or neither: blockId="
                + id
                + ", referenceCount="
                + count
                + ", pinCount="
                + pinCounts[id]
                + ", cached="
                + cached[id]);
        inFlight += count == 0 && pinCounts[id] > 0 ? 1 : 0;
        idle += count == 0 && pinCounts[id] == 0 && cached[id] ? 1 : 0;
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
          idle == numIdle && inFlight == numInFlight && idle >= idleOrder.numReclaimable(),
          "counters disagree with the blocks: numIdle="
              + numIdle
              + ", counted="
              + idle
              + ", numReclaimable="
              + idleOrder.numReclaimable()
              + ", numInFlight="
              + numInFlight
              + ", counted="
              + inFlight);
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
      requireOpen();
      if (numFree + numIdle != numBlocks()) {
        IllegalStateException held =
            new IllegalStateException(
                "blocks are still owned: numUsed="
                    + numOwned()
                    + ", numReferences="
                    + numReferences
                    + ", numInFlight="
                    + numInFlight);
        if (sites != null) {
          for (int id = 0; id < numBlocks(); id++) {
            if (referenceCounts[id] > 0 || pinCounts[id] > 0) {
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
