package dev.pagoda.tier;

import dev.pagoda.Capacity;
import dev.pagoda.PagedKvCache;
import dev.pagoda.memory.Fence;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import dev.pagoda.prefix.LowerTier;
import dev.pagoda.prefix.PrefixBlock;
import dev.pagoda.tier.HeldBlocks.Held;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Host memory for blocks that a prefix cache gives up, and in front of another tier.
 *
 * <p>The block used longest ago makes room for a new one; of blocks that came together the later in
 * its sequence goes first, since a prefix without its beginning is worth nothing. What makes room
 * is offered to the tier below. What that one has is loaded from there straight into the cache.
 *
 * <pre>
 *   cache  --evicted-->  host slot  --evicted-->  tier below
 *     ^                      |                        |
 *     +--------load----------+----------load----------+
 * </pre>
 *
 * <p>A slot is never the source or the target of two copies at a time: while bytes move it is no
 * block's that could be found, or it is held by whoever reads it.
 *
 * <p>Memory: {@code numSlots * blockBytes} off the heap, or the caller's, for instance memory that
 * a device reaches faster; about 200 bytes on the heap per block. Whoever opens a tier closes it,
 * after the prefix cache; the tier below stays open. Threads: any number; bytes move outside the
 * lock.
 */
public final class HostTier implements LowerTier, AutoCloseable {
  private static final System.Logger LOGGER = System.getLogger(HostTier.class.getName());

  private final HostStorage host;
  private final LowerTier below;
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by the lock.
  private final HeldBlocks held;
  private final int[] freeSlots;
  private int numFree;
  private int numMoving;
  private Fence lastCopy = Fence.PASSED; // of those between here and the cache
  private long numHits;
  private long numStored;
  private long numEvicted;
  private long numFailures;
  private boolean closed;

  private HostTier(HostStorage host, LowerTier below) {
    this.host = host;
    this.below = below;
    held = new HeldBlocks(host.numBlocks());
    numFree = host.numBlocks();
    freeSlots = IntStream.range(0, numFree).map(i -> host.numBlocks() - 1 - i).toArray();
  }

  /**
   * Opens a tier with nothing below it.
   *
   * @param cache whose blocks it holds
   * @param capacity how many blocks it holds
   * @return the tier, the caller's to close
   * @throws IllegalArgumentException if the memory cannot be had, with the numbers
   */
  public static HostTier open(PagedKvCache cache, Capacity capacity) {
    return open(cache, capacity, LowerTier.NONE);
  }

  /**
   * Opens a tier.
   *
   * @param cache whose blocks it holds
   * @param capacity how many blocks it holds
   * @param below where its blocks go when there is no room, the caller's to close
   * @return the tier, the caller's to close
   * @throws IllegalArgumentException if the memory cannot be had, with the numbers
   */
  public static HostTier open(PagedKvCache cache, Capacity capacity, LowerTier below) {
    Objects.requireNonNull(below, "below");
    HostStorage host = cache.openHostStorage(capacity);
    try {
      return over(host, below);
    } catch (OutOfMemoryError full) {
      host.close();
      throw full;
    }
  }

  /**
   * Makes a tier of a storage.
   *
   * @param host where its blocks lie, with the cache's layout; the tier closes it
   * @param below where its blocks go when there is no room, the caller's to close
   * @return the tier, the caller's to close
   */
  public static HostTier over(HostStorage host, LowerTier below) {
    return new HostTier(host, Objects.requireNonNull(below, "below"));
  }

  @Override
  public boolean contains(PrefixBlock block) {
    lock.lock();
    try {
      if (find(block) != null) {
        return true;
      }
    } finally {
      lock.unlock();
    }
    return below.contains(block);
  }

  private @Nullable Held find(PrefixBlock block) {
    Held found = held.find(block.key());
    return found != null && found.block.equals(block) ? found : null;
  }

  @Override
  public int load(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    Fence later = new CopiesSoFar(storage);
    int numLoaded = 0;
    while (numLoaded < blocks.size()) {
      List<Held> run = hold(blocks.subList(numLoaded, blocks.size()));
      if (!run.isEmpty()) {
        copyIn(run, storage, blockIds, numLoaded, later);
        numLoaded += run.size();
      } else {
        int end = endOfMisses(blocks, numLoaded);
        int[] ids = IntStream.range(numLoaded, end).map(i -> blockIds[i]).toArray();
        int fromBelow = below.load(blocks.subList(numLoaded, end), storage, ids);
        numLoaded += fromBelow;
        if (fromBelow < ids.length) {
          break;
        }
      }
    }
    return numLoaded;
  }

  /** Holds the first blocks that are here, as far as there is no gap. */
  private List<Held> hold(List<PrefixBlock> blocks) {
    Iterator<PrefixBlock> wanted = blocks.iterator();
    List<Held> run = new ArrayList<>(blocks.size()); // room for all: from here on nothing fails
    lock.lock();
    try {
      requireOpen();
      Held found = find(wanted.next());
      while (found != null) {
        found.numReaders++;
        numMoving++;
        run.add(found);
        found = wanted.hasNext() ? find(wanted.next()) : null;
      }
    } finally {
      lock.unlock();
    }
    return run;
  }

  private int endOfMisses(List<PrefixBlock> blocks, int from) {
    lock.lock();
    try {
      int end = from + 1;
      while (end < blocks.size() && find(blocks.get(end)) == null) {
        end++;
      }
      return end;
    } finally {
      lock.unlock();
    }
  }

  private void copyIn(List<Held> run, KvStorage storage, int[] blockIds, int from, Fence later) {
    boolean done = false;
    try {
      int[] slots = run.stream().mapToInt(each -> each.slot).toArray();
      int[] targets = IntStream.range(from, from + slots.length).map(i -> blockIds[i]).toArray();
      storage.copyIn(host, slots, targets, slots.length);
      done = true;
    } finally {
      Fence copied = fence(storage, later);
      lock.lock();
      try {
        lastCopy = copied;
        numHits += done ? run.size() : 0;
        for (int i = run.size() - 1; i >= 0; i--) { // so that the first one is given up last
          release(run.get(i));
          if (held.find(run.get(i).block.key()) == run.get(i)) {
            held.touch(run.get(i));
          }
        }
      } finally {
        lock.unlock();
      }
    }
  }

  /** The point behind all copies; a later one if this one cannot be written down. */
  private static Fence fence(KvStorage storage, Fence later) {
    try {
      return storage.fence();
    } catch (OutOfMemoryError full) {
      return later;
    }
  }

  /** All copies up to the moment in which somebody asks. */
  private record CopiesSoFar(KvStorage storage) implements Fence {
    @Override
    public boolean hasPassed() {
      return storage.fence().hasPassed();
    }

    @Override
    public void await() {
      storage.fence().await();
    }
  }

  private void release(Held each) {
    each.numReaders--;
    numMoving--;
  }

  @Override
  public void stored(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    below.stored(blocks, storage, blockIds);
  }

  @Override
  public void evicted(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    int[] inOrder =
        IntStream.range(0, blocks.size())
            .boxed()
            .sorted(Comparator.comparingInt(i -> -blocks.get(i).blockIndex()))
            .mapToInt(i -> i)
            .toArray();
    Fence later = new CopiesSoFar(storage);
    Held[] offered = new Held[inOrder.length];
    Arrays.setAll(offered, i -> new Held(blocks.get(inOrder[i])));
    int next = 0;
    while (next < inOrder.length) {
      Move move = new Move(Math.min(inOrder.length - next, host.numBlocks()));
      next = reserve(move, offered, next);
      try {
        int[] sources = new int[move.numArriving];
        int[] slots = new int[move.numArriving];
        for (int i = 0; i < slots.length; i++) {
          sources[i] = blockIds[inOrder[move.offers[i]]];
          slots[i] = offered[move.offers[i]].slot;
        }
        offerBelow(move.victims());
        move.stage = Move.Stage.WRITING;
        if (slots.length > 0) {
          storage.copyOut(sources, host, slots, slots.length);
        }
        move.stage = Move.Stage.WRITTEN;
      } finally {
        arrive(move, offered, fence(storage, later));
      }
    }
  }

  /** Some blocks on their way in, and those that make room for them. */
  private static final class Move {
    private enum Stage {
      /** Victims can be put back. */
      RESERVED,
      WRITING,
      WRITTEN
    }

    final int[] offers; // numbers of those that arrive
    final @Nullable Held[] victims; // whose slots they take, if they were not free
    int numArriving;
    Stage stage = Stage.RESERVED;

    Move(int numBlocksMax) {
      offers = new int[numBlocksMax];
      victims = new Held[numBlocksMax];
    }

    List<Held> victims() {
      return Arrays.stream(victims).filter(Objects::nonNull).toList();
    }
  }

  /**
   * Takes slots for as many blocks as can be had at once; the slots are nobody's until they arrive.
   * Needs no memory.
   *
   * @return number of the first offer that is left for another move
   */
  private int reserve(Move move, Held[] offered, int from) {
    lock.lock();
    try {
      requireOpen();
      int at = from;
      while (at < offered.length && move.numArriving < move.offers.length) {
        Held present = held.find(offered[at].block.key());
        if (present != null) {
          held.touch(present);
        } else if (takeSlot(move, offered[at])) {
          move.offers[move.numArriving] = at;
          move.numArriving++;
          numMoving++;
        } else {
          // Everything is being read or is on its way in: what cannot be kept is lost.
          return offered.length;
        }
        at++;
      }
      return at;
    } finally {
      lock.unlock();
    }
  }

  private boolean takeSlot(Move move, Held arriving) {
    if (numFree > 0) {
      numFree--;
      arriving.slot = freeSlots[numFree];
      return true;
    }
    Held victim = held.oldest();
    while (victim != null && victim.numReaders > 0) {
      victim = victim.newer();
    }
    if (victim == null) {
      return false;
    }
    held.remove(victim);
    move.victims[move.numArriving] = victim;
    arriving.slot = victim.slot;
    return true;
  }

  /**
   * Before the host reads or frees slots. Copies alone need not wait for each other: they happen in
   * order.
   */
  private void awaitCopies() {
    Fence copied;
    lock.lock();
    try {
      copied = lastCopy;
    } finally {
      lock.unlock();
    }
    copied.await();
  }

  /**
   * The tier below is a favour: what it throws costs blocks, not the request, and is logged when
   * the number of failures is a power of two.
   */
  private void offerBelow(List<Held> victims) {
    if (victims.isEmpty()) {
      return;
    }
    awaitCopies();
    List<PrefixBlock> blocks = victims.stream().map(victim -> victim.block).toList();
    int[] slots = victims.stream().mapToInt(victim -> victim.slot).toArray();
    try {
      below.evicted(blocks, host, slots);
    } catch (RuntimeException refused) {
      long number = countFailure();
      if (Long.bitCount(number) == 1) {
        String what = "the tier below lost blocks: numFailures=" + number;
        LOGGER.log(System.Logger.Level.WARNING, what, refused);
      }
    }
  }

  private long countFailure() {
    lock.lock();
    try {
      return ++numFailures;
    } finally {
      lock.unlock();
    }
  }

  /** Ends a move, however far it came. Needs no memory. */
  private void arrive(Move move, Held[] offered, Fence copied) {
    lock.lock();
    try {
      lastCopy = copied;
      numMoving -= move.numArriving;
      for (int i = move.numArriving - 1; i >= 0; i--) {
        Held victim = move.victims[i];
        if (victim != null && move.stage == Move.Stage.RESERVED && isMissing(victim)) {
          held.addOldest(victim);
          offered[move.offers[i]].slot = -1;
        } else {
          numEvicted += victim == null ? 0 : 1;
        }
      }
      for (int i = 0; i < move.numArriving; i++) {
        Held arriving = offered[move.offers[i]];
        if (move.stage == Move.Stage.WRITTEN && isMissing(arriving)) {
          held.add(arriving);
          numStored++;
        } else if (arriving.slot >= 0) {
          freeSlots[numFree] = arriving.slot;
          numFree++;
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private boolean isMissing(Held each) {
    return held.find(each.block.key()) == null;
  }

  /**
   * Offers every block to the tier below and keeps them, before the application ends for instance.
   */
  public void spill() {
    List<PrefixBlock> blocks = new ArrayList<>();
    lock.lock();
    try {
      requireOpen();
      for (Held each = held.oldest(); each != null; each = each.newer()) {
        blocks.add(each.block);
      }
    } finally {
      lock.unlock();
    }
    for (PrefixBlock block : blocks) {
      List<Held> run = hold(List.of(block));
      try {
        offerBelow(run);
      } finally {
        release(run);
      }
    }
  }

  private void release(List<Held> run) {
    lock.lock();
    try {
      for (int i = 0; i < run.size(); i++) {
        release(run.get(i));
      }
    } finally {
      lock.unlock();
    }
  }

  /** Forgets every block but those that are being read. */
  public void clear() {
    lock.lock();
    try {
      requireOpen();
      Held next = held.oldest();
      while (next != null) {
        Held each = next;
        next = each.newer();
        if (each.numReaders == 0) {
          held.remove(each);
          freeSlots[numFree] = each.slot;
          numFree++;
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * The tier's numbers now.
   *
   * @return a snapshot
   */
  public HostTierStatistics statistics() {
    lock.lock();
    try {
      return new HostTierStatistics(
          host.numBlocks(),
          held.size(),
          host.layout().blockBytes(),
          numHits,
          numStored,
          numEvicted,
          numFailures);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Proves the bookkeeping: every slot is free, or a block's, or on its way in. For tests.
   *
   * @throws IllegalStateException if it does not hold
   */
  public void checkConservation() {
    lock.lock();
    try {
      boolean[] seen = new boolean[host.numBlocks()];
      for (int i = 0; i < numFree; i++) {
        requireNew(seen, freeSlots[i]);
      }
      int numReaders = 0;
      for (Held each = held.oldest(); each != null; each = each.newer()) {
        requireNew(seen, each.slot);
        numReaders += each.numReaders;
      }
      int numArriving = host.numBlocks() - numFree - held.size();
      if (numArriving + numReaders != numMoving) {
        throw new IllegalStateException(
            "slots are lost: numArriving="
                + numArriving
                + ", numReaders="
                + numReaders
                + ", numMoving="
                + numMoving);
      }
    } finally {
      lock.unlock();
    }
  }

  private static void requireNew(boolean[] seen, int slot) {
    if (seen[slot]) {
      throw new IllegalStateException("a slot is two blocks': slot=" + slot);
    }
    seen[slot] = true;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the tier is closed: " + host);
    }
  }

  /**
   * Gives the memory back.
   *
   * @throws IllegalStateException if blocks are being moved, or it was closed before
   */
  @Override
  public void close() {
    lock.lock();
    try {
      requireOpen();
      if (numMoving > 0) {
        throw new IllegalStateException("blocks are on the move: numBlocks=" + numMoving);
      }
      lastCopy.await();
      host.close();
      closed = true;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public String toString() {
    return "HostTier[" + statistics() + "]";
  }
}
