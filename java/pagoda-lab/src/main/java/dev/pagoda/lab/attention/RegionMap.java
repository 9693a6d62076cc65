package dev.pagoda.lab.attention;

import java.util.OptionalInt;

/** Which parts of one piece of memory are taken, in tokens. */
public interface RegionMap {
  /**
   * A buddy allocator.
   *
   * @param numTokens memory to divide
   * @return a map with everything free
   */
  static RegionMap buddy(int numTokens) {
    return new BuddyRegions(numTokens);
  }

  /**
   * Regions of any length, each in the lowest hole that is long enough.
   *
   * @param numTokens memory to divide
   * @return a map with everything free
   */
  static RegionMap firstFit(int numTokens) {
    return new FirstFitRegions(numTokens);
  }

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
