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
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

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
  private static final long[] NO_SLOTS = {};

  private final PagedKvCache cache;
  private final HostStorage host;
  private final BlockPool slots;
  private final PinnedMoves slotMoves;
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by the lock.
  private final SwappedGroups groups = new SwappedGroups();
  private final TransferCount out = new TransferCount();
  private final TransferCount in = new TransferCount();
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
    return swapOutTail(group, firstBlockIndex, swapped -> {});
  }

  /**
   * As the other {@code swapOutTail}, all or none together with something else: several groups, for
   * instance, one inside the other.
   *
   * @param group distinct idle sequences of the cache, at least one
   * @param firstBlockIndex block index from which on blocks are moved, at least 0
   * @param meanwhile is given what will be returned, when the content is out and before blocks are
   *     freed: from then on nothing fails, and if it throws nothing has changed here
   * @return how to bring them back
   */
  public SwappedGroup swapOutTail(
      List<KvSequence> group, int firstBlockIndex, Consumer<? super SwappedGroup> meanwhile) {
    requireOpen();
    Leaving leaving = new Leaving(NO_SLOTS, meanwhile);
    try {
      var _ = cache.parkTail(group, firstBlockIndex, leaving);
    } catch (Throwable refused) {
      leaving.takeBack();
      throw refused;
    }
    return leaving.enter();
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
    return swapOutMore(group, firstBlockIndex, swapped -> {});
  }

  /**
   * As the other {@code swapOutMore}, all or none together with something else.
   *
   * @param group a group of this swap space, which this uses up
   * @param firstBlockIndex block index from which on blocks are moved, less than before
   * @param meanwhile is given what will be returned, when the content is out and before blocks are
   *     freed: from then on nothing fails, and if it throws nothing has changed here
   * @return how to bring all of them back
   */
  public SwappedGroup swapOutMore(
      SwappedGroup group, int firstBlockIndex, Consumer<? super SwappedGroup> meanwhile) {
    Leaving leaving = new Leaving(group.slots(), meanwhile);
    claim(group);
    try {
      var _ = cache.parkMore(group.parked(), firstBlockIndex, leaving);
    } catch (Throwable refused) {
      leaving.takeBack();
      unclaim(group);
      throw refused;
    }
    remove(group);
    return leaving.enter();
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
    long[] nanos = new long[1];
    int[] slotIds = slotIds(group.slots());
    claim(group);
    try {
      cache.unpark(
          group.parked(),
          (device, blockIds) -> nanos[0] = moveIn(group, slotIds, device, blockIds));
    } catch (Throwable refused) {
      unclaim(group);
      throw refused;
    }
    int numBlocks = slotIds.length;
    leave(group);
    lock.lock();
    try {
      in.add(numBlocks, bytes(numBlocks), nanos[0]);
    } finally {
      lock.unlock();
    }
  }

  private long moveIn(SwappedGroup group, int[] slotIds, KvStorage device, int[] blockIds) {
    long start = System.nanoTime();
    slotMoves.carryOut(
        slotMoves.prepare(device, group.slots()),
        () -> device.copyIn(host, slotIds, blockIds, blockIds.length));
    long nanos = System.nanoTime() - start;
    tell("in", slotIds.length, nanos);
    return nanos;
  }

  private void tell(String direction, int numBlocks, long nanos) {
    CacheEvents.current().swapped(direction, numBlocks, bytes(numBlocks), nanos);
  }

  private long bytes(long numBlocks) {
    return numBlocks * cache.layout().blockBytes();
  }

  private static int[] slotIds(long[] handles) {
    return Arrays.stream(handles).mapToInt(BlockHandle::blockId).toArray();
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
    return drop(group, dropped -> {});
  }

  /**
   * As the other {@code drop}, all or none together with something else.
   *
   * @param group a group of this swap space
   * @param meanwhile is given what will be returned, before slots are freed: from then on nothing
   *     fails, and if it throws nothing has changed here
   * @return how to compute it again
   */
  public DroppedGroup drop(SwappedGroup group, Consumer<? super DroppedGroup> meanwhile) {
    if (group.numClosed() > 0) {
      throw new IllegalStateException("a sequence of the group was closed: group=" + group);
    }
    DroppedGroup dropped = new DroppedGroup(cache, group.parked());
    claim(group);
    try {
      meanwhile.accept(dropped);
    } catch (Throwable refused) {
      unclaim(group);
      throw refused;
    }
    leave(group);
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
    List<KvSequence> sequences = group.sequences();
    for (int i = 0; i < sequences.size(); i++) { // an iterator would want memory
      sequences.get(i).close();
    }
    leave(group);
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
    int[] slotIds = slotIds(group.slots());
    claim(group);
    try {
      slotMoves.await(); // what is still on its way out is read by the host now
      mover.move(host, slotIds);
      mover.leaving(group.parked());
    } catch (Throwable refused) {
      unclaim(group);
      throw refused;
    }
    leave(group);
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
    SwappedGroup swapped = new SwappedGroup(this, parked, reserved);
    allocate(reserved);
    try {
      mover.move(host, slotIds(reserved));
    } catch (Throwable refused) {
      var _ = slots.release(reserved, 0, reserved.length);
      throw refused;
    }
    enter(swapped);
    return swapped;
  }

  private void allocate(long[] reserved) {
    slotMoves.await(reserved.length);
    var _ = slots.allocate(reserved, 0, reserved.length);
  }

  private void enter(SwappedGroup swapped) {
    lock.lock();
    try {
      groups.add(swapped);
      swapped.state = SwappedGroup.State.SWAPPED;
    } finally {
      lock.unlock();
    }
  }

  private void claim(SwappedGroup group) {
    if (group.space() != this) {
      throw new IllegalArgumentException("a group of another swap space: group=" + group);
    }
    lock.lock();
    try {
      if (group.state != SwappedGroup.State.SWAPPED) {
        throw new IllegalStateException("the group has left or is on its way: group=" + group);
      }
      group.state = SwappedGroup.State.ON_THE_MOVE;
    } finally {
      lock.unlock();
    }
  }

  private void unclaim(SwappedGroup group) {
    lock.lock();
    try {
      group.state = SwappedGroup.State.SWAPPED;
    } finally {
      lock.unlock();
    }
  }

  private void remove(SwappedGroup group) {
    lock.lock();
    try {
      group.state = SwappedGroup.State.GONE;
      groups.remove(group);
    } finally {
      lock.unlock();
    }
  }

  /** Cannot fail. */
  private void leave(SwappedGroup group) {
    var _ = slots.release(group.slots(), 0, group.slots().length);
    remove(group);
  }

  /** A group on its way out: its host slots, and the books made ready for it. */
  private final class Leaving implements BlockMover {
    private final long[] slotsBefore;
    private final Consumer<? super SwappedGroup> meanwhile;
    private long[] moved = NO_SLOTS;
    private long nanos;
    private Optional<SwappedGroup> swapped = Optional.empty();

    Leaving(long[] slotsBefore, Consumer<? super SwappedGroup> meanwhile) {
      this.slotsBefore = slotsBefore;
      this.meanwhile = meanwhile;
    }

    @Override
    public void move(KvStorage device, int[] blockIds) {
      long[] reserved = new long[blockIds.length];
      allocate(reserved);
      moved = reserved;
      int[] slotIds = slotIds(reserved);
      long start = System.nanoTime();
      slotMoves.carryOut(
          slotMoves.prepare(device, reserved),
          () -> device.copyOut(blockIds, host, slotIds, blockIds.length));
      nanos = System.nanoTime() - start;
      tell("out", reserved.length, nanos);
    }

    @Override
    public void leaving(ParkedGroup parked) {
      long[] all = Arrays.copyOf(slotsBefore, slotsBefore.length + moved.length);
      System.arraycopy(moved, 0, all, slotsBefore.length, moved.length);
      SwappedGroup made = new SwappedGroup(SwapSpace.this, parked, all);
      swapped = Optional.of(made);
      meanwhile.accept(made);
    }

    void takeBack() {
      var _ = slots.release(moved, 0, moved.length);
    }

    SwappedGroup enter() {
      SwappedGroup made = swapped.orElseThrow();
      SwapSpace.this.enter(made);
      lock.lock();
      try {
        out.add(moved.length, bytes(moved.length), nanos);
      } finally {
        lock.unlock();
      }
      return made;
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
          slots.statistics(),
          cache.layout().blockBytes(),
          groups.size(),
          out.totals(),
          in.totals());
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
      long held = groups.numSlots();
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
      if (numTaken > 0 || groups.size() > 0) {
        throw new IllegalStateException(
            "groups are still swapped out, swap them in or discard them: numGroups="
                + groups.size()
                + ", numSlots="
                + numTaken
                + ", numSequences="
                + groups.numSequences()
                + ", numClosed="
                + groups.numClosed());
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
