package dev.pagoda.prefix;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Which keys were given up not long ago, to explain misses. Forgets: a key makes way for another
 * one in the same place. 8 bytes per place, at least two places per block of the cache.
 *
 * <p>Threads: any number; a race between two makes an explanation wrong and nothing else.
 */
final class EvictedKeys {
  private final AtomicLongArray places;

  EvictedKeys(int numBlocks) {
    int capacity = Integer.highestOneBit(Math.clamp(4L * numBlocks, 64, 1 << 26));
    places = new AtomicLongArray(capacity);
  }

  void add(BlockKey key) {
    places.setPlain(place(key), mark(key));
  }

  void remove(BlockKey key) {
    if (contains(key)) {
      places.setPlain(place(key), 0);
    }
  }

  boolean contains(BlockKey key) {
    return places.getPlain(place(key)) == mark(key);
  }

  /** Where a key is remembered, until another one is there. */
  int place(BlockKey key) {
    return ((key.hashCode() * 0x9e3779b9) >>> 6) & (places.length() - 1);
  }

  /** A key's own bits; never 0, which is nothing. */
  private static long mark(BlockKey key) {
    return key.lowBits() | 1;
  }
}
