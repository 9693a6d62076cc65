package dev.pagoda.tier;

import dev.pagoda.prefix.BlockKey;
import dev.pagoda.prefix.PrefixBlock;
import org.jspecify.annotations.Nullable;

/**
 * Blocks in slots, found by key and in the order of their use. Not thread-safe.
 *
 * <p>All memory is there from the beginning, and blocks are linked through themselves: nothing here
 * fails for want of memory, so that what was taken out can always be put back.
 */
final class HeldBlocks {
  /** A block in a slot; in one table at most. */
  static final class Held {
    final PrefixBlock block;
    int slot = -1;
    int numReaders;

    private @Nullable Held next; // in its bucket
    private @Nullable Held older;
    private @Nullable Held newer;

    Held(PrefixBlock block) {
      this.block = block;
    }

    /** The one that was used next, if there is one. */
    @Nullable Held newer() {
      return newer;
    }
  }

  private final @Nullable Held[] buckets;
  private @Nullable Held oldest;
  private @Nullable Held newest;
  private int size;

  /**
   * An empty table.
   *
   * @param capacity so many blocks are found fast
   */
  HeldBlocks(int capacity) {
    buckets = new Held[Integer.highestOneBit(Math.clamp(capacity, 1, 1 << 29)) << 1];
  }

  int size() {
    return size;
  }

  /** The one used longest ago, from which {@link Held#newer} leads to all others. */
  @Nullable Held oldest() {
    return oldest;
  }

  @Nullable Held find(BlockKey key) {
    Held found = buckets[bucket(key)];
    while (found != null && !found.block.key().equals(key)) {
      found = found.next;
    }
    return found;
  }

  private int bucket(BlockKey key) {
    return key.hashCode() & (buckets.length - 1);
  }

  /** Adds a block whose key is not here, as the one used last. */
  void add(Held held) {
    link(held);
    held.older = newest;
    held.newer = null;
    if (newest == null) {
      oldest = held;
    } else {
      newest.newer = held;
    }
    newest = held;
  }

  /** Adds a block whose key is not here, as the one used longest ago. */
  void addOldest(Held held) {
    link(held);
    held.older = null;
    held.newer = oldest;
    if (oldest == null) {
      newest = held;
    } else {
      oldest.older = held;
    }
    oldest = held;
  }

  private void link(Held held) {
    int bucket = bucket(held.block.key());
    held.next = buckets[bucket];
    buckets[bucket] = held;
    size++;
  }

  /** Takes a block out that is here. */
  void remove(Held held) {
    int bucket = bucket(held.block.key());
    Held before = buckets[bucket];
    if (before == held) {
      buckets[bucket] = held.next;
    } else {
      while (before != null && before.next != held) {
        before = before.next;
      }
      if (before == null) {
        throw new IllegalStateException("the block is not here: block=" + held.block);
      }
      before.next = held.next;
    }
    size--;
    if (held.older == null) {
      oldest = held.newer;
    } else {
      held.older.newer = held.newer;
    }
    if (held.newer == null) {
      newest = held.older;
    } else {
      held.newer.older = held.older;
    }
  }

  /** Makes a block that is here the one used last. */
  void touch(Held held) {
    remove(held);
    add(held);
  }
}
