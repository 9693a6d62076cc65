package dev.pagoda;

import dev.pagoda.memory.KvStorage;

/** Told of cached blocks that were given up for somebody else. */
@FunctionalInterface
public interface BlockEviction {
  /**
   * Blocks have been given up, and nobody has overwritten them yet: their content may be copied
   * away, as long as this call lasts. Called by the thread that got the blocks, outside every lock.
   * If it throws, the request for which they were given up fails.
   *
   * @param storage the cache's memory
   * @param blockIds distinct blocks; not to be changed
   */
  void evicted(KvStorage storage, int[] blockIds);
}
