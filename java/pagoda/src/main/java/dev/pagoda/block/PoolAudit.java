package dev.pagoda.block;

/**
 * Proves a pool's books by a full scan: every block is either free, exactly once, or owned, or
 * idle, or in flight, and the counters agree with the blocks. O(numBlocks).
 */
final class PoolAudit {
  private final BlockBooks books;
  private final boolean[] isFree;

  PoolAudit(BlockBooks books) {
    this.books = books;
    isFree = new boolean[books.numBlocks()];
  }

  /**
   * With the lock.
   *
   * @throws IllegalStateException if it does not hold
   */
  void check() {
    checkFree();
    checkBlocks();
  }

  private void checkFree() {
    FreeBlocks free = books.free;
    free.forEachOfLast(
        free.numFree(),
        blockId -> {
          require(!isFree[blockId], "a block is free twice: blockId=" + blockId);
          isFree[blockId] = true;
        });
    require(
        free.numReserved() >= 0 && free.numReserved() <= free.numFree(),
        "more blocks are reserved than free: numFree="
            + free.numFree()
            + ", numReserved="
            + free.numReserved());
  }

  private void checkBlocks() {
    long references = 0;
    int shared = 0;
    int idle = 0;
    int inFlight = 0;
    for (int id = 0; id < books.numBlocks(); id++) {
      int count = books.referenceCount(id);
      require(
          isFree[id] != books.isAlive(id),
          "a block is free and in use, or neither: blockId="
              + id
              + ", referenceCount="
              + count
              + ", pinCount="
              + books.pinCount(id)
              + ", cached="
              + books.isCached(id));
      inFlight += count == 0 && books.pinCount(id) > 0 ? 1 : 0;
      idle += books.isUnused(id) && books.isCached(id) ? 1 : 0;
      references += count;
      shared += count > 1 ? 1 : 0;
    }
    int reclaimable = books.idleOrder().numReclaimable();
    require(
        idle == books.numIdle() && inFlight == books.numInFlight() && idle >= reclaimable,
        "counters disagree with the blocks: numIdle="
            + books.numIdle()
            + ", counted="
            + idle
            + ", numReclaimable="
            + reclaimable
            + ", numInFlight="
            + books.numInFlight()
            + ", counted="
            + inFlight);
    require(
        references == books.numReferences() && shared == books.numShared(),
        "counters disagree with the blocks: numReferences="
            + books.numReferences()
            + ", counted="
            + references
            + ", numShared="
            + books.numShared()
            + ", counted="
            + shared);
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalStateException(otherwise);
    }
  }
}
