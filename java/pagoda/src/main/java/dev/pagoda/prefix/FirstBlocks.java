package dev.pagoda.prefix;

import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * How many namespaces have a first block of the same tokens, whose they are forgotten.
 *
 * <p>Looking takes as long for tokens that somebody has as for those that nobody has: otherwise a
 * tenant could find out by the clock what others ask. So there is nothing to follow from one object
 * to the next, which would be in a cache of the processor or not, but one table of fingerprints,
 * sparse enough for one place to be looked at nearly always, the same whether it is taken or free.
 *
 * <p>A fingerprint has 64 bits: tokens that nobody has count as somebody's with a chance of one in
 * 2^64 per block that is here. Nothing but a statistic hangs on it. What it begins with is drawn
 * anew each time, so that nobody can look for tokens that collide.
 *
 * <p>Read by any thread while one changes it; a reader may see the table as it was.
 */
final class FirstBlocks {
  private static final long FREE = 0;
  private static final int LENGTH_MIN = 64;
  private static final int SPARSENESS = 4; // places per fingerprint, at least

  /** Places found by open addressing; one that was taken stays so while the table lasts. */
  private static final class Table {
    final AtomicLongArray fingerprints;
    final AtomicIntegerArray counts;
    int numTaken;

    Table(int length) {
      fingerprints = new AtomicLongArray(length);
      counts = new AtomicIntegerArray(length);
    }

    /** Where a fingerprint is, or would be. */
    int placeOf(long fingerprint) {
      int mask = fingerprints.length() - 1;
      int place = (int) fingerprint & mask;
      long there = fingerprints.get(place);
      while (there != fingerprint && there != FREE) {
        place = (place + 1) & mask;
        there = fingerprints.get(place);
      }
      return place;
    }

    boolean isRoomForOneMore() {
      return (numTaken + 1) * (long) SPARSENESS <= fingerprints.length();
    }

    int take(long fingerprint) {
      int place = placeOf(fingerprint);
      if (fingerprints.get(place) == FREE) {
        numTaken++;
        fingerprints.set(place, fingerprint);
      }
      return place;
    }

    int numNamed() {
      int named = 0;
      for (int i = 0; i < counts.length(); i++) {
        named += counts.get(i) > 0 ? 1 : 0;
      }
      return named;
    }

    /** A table of those that still count, with room for as many again. */
    Table renewed() {
      long wanted = 2L * SPARSENESS * (numNamed() + 1);
      int length = LENGTH_MIN;
      while (length < wanted && length < 1 << 30) {
        length <<= 1;
      }
      Table table = new Table(length);
      for (int i = 0; i < counts.length(); i++) {
        if (counts.get(i) > 0) {
          table.counts.set(table.take(fingerprints.get(i)), counts.get(i));
        }
      }
      return table;
    }
  }

  private final long secret = new SplittableRandom().nextLong();
  private volatile Table table = new Table(LENGTH_MIN);

  private long fingerprint(int[] tokenIds) {
    long mixed = secret;
    for (int id : tokenIds) {
      // Stafford's thirteenth mixture of MurmurHash3's finalizer, as in SplittableRandom.
      mixed = (mixed ^ (id & 0xffffffffL)) * 0xbf58476d1ce4e5b9L;
      mixed = (mixed ^ (mixed >>> 27)) * 0x94d049bb133111ebL;
      mixed ^= mixed >>> 31;
    }
    return mixed == FREE ? 1 : mixed;
  }

  /** Before {@link #add}: takes the memory for it, which a later remove or add never needs. */
  void makeRoom() {
    if (!table.isRoomForOneMore()) {
      table = table.renewed();
    }
  }

  /** One namespace more has a first block of these tokens; there is room. */
  void add(int[] tokenIds) {
    var _ = table.counts.incrementAndGet(table.take(fingerprint(tokenIds)));
  }

  /** One of those has it no more. */
  void remove(int[] tokenIds) {
    var _ = table.counts.decrementAndGet(table.placeOf(fingerprint(tokenIds)));
  }

  void clear() {
    Table all = table;
    for (int i = 0; i < all.counts.length(); i++) {
      all.counts.set(i, 0);
    }
  }

  boolean contains(int[] tokenIds) {
    Table now = table;
    return now.counts.get(now.placeOf(fingerprint(tokenIds))) > 0;
  }

  /** All that was added and not removed. */
  long total() {
    long total = 0;
    Table now = table;
    for (int i = 0; i < now.counts.length(); i++) {
      total += now.counts.get(i);
    }
    return total;
  }

  /** Places of the table, for tests. */
  int length() {
    return table.fingerprints.length();
  }
}
