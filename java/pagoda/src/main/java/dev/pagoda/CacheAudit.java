package dev.pagoda;

import dev.pagoda.block.BlockPool;
import dev.pagoda.block.BlockTable;

/**
 * Proves a cache's bookkeeping by a full scan: the pool's own, and that block tables, reservations
 * and lengths of the open sequences add up to exactly what pool and cache have counted.
 */
final class CacheAudit {
  private final PagedKvCache cache;
  private final BlockPool pool;

  CacheAudit(PagedKvCache cache) {
    this.cache = cache;
    pool = cache.pool();
  }

  /**
   * With the lock.
   *
   * @throws IllegalStateException if it does not hold, or a step is open, whose blocks belong to no
   *     sequence yet
   */
  void check() {
    pool.checkConservation();
    cache.sequences().requireNoneBusy();
    checkReferences();
    checkReservations();
    checkTokens();
  }

  private void checkReferences() {
    int[] references = new int[pool.numBlocks()];
    long total = 0;
    for (KvSequence sequence : cache.sequences().all()) {
      BlockTable table = sequence.table;
      total += table.numBlocks();
      for (int i = 0; i < table.numBlocks(); i++) {
        references[table.blockId(i)]++;
      }
      for (int i = 0; i < table.numBlocks(); i++) {
        int counted = pool.referenceCount(table.handle(i));
        require(
            references[table.blockId(i)] <= counted,
            "more tables name a block than own it: blockId="
                + table.blockId(i)
                + ", referenceCount="
                + counted);
      }
    }
    long counted = pool.statistics().numReferences();
    require(
        total == counted,
        "references are held by no sequence: numReferences=" + counted + ", inTables=" + total);
  }

  private void checkReservations() {
    long promised = cache.reservations().numInPool();
    int counted = pool.statistics().numReserved();
    require(
        promised == counted,
        "blocks are reserved for nobody: numReserved=" + counted + ", promised=" + promised);
  }

  private void checkTokens() {
    long tokens = 0;
    for (KvSequence sequence : cache.sequences().all()) {
      if (sequence.state == KvSequence.State.IDLE) {
        tokens += sequence.length();
        int numBlocks = sequence.table.numBlocks();
        require(
            numBlocks == cache.shape().blocksFor(sequence.length()),
            "a table does not fit its length: numBlocks=" + numBlocks + ", " + sequence);
      }
    }
    long counted = cache.sequences().numTokens();
    require(tokens == counted, "tokens are miscounted: numTokens=" + counted + ", is=" + tokens);
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalStateException(otherwise);
    }
  }
}
