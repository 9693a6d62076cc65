package dev.pagoda.block;

import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntConsumer;

/**
 * What a pool knows of its blocks, and how a block passes from one state to another.
 *
 * <pre>
 *   referenceCounts  [numBlocks]   0: nobody owns it
 *   pinCounts        [numBlocks]   work in flight that still reads or writes it
 *   cached           [numBlocks]   whether it outlives its owners
 * </pre>
 *
 * <p>{@link BlockPool} says what the states mean. It, its {@linkplain BlockPins pins}, {@linkplain
 * BlockPromises promises} and {@linkplain BlockCaching caching} check what their callers ask, all
 * of it, and write it down here, where nothing fails any more.
 *
 * <p>Footprint: 21 bytes per block with its parts. Guarded by its lock, which those four take.
 */
final class BlockBooks {
  final ReentrantLock lock = new ReentrantLock();
  final BlockLives lives;
  final FreeBlocks free;
  final CallMarks marks;
  private final int[] referenceCounts;
  private final int[] pinCounts;
  private final boolean[] cached;
  private final IntConsumer onFree;

  private IdleOrder idleOrder = NothingCached.INSTANCE;
  private int numIdle;
  private int numInFlight;
  private int numShared;
  private long numReferences;
  private int peakUsed;
  private long numAllocations;
  private long numRefusals;
  private long numReclaimed;
  private boolean closed;

  BlockBooks(int numBlocks, boolean trackSites, IntConsumer onFree) {
    this.onFree = onFree;
    lives = new BlockLives(numBlocks, trackSites);
    free = new FreeBlocks(numBlocks);
    marks = new CallMarks(numBlocks);
    referenceCounts = new int[numBlocks];
    pinCounts = new int[numBlocks];
    cached = new boolean[numBlocks];
  }

  int numBlocks() {
    return referenceCounts.length;
  }

  // Questions.

  int referenceCount(int blockId) {
    return referenceCounts[blockId];
  }

  int pinCount(int blockId) {
    return pinCounts[blockId];
  }

  boolean isCached(int blockId) {
    return cached[blockId];
  }

  /** Whether it has neither owner nor pin: free or idle. */
  boolean isUnused(int blockId) {
    return referenceCounts[blockId] == 0 && pinCounts[blockId] == 0;
  }

  /** Whether it is anything but free. */
  boolean isAlive(int blockId) {
    return referenceCounts[blockId] > 0 || cached[blockId] || pinCounts[blockId] > 0;
  }

  IdleOrder idleOrder() {
    return idleOrder;
  }

  int numOwned() {
    return numBlocks() - free.numFree() - numIdle - numInFlight;
  }

  int numIdle() {
    return numIdle;
  }

  int numInFlight() {
    return numInFlight;
  }

  int numShared() {
    return numShared;
  }

  long numReferences() {
    return numReferences;
  }

  boolean isClosed() {
    return closed;
  }

  BlockStatistics statistics() {
    return new BlockStatistics(
        numBlocks(),
        free.numFree(),
        free.numReserved(),
        numIdle,
        idleOrder.numReclaimable(),
        numInFlight,
        numShared,
        numReferences,
        peakUsed,
        numAllocations,
        numReclaimed,
        numRefusals);
  }

  // Refusals.

  void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the pool is closed: numBlocks=" + numBlocks());
    }
  }

  static void requireCount(int count) {
    if (count < 0) {
      throw new IllegalArgumentException("a number of blocks is not negative: count=" + count);
    }
  }

  /** Refuses a demand that free and reclaimable blocks cannot meet, and counts the refusal. */
  void requireAvailable(int count, int reclaimable) {
    int unreserved = free.numUnreserved();
    if (count > unreserved && count > unreserved + reclaimable) {
      throw refusal(count, unreserved, reclaimable);
    }
  }

  OutOfBlocksException refusal(int needed, int unreserved, int reclaimable) {
    numRefusals++;
    return new OutOfBlocksException(needed, unreserved, reclaimable, numBlocks());
  }

  /** The block, if this is still the life that the handle stands for. */
  int requireAlive(long handle) {
    int blockId = lives.requireMine(handle);
    if (!isAlive(blockId) || !lives.isPresent(handle)) {
      throw lives.explained(
          new IllegalStateException("the block was freed before: " + BlockHandle.toString(handle)),
          blockId);
    }
    return blockId;
  }

  int requireOwned(long handle) {
    int blockId = requireAlive(handle);
    if (referenceCounts[blockId] == 0) {
      throw lives.explained(
          new IllegalStateException("nobody owns the block: " + BlockHandle.toString(handle)),
          blockId);
    }
    return blockId;
  }

  void requireRoomForOwner(int blockId) {
    if (referenceCounts[blockId] == Integer.MAX_VALUE) {
      throw new IllegalStateException("the block has too many owners: blockId=" + blockId);
    }
  }

  /** Between two {@link CallMarks#nextCall}s, refuses a block that comes for the second time. */
  void requireFirst(int blockId, long handle) {
    if (!marks.isFirst(blockId)) {
      throw lives.explained(
          new IllegalArgumentException(
              "the same block twice in one release: " + BlockHandle.toString(handle)),
          blockId);
    }
  }

  // Owners. Several blocks a call, because counters are written once then.

  /** Blocks get their first owner: free ones, and at last idle ones, whose lives end with it. */
  void take(long[] handles, int from, int to, int numVictims) {
    for (int i = from; i < to; i++) {
      int blockId = i < to - numVictims ? free.take() : takeVictim();
      referenceCounts[blockId] = 1;
      handles[i] = lives.begin(blockId);
    }
    numReferences += to - from;
    numAllocations += to - from;
    countPeak();
  }

  private int takeVictim() {
    int blockId = idleOrder.takeVictim();
    cached[blockId] = false;
    numIdle--;
    numReclaimed++;
    lives.passOn(blockId);
    return blockId;
  }

  /** Blocks that have owners get one more each. */
  void addOwners(long[] handles, int from, int to) {
    for (int i = from; i < to; i++) {
      addOwner(BlockHandle.blockId(handles[i]));
    }
    numReferences += to - from;
  }

  private void addOwner(int blockId) {
    referenceCounts[blockId]++;
    if (referenceCounts[blockId] == 2) {
      numShared++;
    }
  }

  /** Cached blocks get an owner each, their first one perhaps. */
  void adopt(long[] handles, int from, int to) {
    for (int i = from; i < to; i++) {
      int blockId = BlockHandle.blockId(handles[i]);
      if (referenceCounts[blockId] == 0) {
        if (pinCounts[blockId] > 0) {
          numInFlight--;
        } else {
          leaveIdle(blockId);
        }
      }
      addOwner(blockId);
    }
    numReferences += to - from;
    countPeak();
  }

  /**
   * Blocks lose an owner each; returns how many became free. Last one first, so that the stack
   * hands a released run out again in its old order.
   */
  int dropOwners(long[] handles, int from, int to) {
    int freed = 0;
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
    return freed;
  }

  private void countPeak() {
    peakUsed = Math.max(peakUsed, numOwned());
  }

  // Work in flight.

  void addPin(int blockId) {
    if (isUnused(blockId)) {
      leaveIdle(blockId);
      numInFlight++;
    }
    pinCounts[blockId]++;
  }

  /** A block loses a pin; returns whether it became free. */
  boolean dropPin(int blockId) {
    pinCounts[blockId]--;
    if (isUnused(blockId)) {
      numInFlight--;
      return leaveUnowned(blockId);
    }
    return false;
  }

  // Blocks that outlive their owners.

  void setIdleOrder(IdleOrder order) {
    idleOrder = order;
  }

  void cache(int blockId) {
    cached[blockId] = true;
  }

  /** A block is not cached any more; returns whether it became free. */
  boolean uncache(int blockId) {
    cached[blockId] = false;
    if (!isUnused(blockId)) {
      return false;
    }
    leaveIdle(blockId);
    release(blockId);
    return true;
  }

  private void leaveIdle(int blockId) {
    numIdle--;
    idleOrder.notIdle(blockId);
  }

  // Blocks that nobody has.

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
    release(blockId);
    return true;
  }

  private void release(int blockId) {
    lives.end(blockId);
    free.add(blockId);
  }

  /** To be called last: whoever is told may throw. */
  void tellFreed(int numFreed) {
    free.forEachOfLast(numFreed, onFree);
  }

  void close() {
    closed = true;
  }
}
