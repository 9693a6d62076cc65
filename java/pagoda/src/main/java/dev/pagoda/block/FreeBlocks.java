package dev.pagoda.block;

import java.util.function.IntConsumer;

/**
 * The blocks that nobody has, as a stack: what became free last is taken first, and a fresh pool
 * gives 0, 1, 2 ... Some of them are promised to somebody who will take them.
 *
 * <pre>
 *   freeIds   [numBlocks]   [0, numFree) are free, the top is taken next
 *   numReserved             so many of the free ones are promised
 * </pre>
 *
 * <p>Footprint: 4 bytes per block. Guarded by the pool's lock; its callers have checked what they
 * ask for.
 */
final class FreeBlocks {
  private final int[] freeIds;
  private int numFree;
  private int numReserved;

  FreeBlocks(int numBlocks) {
    freeIds = new int[numBlocks];
    for (int i = 0; i < numBlocks; i++) {
      freeIds[i] = numBlocks - 1 - i;
    }
    numFree = numBlocks;
  }

  int numFree() {
    return numFree;
  }

  int numReserved() {
    return numReserved;
  }

  int numUnreserved() {
    return numFree - numReserved;
  }

  int take() {
    numFree--;
    return freeIds[numFree];
  }

  void add(int blockId) {
    freeIds[numFree] = blockId;
    numFree++;
  }

  void reserve(int count) {
    numReserved += count;
  }

  void unreserve(int count) {
    numReserved -= count;
  }

  /** Names the blocks that came last. */
  void forEachOfLast(int count, IntConsumer action) {
    for (int i = numFree - count; i < numFree; i++) {
      action.accept(freeIds[i]);
    }
  }
}
