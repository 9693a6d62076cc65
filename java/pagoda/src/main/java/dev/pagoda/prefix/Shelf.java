package dev.pagoda.prefix;

import dev.pagoda.BlockEviction;
import dev.pagoda.CachedBlocks;
import dev.pagoda.PagedKvCache;
import dev.pagoda.block.BlockHandle;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The blocks that can be found: their entries by key and by block, how they come and how they go.
 *
 * <p>One lock guards all changes; nobody waits for long inside it, no tier is asked, and listeners
 * are told after it. Readers take none. An entry dies before its block stops being cached, so that
 * whatever was adopted and is still live is what its entry says.
 */
final class Shelf {
  private final PrefixIndex index;
  private final RetentionOrder order;
  private final CachedBlocks blocks;
  private final EvictedKeys evictedKeys;
  private final PrefixCounters counters;
  private final EventQueue events;
  private final ReentrantLock lock = new ReentrantLock();

  // Changed inside the lock.
  private final AtomicReferenceArray<CachedEntry> entryOf; // per block of the pool
  private final Removals removals;
  private final AtomicLong epoch = new AtomicLong();
  private volatile boolean closed;

  /** The entry that has a content now, none if it was refused, and whether it is a new one. */
  record Shelving(Optional<CachedEntry> entry, boolean isNew) {
    static final Shelving REFUSED = new Shelving(Optional.empty(), false);
  }

  Shelf(
      PagedKvCache cache,
      PrefixCache.Parts parts,
      BlockEviction eviction,
      PrefixCounters counters,
      EventQueue events) {
    index = parts.index();
    order = parts.order();
    this.counters = counters;
    this.events = events;
    int numBlocks = cache.statistics().blocks().numBlocks();
    evictedKeys = new EvictedKeys(numBlocks);
    removals = new Removals(numBlocks);
    entryOf = new AtomicReferenceArray<>(numBlocks);
    for (int id = 0; id < numBlocks; id++) {
      entryOf.setPlain(id, CachedEntry.NONE);
    }
    blocks = cache.openCachedBlocks(order, eviction);
  }

  PrefixIndex index() {
    return index;
  }

  RetentionOrder order() {
    return order;
  }

  CachedBlocks blocks() {
    return blocks;
  }

  EvictedKeys evictedKeys() {
    return evictedKeys;
  }

  /** Grows whenever everything was cleared. */
  long epoch() {
    return epoch.get();
  }

  /** Whether what began in an epoch may still be put here. */
  boolean isOpenSince(long since) {
    return !closed && since == epoch.get();
  }

  boolean isClosed() {
    return closed;
  }

  // Coming.

  /**
   * Puts a block here, unless its content is here already.
   *
   * @param handle a block that the caller has a reference of, and that holds the content
   * @param since refused if everything was cleared since then
   * @param outdated receives entries that made room for it, each with a reference of its block that
   *     is the caller's
   */
  Shelving put(
      PrefixBlock block,
      long handle,
      CachedEntry parent,
      Retention retention,
      long since,
      List<CachedEntry> outdated) {
    lock.lock();
    try {
      return isOpenSince(since)
          ? putLocked(block, handle, parent, retention, outdated)
          : Shelving.REFUSED;
    } finally {
      lock.unlock();
    }
  }

  private Shelving putLocked(
      PrefixBlock block,
      long handle,
      CachedEntry parent,
      Retention retention,
      List<CachedEntry> outdated) {
    Optional<CachedEntry> there = index.find(block.key());
    if (there.isPresent() && blocks.isCached(there.get().handle)) {
      CachedEntry entry = there.get();
      if (!index.isRight(entry, parent, block.ids(), 0)) {
        counters.numCollisions.increment();
        return Shelving.REFUSED;
      }
      if (entry.handle != handle) {
        counters.numDuplicates.increment();
      }
      return new Shelving(there, false);
    }
    // Given up, and its new owner has not come to tell yet.
    there.ifPresent(entry -> takeOff(entry, RemovalReason.POOL_NEEDED_A_BLOCK));
    int blockId = BlockHandle.blockId(handle);
    if (blocks.isCached(handle)) {
      return Shelving.REFUSED; // in another namespace: it belongs there
    }
    CachedEntry entry = new CachedEntry(block, handle, parent);
    Shelving shelving = new Shelving(Optional.of(entry), true);
    while (!order.admit(blockId, parent.tenant, retention)) {
      if (!makeRoom(parent.tenant, outdated)) {
        counters.numQuotaRefusals.increment();
        return Shelving.REFUSED;
      }
    }
    try {
      index.add(entry); // who finds it before the block is cached cannot adopt it: a miss
    } catch (Throwable refused) {
      order.dismiss(parent.tenant);
      throw refused;
    }
    var _ = blocks.cache(handle);
    entryOf.set(blockId, entry);
    evictedKeys.remove(block.key());
    events.stored(block);
    return shelving;
  }

  /** Gives up an idle block of a tenant that has as many as it may. */
  private boolean makeRoom(Tenant tenant, List<CachedEntry> outdated) {
    int blockId = order.victimOf(tenant);
    if (blockId == BlockLinks.NONE) {
      return false;
    }
    CachedEntry entry = entryOf.get(blockId);
    long[] handle = {entry.handle};
    outdated.add(entry);
    if (!entry.hasBlock() || blocks.adopt(handle, 0, 1, 0) == 0) {
      var _ = outdated.removeLast();
      return false; // somebody was faster
    }
    entryOf.set(blockId, CachedEntry.NONE);
    takeOff(entry, RemovalReason.QUOTA);
    var _ = blocks.uncache(entry.handle);
    return true;
  }

  // Going.

  /** Cannot fail. */
  private void takeOff(CachedEntry entry, RemovalReason reason) {
    if (entry.isLive()) {
      // First dead, then uncached: see Admission.adopt.
      entry.die();
      index.remove(entry);
      evictedKeys.add(entry.key());
      note(entry, reason);
      counters.removed(reason, 1);
      events.removed(entry.block, reason);
    }
  }

  private void note(CachedEntry entry, RemovalReason reason) {
    int blockId = BlockHandle.blockId(entry.handle);
    try {
      removals.removed(blockId, entry.block, reason, order.standing(blockId));
    } catch (OutOfMemoryError full) {
      // Nobody can explain it then.
    }
    order.dismiss(entry.tenant);
  }

  /** The pool has given blocks up. Cannot fail: without memory nobody is told what they held. */
  GivenUp evicted(int[] blockIds) {
    GivenUp givenUp = GivenUp.ofAtMost(blockIds.length);
    lock.lock();
    try {
      for (int blockId : blockIds) {
        CachedEntry entry = entryOf.getAndSet(blockId, CachedEntry.NONE);
        if (entry.hasBlock()) {
          givenUp.add(entry, epoch.get());
          takeOff(entry, RemovalReason.POOL_NEEDED_A_BLOCK);
        }
      }
      return givenUp;
    } finally {
      lock.unlock();
    }
  }

  /**
   * A block was given up for a request that has failed and has not touched it. Cannot fail: without
   * memory it stays free.
   */
  void putBack(long handle, GivenUp givenUp) {
    int blockId = BlockHandle.blockId(handle);
    lock.lock();
    try {
      Optional<CachedEntry> old = givenUp.foundIn(blockId);
      if (old.isPresent()
          && isOpenSince(givenUp.epoch())
          && index.find(old.get().key()).isEmpty()) { // or somebody has computed it again
        putBack(blockId, new CachedEntry(old.get().block, handle, old.get().parent()));
      }
    } catch (OutOfMemoryError full) {
      // Whoever puts back is in the middle of undoing something else.
    } finally {
      lock.unlock();
    }
  }

  private void putBack(int blockId, CachedEntry entry) {
    if (order.readmit(blockId, entry.tenant)) {
      try {
        index.add(entry);
      } catch (Throwable refused) {
        order.dismiss(entry.tenant);
        throw refused;
      }
      var _ = blocks.cache(entry.handle);
      entryOf.set(blockId, entry);
      evictedKeys.remove(entry.key());
      removals.returned(blockId);
      counters.removed(RemovalReason.POOL_NEEDED_A_BLOCK, -1);
      events.stored(entry.block);
    }
  }

  /** Takes entries off, last one first; returns how many were here. */
  int remove(List<CachedEntry> entries) {
    int count = 0;
    lock.lock();
    try {
      for (CachedEntry entry : entries.reversed()) {
        count += removeLocked(entry, RemovalReason.REMOVED) ? 1 : 0;
      }
    } finally {
      lock.unlock();
    }
    return count;
  }

  private boolean removeLocked(CachedEntry entry, RemovalReason reason) {
    if (!entry.isLive() || !entry.hasBlock()) {
      return false;
    }
    takeOff(entry, reason);
    if (blocks.uncache(entry.handle)) {
      entryOf.set(BlockHandle.blockId(entry.handle), CachedEntry.NONE);
    } // else it was given up, and its new owner comes to offer it to the tier
    return true;
  }

  /** Takes a namespace's entries off, its adapters' too if it has none; returns how many. */
  int clear(Namespace namespace) {
    int count = 0;
    lock.lock();
    try {
      for (CachedEntry entry : List.copyOf(index.entries())) {
        Namespace its = entry.block.namespace();
        boolean covered =
            its.equals(namespace)
                || (namespace.adapter().isEmpty() && its.name().equals(namespace.name()));
        count += covered && removeLocked(entry, RemovalReason.CLEARED) ? 1 : 0;
      }
    } finally {
      lock.unlock();
    }
    return count;
  }

  /** Takes everything off, and refuses what began before; returns how many there were. */
  int clear() {
    lock.lock();
    try {
      return clearLocked();
    } finally {
      lock.unlock();
    }
  }

  private int clearLocked() {
    int count = 0;
    // Whoever undoes an opening for want of memory has nothing here yet.
    List<CachedEntry> all = index.size() == 0 ? List.of() : List.copyOf(index.entries());
    var _ = epoch.incrementAndGet();
    while (count < all.size()) {
      CachedEntry entry = all.get(count);
      entry.die();
      entryOf.set(BlockHandle.blockId(entry.handle), CachedEntry.NONE);
      note(entry, RemovalReason.CLEARED);
      var _ = blocks.uncache(entry.handle);
      count++;
    }
    index.clear();
    counters.removed(RemovalReason.CLEARED, count);
    events.cleared();
    return count;
  }

  /** Takes everything off and lets nothing in any more. Closing twice does nothing. */
  void close() {
    lock.lock();
    try {
      if (!closed) {
        var _ = clearLocked();
        closed = true;
        blocks.close();
      }
    } finally {
      lock.unlock();
    }
  }

  // Looking.

  BlockExplanation explain(int blockId) {
    CachedEntry entry = entryOf.get(blockId);
    if (!entry.isLive() || !entry.hasBlock()) {
      return removals.explain(blockId);
    }
    RetentionOrder.Standing now = order.standing(blockId);
    BlockExplanation.Fate fate = BlockExplanation.Fate.IN_USE;
    if (now.isIdle()) {
      fate = now.pinNanos() > 0 ? BlockExplanation.Fate.PINNED : BlockExplanation.Fate.IDLE;
    }
    return new BlockExplanation(
        BlockHandle.blockId(entry.handle),
        fate,
        entry.block,
        RemovalReason.NONE,
        now.priority(),
        now.numHits(),
        Duration.ofNanos(now.isIdle() ? now.sinceIdleNanos() : 0),
        Duration.ofNanos(now.pinNanos()));
  }

  /** Proves that every entry is live, in the index and over a cached block of its own. */
  void check() {
    lock.lock();
    try {
      index.check();
      int numEntries = 0;
      for (int id = 0; id < entryOf.length(); id++) {
        CachedEntry entry = entryOf.get(id);
        if (entry.hasBlock()) {
          numEntries++;
          requireHolds(
              entry.isLive()
                  && BlockHandle.blockId(entry.handle) == id
                  && blocks.isCached(entry.handle)
                  && index.find(entry.key()).filter(found -> found == entry).isPresent(),
              "an entry is not what the index or the pool says: entry=" + entry);
        }
      }
      requireHolds(
          numEntries == index.size(),
          "entries have no block: numEntries=" + numEntries + ", inIndex=" + index.size());
    } finally {
      lock.unlock();
    }
  }

  private static void requireHolds(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalStateException(otherwise);
    }
  }
}
