package dev.pagoda;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Suspended reservations on their way back: what each had left is reserved in the pool first,
 * outside the cache's lock, because that may move cached blocks to another tier.
 */
final class Resumption {
  private final PagedKvCache cache;
  private final Map<BlockReservation, Integer> numTaken = new LinkedHashMap<>();
  private int total;

  private Resumption(PagedKvCache cache) {
    this.cache = cache;
  }

  /** What the sequences of a group need. With the lock. */
  static Resumption of(PagedKvCache cache, List<KvSequence> group) {
    Resumption resumption = new Resumption(cache);
    for (KvSequence sequence : group) {
      resumption.add(sequence.reservation);
    }
    return resumption;
  }

  /** What one reservation needs. With the lock. */
  static Resumption of(PagedKvCache cache, BlockReservation reservation) {
    Resumption resumption = new Resumption(cache);
    resumption.add(reservation);
    return resumption;
  }

  private void add(BlockReservation reservation) {
    int toResume = reservation.toResume();
    if (toResume > 0 && numTaken.putIfAbsent(reservation, toResume) == null) {
      total = Math.addExact(total, toResume);
    }
  }

  /** Blocks to reserve in the pool before {@link #complete}. */
  int total() {
    return total;
  }

  /** The blocks are reserved. With the lock; cannot fail. */
  void complete() {
    numTaken.forEach((reservation, taken) ->
        cache.pool().promises().unreserve(taken - reservation.resume(taken)));
  }
}
