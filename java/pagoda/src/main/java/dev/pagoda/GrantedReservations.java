package dev.pagoda;

import java.util.LinkedHashSet;
import java.util.Set;

/**
 * The reservations of a cache that were granted and are not closed, and the one of no blocks that
 * every other sequence draws from.
 *
 * <p>Blocks are promised outside the cache's lock, because that may move cached ones to another
 * tier; so what was looked at before is looked at again.
 */
final class GrantedReservations {
  private final PagedKvCache cache;
  private final BlockReservation none;

  // Guarded by the cache's lock.
  private final Set<BlockReservation> granted = new LinkedHashSet<>();

  GrantedReservations(PagedKvCache cache) {
    this.cache = cache;
    none = new BlockReservation(cache, 0);
  }

  /** That of sequences that have none. */
  BlockReservation none() {
    return none;
  }

  BlockReservation grant(int numBlocks) {
    BlockReservation.requireCount(numBlocks);
    BlockReservation reservation = new BlockReservation(cache, numBlocks);
    cache.supply().promise(numBlocks);
    cache.lock().lock();
    try {
      cache.requireOpen();
      granted.add(reservation);
      return reservation;
    } catch (OutOfMemoryError full) {
      granted.remove(reservation); // a table that grows has taken it already
      cache.pool().promises().unreserve(numBlocks);
      throw full;
    } finally {
      cache.lock().unlock();
    }
  }

  /** Lets a sequence draw from a reservation, which is resumed for it if it was suspended. */
  void draw(KvSequence sequence, BlockReservation promise) {
    Resumption resumption;
    cache.lock().lock();
    try {
      requireDrawable(sequence, promise);
      if (promise.toResume() == 0) {
        sequence.draw(promise); // without memory: what was computed meanwhile is not lost for that
        return;
      }
      resumption = Resumption.of(cache, promise);
    } finally {
      cache.lock().unlock();
    }
    cache.supply().promise(resumption.total());
    cache.lock().lock();
    try {
      requireStillDrawable(sequence, promise, resumption);
      resumption.complete();
      sequence.draw(promise);
    } finally {
      cache.lock().unlock();
    }
  }

  private void requireStillDrawable(
      KvSequence sequence, BlockReservation promise, Resumption resumption) {
    try {
      requireDrawable(sequence, promise);
    } catch (RuntimeException refused) {
      cache.pool().promises().unreserve(resumption.total());
      throw refused;
    }
  }

  private void requireDrawable(KvSequence sequence, BlockReservation promise) {
    cache.sequences().requireHere(sequence);
    if (promise.cache() != cache) {
      throw new IllegalArgumentException("a reservation of another cache: reservation=" + promise);
    }
    if (promise.isClosed()) {
      throw new IllegalStateException("the reservation is closed: reservation=" + promise);
    }
  }

  BlockReservation of(KvSequence sequence) {
    cache.lock().lock();
    try {
      return sequence.reservation;
    } finally {
      cache.lock().unlock();
    }
  }

  // With the lock.

  void forget(BlockReservation reservation) {
    granted.remove(reservation);
  }

  /** Blocks that the pool has promised to all of them together. */
  long numInPool() {
    return granted.stream().mapToLong(BlockReservation::inPool).sum();
  }
}
