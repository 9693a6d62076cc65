package dev.pagoda.pressure;

import dev.pagoda.tier.PreemptionLoad;

/**
 * What a {@link PreemptionPolicy} may know of a group that could make room. Numbers alone: a
 * simulator has its own.
 *
 * <p>A group gives up all its blocks from a block index on, and keeps those before: index 0 is the
 * whole group.
 */
public interface Victim {
  /**
   * When it came, in any unit.
   *
   * @return larger for groups that came later; no two alike
   */
  long arrival();

  /**
   * Blocks of its longest sequence that are here.
   *
   * @return block indices in use, {@code [0, numBlocksHere)}
   */
  int numBlocksHere();

  /**
   * Blocks that become available if it gives up those from an index on.
   *
   * @param firstBlockIndex {@code [0, numBlocksHere]}
   * @return number of blocks; grows as the index falls
   */
  int numFreed(int firstBlockIndex);

  /**
   * What it would have to move or compute again.
   *
   * @param firstBlockIndex {@code [0, numBlocksHere]}
   * @return the load
   */
  PreemptionLoad load(int firstBlockIndex);

  /**
   * Whether it gave up its last blocks before, and how.
   *
   * @return what is left of the choice: a group that has begun to leave goes on in the same way
   */
  Begun begun();

  /** How a group has begun to leave. */
  enum Begun {
    /** It has not: all of it is here. */
    NOT,
    /** Its last blocks are in a swap space. */
    SWAP,
    /** Its last blocks were dropped. */
    RECOMPUTE
  }
}
