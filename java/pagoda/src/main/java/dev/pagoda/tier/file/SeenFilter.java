package dev.pagoda.tier.file;

import dev.pagoda.prefix.BlockKey;
import java.nio.ByteBuffer;

/**
 * Remembers which keys were offered before, in memory of a fixed size: the ones offered longest ago
 * are forgotten. Not thread-safe.
 *
 * <p>Footprint: 8 bytes per key. A key is known by 63 of its bits; two that agree in them write a
 * block too early, which harms nobody.
 */
final class SeenFilter {
  private static final int WAYS = 4;

  private final long[] keys;

  /**
   * A filter that has seen nothing.
   *
   * @param capacity keys to remember, rounded up to a power of two, at least 4
   */
  SeenFilter(int capacity) {
    keys = new long[Math.max(WAYS, Integer.highestOneBit(2 * capacity - 1))];
  }

  /** Whether a key was offered before; if so it is forgotten, else remembered. */
  boolean offer(BlockKey key) {
    ByteBuffer bytes = ByteBuffer.wrap(key.toBytes());
    long mark = bytes.getLong() | 1; // 0 is an empty place
    int bucket = bytes.getInt() & (keys.length / WAYS - 1);
    int first = bucket * WAYS;
    for (int i = first; i < first + WAYS; i++) {
      if (keys[i] == mark) {
        System.arraycopy(keys, i + 1, keys, i, first + WAYS - 1 - i);
        keys[first + WAYS - 1] = 0;
        return true;
      }
    }
    System.arraycopy(keys, first, keys, first + 1, WAYS - 1);
    keys[first] = mark;
    return false;
  }
}
