package dev.pagoda;

import dev.pagoda.memory.KvStorage;

/** Moves the content of blocks, while a cache keeps them still. */
@FunctionalInterface
public interface BlockMover {
  /**
   * Moves blocks out of, or into, a cache's memory. Throwing undoes the operation it is part of.
   *
   * @param storage the cache's memory
   * @param blockIds distinct blocks, in the order of the group's block numbers; not to be changed
   */
  void move(KvStorage storage, int[] blockIds);
}
