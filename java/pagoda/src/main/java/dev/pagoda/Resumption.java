package dev.pagoda;

import java.util.ArrayList;
import java.util.List;

/**
 * Suspended reservations on their way back: what each had left is reserved in the pool first,
 * outside the cache's lock, because that may move cached blocks to another tier.
 */
final class Resumption {
  private record Resumed(BlockReservation reservation, int numTaken) {}

  private final PagedKvCache cache;
  private final List<Resumed> resumed = new ArrayList<>();
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
    if (toResume > 0 && resumed.stream().noneMatch(one -> one.reservation == reservation)) {
      resumed.add(new Resumed(reservation, toResume));
      total = Math.addExact(total, toResume);
    }
  }

  /** Blocks to reserve in the pool before {@link #complete}. */
  int total() {
    return total;
  }

  /** The blocks are reserved. With the lock; cannot fail. */
  void complete() {
    for (int i = 0; i < resumed.size(); i++) {
      int taken = resumed.get(i).numTaken;
      int kept = resumed.get(i).reservation.resume(taken);
      cache.pool().promises().unreserve(taken - kept);
    }
  }
}
