package dev.pagoda.tier;

import dev.pagoda.BlockMover;
import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.ParkedGroup;
import dev.pagoda.block.BlockHandle;
import dev.pagoda.block.BlockPool;
import dev.pagoda.internal.event.CacheEvents;
import dev.pagoda.internal.move.PinnedMoves;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Host memory for sequences that must make room in a cache for a while.
 *
 * <p>A group leaves and comes back as one: each distinct block moves once, bit for bit, however
 * many of the group's sequences share it, and is shared in the same way afterwards. Blocks shared
 * with sequences outside the group stay with those as well; the group's copy is its own when it
 * returns.
 *
 * <pre>
 *   idle  --swapOut-->  swapped  --swapIn-->   idle, as before
 *                                --drop-->     dropped, to be computed again
 *                                --discard-->  closed
 * </pre>
 *
 * <p>A swapped sequence may be closed by its holder, but its group's slots stay taken, because the
 * others may still need them: {@link #discard} frees them. A group of which a sequence was closed
 * cannot come back.
 *
 * <p>Failure: all or nothing. Host slots are reserved before a byte moves, and whatever throws
 * leaves both pools, the sequences and the counters as they were. Blocks and slots that a copy
 * still uses are in flight until it has passed, and nobody's.
 *
 * <p>Memory: {@code numSlots * blockBytes} bytes off the heap, or the caller's. Whoever opens a
 * swap space closes it, once all groups have left; closing twice is an {@link
 * IllegalStateException}. Threads: any number; swaps run in parallel.
 */
public final class SwapSpace implements AutoCloseable {
  private final PagedKvCache cache;
  private final HostStorage host;
  private final BlockPool slots;
  private final PinnedMoves slotMoves;
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by the lock.
  private final Set<SwappedGroup> groups = new LinkedHashSet<>();
  private TransferTotals out = TransferTotals.NONE;
  private TransferTotals in = TransferTotals.NONE;
  private boolean closed;

  private SwapSpace(PagedKvCache cache, HostStorage host, Checks checks) {
    this.cache = cache;
    this.host = host;
    boolean debug = checks == Checks.DEBUG;
    slots = new BlockPool(host.numBlocks(), debug, debug ? host::poison : slot -> {});
    slotMoves = new PinnedMoves(slots);
  }

  /**
   * Opens a swap space.
   *
   * @param cache whose sequences it takes
   * @param capacity how many blocks it holds
   * @return the swap space, owned by the caller
   * @throws IllegalArgumentException if the memory cannot be had, with the numbers
   */
  public static SwapSpace open(PagedKvCache cache, Capacity capacity) {
    return open(cache, capacity, Checks.STANDARD);
  }

  /**
   * Opens a swap space.
   *
   * @param cache whose sequences it takes
   * @param capacity how many blocks it holds
   * @param checks how much to spend on finding mistakes
   * @return the swap space, owned by the caller
   * @throws IllegalArgumentException if the memory cannot be had, with the numbers
   */
  public static SwapSpace open(PagedKvCache cache, Capacity capacity, Checks checks) {
    Objects.requireNonNull(checks, "checks");
    return new SwapSpace(cache, cache.openHostStorage(capacity), checks);
  }

  /**
   * Moves sequences to the host and frees their blocks, those shared with outsiders excepted.
   *
   * @param group distinct idle sequences of the cache, at least one
   * @return how to bring them back
   * @throws dev.pagoda.block.OutOfBlocksException if there are too few free host slots
   * @throws IllegalArgumentException if a sequence is another cache's or given twice
   * @throws IllegalStateException if a sequence is closed, parked or in a step, or this swap space
   *     is closed
   */
  public SwappedGroup swapOut(List<KvSequence> group) {
    return swapOutTail(group, 0);
  }

  /**
   * Moves the last blocks of sequences to the host and frees them, those shared with outsiders
   * excepted. Each sequence keeps the blocks before an index, and those that have no more keep all.
   *
   * @param group distinct idle sequences of the cache, at least one
   * @param firstBlockIndex block index from which on blocks are moved, at least 0
   * @return how to bring them back
   * @throws dev.pagoda.block.OutOfBlocksException if there are too few free host slots
   * @throws IllegalArgumentException if a sequence is another cache's or given twice
   * @throws IllegalStateException if a sequence is closed, parked or in a step, or this swap space
   *     is closed
   */
  public SwappedGroup swapOutTail(List<KvSequence> group, int firstBlockIndex) {
    return swapOutTail(group, firstBlockIndex, () -> {});
  }

  /**
   * As the other {@code swapOutTail}, all or none together with something else: several groups, for
   * instance, one inside the other.
   *
   * @param group distinct idle sequences of the cache, at least one
   * @param firstBlockIndex block index from which on blocks are moved, at least 0
   * @param meanwhile runs when the content is out and before blocks are freed; if it throws nothing
   *     has changed here
   * @return how to bring them back
   */
  public SwappedGroup swapOutTail(List<KvSequence> group, int firstBlockIndex, Runnable meanwhile) {
    requireOpen();
    SlotRun run = new SlotRun(meanwhile);
    ParkedGroup parked;
    try {
      parked = cache.parkTail(group, firstBlockIndex, run::moveOut);
    } catch (Throwable refused) {
      run.release();
      throw refused;
    }
    return enter(new SwappedGroup(this, parked, run.handles), run.moved());
  }

  /**
   * Moves more blocks of a group to the host and frees them.
   *
   * @param group a group of this swap space, which this uses up
   * @param firstBlockIndex block index from which on blocks are moved, less than before
   * @return how to bring all of them back
   * @throws dev.pagoda.block.OutOfBlocksException if there are too few free host slots
   * @throws IllegalArgumentException if the group is another swap space's, or the index is not less
   *     than before
   * @throws IllegalStateException if the group has left or is on its way, or one of its sequences
   *     was closed
   */
  public SwappedGroup swapOutMore(SwappedGroup group, int firstBlockIndex) {
    return swapOutMore(group, firstBlockIndex, () -> {});
  }

  /**
   * As the other {@code swapOutMore}, all or none together with something else.
   *
   * @param group a group of this swap space, which this uses up
   * @param firstBlockIndex block index from which on blocks are moved, less than before
   * @param meanwhile runs when the content is out and before blocks are freed; if it throws nothing
   *     has changed here
   * @return how to bring all of them back
   */
  public SwappedGroup swapOutMore(SwappedGroup group, int firstBlockIndex, Runnable meanwhile) {
    claim(group);
    SlotRun run = new SlotRun(meanwhile);
    ParkedGroup parked;
    try {
      parked = cache.parkMore(group.parked(), firstBlockIndex, run::moveOut);
    } catch (Throwable refused) {
      run.release();
      unclaim(group);
      throw refused;
    }
    int numBefore = group.slots().length;
    long[] slots = Arrays.copyOf(group.slots(), numBefore + run.handles.length);
    System.arraycopy(run.handles, 0, slots, numBefore, run.handles.length);
    return enter(new SwappedGroup(this, parked, slots), run.moved());
  }

  private SwappedGroup enter(SwappedGroup swapped, TransferTotals moved) {
    lock.lock();
    try {
      groups.add(swapped);
      out = out.plus(moved);
      return swapped;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Moves a group back into the cache and frees its host slots.
   *
   * @param group a group of this swap space
   * @throws dev.pagoda.block.OutOfBlocksException if the cache has too few free blocks
   * @throws IllegalArgumentException if the group is another swap space's
   * @throws IllegalStateException if the group has left or is on its way, or one of its sequences
   *     was closed
   */
  public void swapIn(SwappedGroup group) {
    claim(group);
    SlotRun run = new SlotRun(group.slots());
    try {
      cache.unpark(group.parked(), run::moveIn);
    } catch (Throwable refused) {
      unclaim(group);
      throw refused;
    }
    leave(group, run.moved());
  }

  /**
   * Gives a group's host slots back and leaves its sequences without content, to be computed again:
   * for when that is cheaper after all.
   *
   * @param group a group of this swap space
   * @return how to compute it again
   * @throws IllegalArgumentException if the group is another swap space's
   * @throws IllegalStateException if the group has left or is on its way, or one of its sequences
   *     was closed
   */
  public DroppedGroup drop(SwappedGroup group) {
    if (group.numClosed() > 0) {
      throw new IllegalStateException("a sequence of the group was closed: group=" + group);
    }
    claim(group);
    DroppedGroup dropped = new DroppedGroup(cache, group.parked());
    leave(group, TransferTotals.NONE);
    return dropped;
  }

  /**
   * Closes a group's sequences, those that are still open, and gives its host slots back.
   *
   * @param group a group of this swap space
   * @throws IllegalArgumentException if the group is another swap space's
   * @throws IllegalStateException if the group has left or is on its way
   */
  public void discard(SwappedGroup group) {
    claim(group);
    group.sequences().forEach(KvSequence::close);
    leave(group, TransferTotals.NONE);
  }

  /**
   * Hands a group on to somebody else, and frees its host slots: to a file, for instance. Its
   * sequences stay parked.
   *
   * @param group a group of this swap space, which this uses up
   * @param mover takes the content out of the storage it is given; if it throws nothing has changed
   * @return the group, to be brought back by {@link PagedKvCache#unpark} or {@link #takeOver}
   * @throws IllegalArgumentException if the group is another swap space's
   * @throws IllegalStateException if the group has left or is on its way
   */
  public ParkedGroup handOn(SwappedGroup group, BlockMover mover) {
    claim(group);
    try {
      slotMoves.await(); // what is still on its way out is read by the host now
      mover.move(host, new SlotRun(group.slots()).slotIds());
    } catch (Throwable refused) {
      unclaim(group);
      throw refused;
    }
    leave(group, TransferTotals.NONE);
    return group.parked();
  }

  /**
   * Takes over a group whose content is elsewhere, without a block of the cache.
   *
   * @param parked a group of this swap space's cache, parked and nobody else's from here on
   * @param mover brings the content into the storage it is given; if it throws nothing has changed
   * @return how to bring it back
   * @throws dev.pagoda.block.OutOfBlocksException if there are too few free host slots
   * @throws IllegalStateException if this swap space is closed
   */
  public SwappedGroup takeOver(ParkedGroup parked, BlockMover mover) {
    requireOpen();
    long[] reserved = new long[parked.numBlocks()];
    allocate(reserved);
    SlotRun run = new SlotRun(reserved);
    try {
      mover.move(host, run.slotIds());
    } catch (Throwable refused) {
      run.release();
      throw refused;
    }
    return enter(new SwappedGroup(this, parked, reserved), TransferTotals.NONE);
  }

  private void allocate(long[] reserved) {
    slotMoves.await(reserved.length);
    slots.allocate(reserved, 0, reserved.length);
  }

  private void claim(SwappedGroup group) {
    if (group.space() != this) {
      throw new IllegalArgumentException("a group of another swap space: group=" + group);
    }
    lock.lock();
    try {
      if (!groups.remove(group)) {
        throw new IllegalStateException("the group has left or is on its way: group=" + group);
      }
    } finally {
      lock.unlock();
    }
  }

  private void unclaim(SwappedGroup group) {
    lock.lock();
    try {
      groups.add(group);
    } finally {
      lock.unlock();
    }
  }

  private void leave(SwappedGroup group, TransferTotals moved) {
    slots.release(group.slots(), 0, group.slots().length);
    lock.lock();
    try {
      in = in.plus(moved);
    } finally {
      lock.unlock();
    }
  }

  /** The host slots of one move, and what the move took. */
  private final class SlotRun {
    private long[] handles;
    private long nanos;

    private final Runnable meanwhile;

    SlotRun(Runnable meanwhile) {
      this.handles = new long[0];
      this.meanwhile = meanwhile;
    }

    SlotRun(long[] handles) {
      this.handles = handles;
      meanwhile = () -> {};
    }

    void moveOut(KvStorage device, int[] blockIds) {
      long[] reserved = new long[blockIds.length];
      allocate(reserved);
      handles = reserved;
      long start = System.nanoTime();
      slotMoves.move(
          device, handles, () -> device.copyOut(blockIds, host, slotIds(), blockIds.length));
      nanos = System.nanoTime() - start;
      tell("out");
      meanwhile.run();
    }

    void moveIn(KvStorage device, int[] blockIds) {
      long start = System.nanoTime();
      slotMoves.move(
          device, handles, () -> device.copyIn(host, slotIds(), blockIds, blockIds.length));
      nanos = System.nanoTime() - start;
      tell("in");
    }

    private void tell(String direction) {
      CacheEvents.current()
          .swapped(direction, handles.length, handles.length * cache.layout().blockBytes(), nanos);
    }

    private int[] slotIds() {
      int[] ids = new int[handles.length];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = BlockHandle.blockId(handles[i]);
      }
      return ids;
    }

    void release() {
      if (handles.length > 0) {
        slots.release(handles, 0, handles.length);
      }
    }

    TransferTotals moved() {
      long numBlocks = handles.length;
      return new TransferTotals(1, numBlocks, numBlocks * cache.layout().blockBytes(), nanos);
    }
  }

  /**
   * The swap space's numbers now.
   *
   * @return a snapshot
   */
  public SwapStatistics statistics() {
    slotMoves.letGo();
    lock.lock();
    try {
      return new SwapStatistics(
          slots.statistics(), cache.layout().blockBytes(), groups.size(), out, in);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Proves the bookkeeping by a full scan: the slot pool's own conservation, and that the groups
   * hold exactly the slots that are taken. Not while a group is on its way. For tests and
   * debugging.
   *
   * @throws IllegalStateException if it does not hold
   */
  public void checkConservation() {
    lock.lock();
    try {
      slots.checkConservation();
      long held = groups.stream().mapToLong(group -> group.slots().length).sum();
      long references = slots.statistics().numReferences();
      if (held != references) {
        throw new IllegalStateException(
            "slots are held by no group: numReferences=" + references + ", inGroups=" + held);
      }
    } finally {
      lock.unlock();
    }
  }

  private void requireOpen() {
    lock.lock();
    try {
      if (closed) {
        throw new IllegalStateException("the swap space is closed: " + host);
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Gives the memory back.
   *
   * @throws IllegalStateException if groups are still here or on their way, or it was closed
   *     before; nothing has changed
   */
  @Override
  public void close() {
    slotMoves.await();
    lock.lock();
    try {
      requireOpen();
      int numTaken = slots.statistics().numUsed();
      if (numTaken > 0 || !groups.isEmpty()) {
        throw new IllegalStateException(
            "groups are still swapped out, swap them in or discard them: numGroups="
                + groups.size()
                + ", numSlots="
                + numTaken
                + ", numSequences="
                + groups.stream().mapToInt(group -> group.sequences().size()).sum()
                + ", numClosed="
                + groups.stream().mapToLong(SwappedGroup::numClosed).sum());
      }
      slots.close();
      closed = true;
    } finally {
      lock.unlock();
    }
    host.close();
  }

  @Override
  public String toString() {
    return "SwapSpace[" + statistics() + "]";
  }
}
