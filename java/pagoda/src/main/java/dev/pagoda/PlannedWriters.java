package dev.pagoda;

import dev.pagoda.block.BlockHandle;

/**
 * While a step is planned, which of its entries would write into a shared block. Empty between two
 * plans, so that one array does for all steps of a cache.
 *
 * <p>Footprint: 4 bytes per block. Guarded by the cache's lock.
 */
final class PlannedWriters {
  private final int[] entries; // index into the plan plus 1, or 0

  PlannedWriters(int numBlocks) {
    entries = new int[numBlocks];
  }

  /** Entry of the plan that would write into a block, or -1. */
  int of(long handle) {
    return entries[BlockHandle.blockId(handle)] - 1;
  }

  void set(long handle, int entry) {
    entries[BlockHandle.blockId(handle)] = entry + 1;
  }

  void clear(long handle) {
    entries[BlockHandle.blockId(handle)] = 0;
  }
}
