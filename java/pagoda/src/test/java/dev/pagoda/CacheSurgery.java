package dev.pagoda;

/** On a cache's books. */
final class CacheSurgery extends Surgery {
  CacheSurgery(PagedKvCache cache) {
    super(cache.sequences(), cache.reservations(), cache);
  }
}
