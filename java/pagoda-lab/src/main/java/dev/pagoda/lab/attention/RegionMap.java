package dev.pagoda.lab.attention;

import java.util.OptionalInt;

/** Which parts of one piece of memory are taken, in tokens. */
interface RegionMap {
  /**
   * Takes a region.
   *
   * @param numTokens its length, at least 1
   * @return where it begins, or empty if there is no free region of that length
   */
  OptionalInt take(int numTokens);

  /**
   * Gives a region back.
   *
   * @param firstToken what {@link #take} returned
   */
  void giveBack(int firstToken);
}
