package dev.pagoda;

import dev.pagoda.memory.KvStorage;

/**
 * Moves the content of blocks, while a cache keeps them still. Throwing undoes the operation it is
 * part of.
 */
@FunctionalInterface
public interface BlockMover {
  /**
   * Moves blocks out of, or into, a cache's memory.
   *
   * @param storage the cache's memory
   * @param blockIds distinct blocks, in the order of the group's block numbers; not to be changed
   */
  void move(KvStorage storage, int[] blockIds);

  /**
   * The content is out, and the blocks are about to be freed: the last moment at which anything can
   * fail. Whoever keeps books of what is away makes room in them here.
   *
   * @param group what will be returned; its sequences are not parked yet
   */
  default void leaving(ParkedGroup group) {}
}
