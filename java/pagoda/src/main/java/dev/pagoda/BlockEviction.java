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
   * @return how to take it back, should that request fail before it has written them
   */
  Return evicted(KvStorage storage, int[] blockIds);

  /** Takes an eviction back, block by block. */
  @FunctionalInterface
  interface Return {
    /** Nothing to take back. */
    Return NONE = handle -> {};

    /**
     * A block that was given up still holds what it held, and its new owner, who is about to drop
     * it, has no use for it. Called outside every lock, for the block given up last first.
     *
     * @param handle the block in its present life; the caller has the only reference
     */
    void cacheAgain(long handle);
  }
}
