package dev.pagoda;

import dev.pagoda.block.BlockTable;
import dev.pagoda.internal.event.CacheEvents;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * The open sequences of a cache, and what happens to them outside steps: they are opened and
 * forked, take over tokens, shrink and close.
 *
 * <p>Guarded by the cache's lock, which {@link #fork}, {@link #share}, {@link #truncate} and {@link
 * #close} take and all others need.
 */
final class OpenSequences {
  private final PagedKvCache cache;
  private final List<KvSequence> sequences = new ArrayList<>();
  private long nextSequenceId;
  private long nextParking;
  private long numTokens; // of those that are not parked
  private long numForks;

  OpenSequences(PagedKvCache cache) {
    this.cache = cache;
  }

  /** A sequence over blocks whose references the table has. */
  KvSequence open(BlockTable table, int length) {
    KvSequence sequence = new KvSequence(cache, nextSequenceId, table, length);
    sequence.registryIndex = sequences.size();
    sequences.add(sequence);
    nextSequenceId++;
    numTokens += length;
    return sequence;
  }

  KvSequence fork(KvSequence parent, int length) {
    cache.lock().lock();
    try {
      cache.requireUsable();
      requireIdle(parent);
      requireLength(parent, length);
      BlockTable table = parent.table.fork(cache.shape().blocksFor(length));
      KvSequence fork;
      try {
        fork = open(table, length);
      } catch (Throwable refused) {
        var _ = table.truncate(0);
        throw refused;
      }
      fork.draw(parent.reservation);
      numForks++;
      CacheEvents.current().forked(parent.id(), fork.id(), length);
      return fork;
    } finally {
      cache.lock().unlock();
    }
  }

  void share(KvSequence target, KvSequence source, int length) {
    cache.lock().lock();
    try {
      cache.requireUsable();
      requireIdle(target);
      requireIdle(source);
      requireLength(source, length);
      if (target.length() > length || target.length() % cache.shape().blockSize() != 0) {
        throw new IllegalStateException(
            "only a sequence of no or of fewer full blocks takes over tokens: length="
                + length
                + ", sequence="
                + target);
      }
      try {
        target.table.extendFrom(source.table, cache.shape().blocksFor(length));
      } catch (IllegalArgumentException others) {
        throw new IllegalStateException(
            "the sequence has other tokens than the source: sequence=" + target, others);
      }
      numTokens += length - target.length();
      target.setLength(length);
    } finally {
      cache.lock().unlock();
    }
  }

  void truncate(KvSequence sequence, int newLength) {
    cache.lock().lock();
    try {
      cache.requireUsable();
      requireIdle(sequence);
      requireLength(sequence, newLength);
      shorten(sequence, cache.shape().blocksFor(newLength));
      numTokens -= sequence.length() - newLength;
      sequence.setLength(newLength);
      sequence.observer().truncated(newLength);
    } finally {
      cache.lock().unlock();
    }
  }

  void close(KvSequence sequence) {
    cache.lock().lock();
    try {
      if (sequence.state == KvSequence.State.CLOSED) {
        return;
      }
      if (sequence.state != KvSequence.State.PARKED) {
        requireIdle(sequence);
        numTokens -= sequence.length();
      }
      shorten(sequence, 0);
      sequence.reservation.leave(sequence.state);
      sequence.reservation = cache.reservations().none();
      sequence.state = KvSequence.State.CLOSED;
      remove(sequence);
    } finally {
      cache.lock().unlock();
    }
  }

  /** Drops the tail of a table; what becomes free is promised again to whom it was promised. */
  private static void shorten(KvSequence sequence, int newNumBlocks) {
    BlockReservation promise = sequence.reservation;
    promise.giveBack(sequence.table.truncate(newNumBlocks, promise.room()));
  }

  private void remove(KvSequence sequence) {
    KvSequence last = sequences.removeLast();
    if (last != sequence) {
      sequences.set(sequence.registryIndex, last);
      last.registryIndex = sequence.registryIndex;
    }
  }

  /** Closes all of them, or none if a step has one. */
  void closeAll() {
    requireNoneBusy();
    while (!sequences.isEmpty()) {
      close(sequences.getLast());
    }
  }

  // Numbers.

  List<KvSequence> all() {
    return Collections.unmodifiableList(sequences);
  }

  long numTokens() {
    return numTokens;
  }

  void addTokens(long count) {
    numTokens += count;
  }

  long numForks() {
    return numForks;
  }

  /** Tells one parking of a sequence from another. */
  long nextParking() {
    return nextParking++;
  }

  // Refusals.

  void requireIdle(KvSequence sequence) {
    requireState(sequence, KvSequence.State.IDLE);
  }

  /** Idle or in a step: its blocks are here. */
  void requireHere(KvSequence sequence) {
    if (sequence.state != KvSequence.State.BUSY) {
      requireIdle(sequence);
    }
  }

  void requireState(KvSequence sequence, KvSequence.State state) {
    if (sequence.cache() != cache) {
      throw new IllegalArgumentException("a sequence of another cache: sequence=" + sequence);
    }
    if (sequence.state != state) {
      throw new IllegalStateException(
          "the sequence must be " + state + " for this: sequence=" + sequence);
    }
  }

  void requireNoneBusy() {
    for (KvSequence sequence : sequences) {
      if (sequence.state == KvSequence.State.BUSY) {
        throw new IllegalStateException(
            "a sequence is in a step or on the move: sequence=" + sequence);
      }
    }
  }

  private static void requireLength(KvSequence sequence, int length) {
    if (length < 0 || length > sequence.length()) {
      throw new IllegalArgumentException(
          "the sequence has other tokens: length=" + sequence.length() + ", asked=" + length);
    }
  }
}
