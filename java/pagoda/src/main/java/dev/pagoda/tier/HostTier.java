package dev.pagoda.tier;

import dev.pagoda.Capacity;
import dev.pagoda.PagedKvCache;
import dev.pagoda.memory.Fence;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import dev.pagoda.prefix.BlockKey;
import dev.pagoda.prefix.LowerTier;
import dev.pagoda.prefix.PrefixBlock;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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

  /** A block in a slot. */
  private static final class Held {
    final PrefixBlock block;
    final int slot;
    int numReaders;

    Held(PrefixBlock block, int slot) {
      this.block = block;
      this.slot = slot;
    }
  }

  private final HostStorage host;
  private final LowerTier below;
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by the lock.
  private final Map<BlockKey, Held> held = new LinkedHashMap<>(); // used longest ago first
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
    return over(cache.openHostStorage(capacity), below);
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
    Held found = held.get(block.key());
    return found != null && found.block.equals(block) ? found : null;
  }

  @Override
  public int load(List<PrefixBlock> blocks, KvStorage storage, int[] blockIds) {
    int numLoaded = 0;
    while (numLoaded < blocks.size()) {
      List<Held> run = hold(blocks.subList(numLoaded, blocks.size()));
      if (!run.isEmpty()) {
        copyIn(run, storage, blockIds, numLoaded);
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
    List<Held> run = new ArrayList<>();
    lock.lock();
    try {
      requireOpen();
      for (PrefixBlock block : blocks) {
        Held found = find(block);
        if (found == null) {
          break;
        }
        found.numReaders++;
        run.add(found);
      }
      numMoving += run.size();
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

  private void copyIn(List<Held> run, KvStorage storage, int[] blockIds, int from) {
    boolean done = false;
    try {
      int[] slots = run.stream().mapToInt(each -> each.slot).toArray();
      int[] targets = IntStream.range(from, from + slots.length).map(i -> blockIds[i]).toArray();
      storage.copyIn(host, slots, targets, slots.length);
      done = true;
    } finally {
      lock.lock();
      try {
        lastCopy = storage.fence();
        numMoving -= run.size();
        numHits += done ? run.size() : 0;
        for (Held each : run.reversed()) { // so that the first one is given up last
          each.numReaders--;
          if (held.remove(each.block.key(), each)) {
            held.put(each.block.key(), each);
          }
        }
      } finally {
        lock.unlock();
      }
    }
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
    int next = 0;
    while (next < inOrder.length) {
      Move move = reserve(blocks, blockIds, inOrder, next);
      next = move.end;
      boolean done = false;
      try {
        offerBelow(move.victims);
        if (!move.arriving.isEmpty()) {
          int[] slots = move.arriving.stream().mapToInt(each -> each.slot).toArray();
          int[] sources = move.sources.stream().mapToInt(id -> id).toArray();
          storage.copyOut(sources, host, slots, slots.length);
        }
        done = true;
      } finally {
        arrive(move, done, storage.fence());
      }
    }
  }

  /** Some blocks on their way in, and those that make room for them. */
  private static final class Move {
    final List<Held> arriving = new ArrayList<>();
    final List<Integer> sources = new ArrayList<>();
    final List<Held> victims = new ArrayList<>();
    int end;
  }

  /** Slots for as many blocks as can be had at once; the slots are nobody's until they arrive. */
  private Move reserve(List<PrefixBlock> blocks, int[] blockIds, int[] inOrder, int from) {
    Move move = new Move();
    lock.lock();
    try {
      requireOpen();
      int at = from;
      while (at < inOrder.length && move.arriving.size() < host.numBlocks()) {
        PrefixBlock block = blocks.get(inOrder[at]);
        Held present = held.get(block.key());
        if (present != null) {
          held.remove(block.key());
          held.put(block.key(), present);
        } else {
          int slot = takeSlot(move);
          if (slot < 0) {
            // Everything is being read or is on its way in: what cannot be kept is lost.
            at = inOrder.length;
            break;
          }
          move.arriving.add(new Held(block, slot));
          move.sources.add(blockIds[inOrder[at]]);
        }
        at++;
      }
      move.end = at;
      numMoving += move.arriving.size();
    } finally {
      lock.unlock();
    }
    return move;
  }

  private int takeSlot(Move move) {
    if (numFree > 0) {
      numFree--;
      return freeSlots[numFree];
    }
    for (Iterator<Held> oldest = held.values().iterator(); oldest.hasNext(); ) {
      Held victim = oldest.next();
      if (victim.numReaders == 0) {
        oldest.remove();
        move.victims.add(victim);
        numEvicted++;
        return victim.slot;
      }
    }
    return -1;
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

  /** The tier below is a favour: what it throws costs blocks, not the request. */
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
      LOGGER.log(System.Logger.Level.WARNING, () -> "the tier below lost blocks: " + refused);
      lock.lock();
      try {
        numFailures++;
      } finally {
        lock.unlock();
      }
    }
  }

  private void arrive(Move move, boolean done, Fence copied) {
    lock.lock();
    try {
      lastCopy = copied;
      numMoving -= move.arriving.size();
      for (Held each : move.arriving) {
        if (done && held.putIfAbsent(each.block.key(), each) == null) {
          numStored++;
        } else {
          freeSlots[numFree] = each.slot;
          numFree++;
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Offers every block to the tier below and keeps them, before the application ends for instance.
   */
  public void spill() {
    List<PrefixBlock> blocks;
    lock.lock();
    try {
      requireOpen();
      blocks = held.values().stream().map(each -> each.block).toList();
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
      numMoving -= run.size();
      run.forEach(each -> each.numReaders--);
    } finally {
      lock.unlock();
    }
  }

  /** Forgets every block but those that are being read. */
  public void clear() {
    lock.lock();
    try {
      requireOpen();
      for (Iterator<Held> all = held.values().iterator(); all.hasNext(); ) {
        Held each = all.next();
        if (each.numReaders == 0) {
          all.remove();
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
      for (Held each : held.values()) {
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
      closed = true;
      held.clear();
    } finally {
      lock.unlock();
    }
    awaitCopies();
    host.close();
  }

  @Override
  public String toString() {
    return "HostTier[" + statistics() + "]";
  }
}
