package dev.pagoda.lab.attention;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeSet;

/**
 * A buddy allocator (Knuth, TAOCP 1, 2.5): regions are powers of two, a free one is halved until it
 * fits, and freed halves join again. Memory that is no power of two begins as several regions,
 * largest first.
 */
final class BuddyRegions implements RegionMap {
  // Free regions by the logarithm of their length; the lowest is taken first.
  private final List<TreeSet<Integer>> freeByOrder = new ArrayList<>();
  private final Map<Integer, Integer> takenOrders = new HashMap<>();

  BuddyRegions(int numTokens) {
    for (int order = 0; order < Integer.SIZE - 1; order++) {
      freeByOrder.add(new TreeSet<>());
    }
    int start = 0;
    for (int order = Integer.SIZE - 2; order >= 0; order--) {
      if ((numTokens >> order & 1) != 0) {
        freeByOrder.get(order).add(start);
        start += 1 << order;
      }
    }
  }

  @Override
  public OptionalInt take(int numTokens) {
    int wanted = Integer.numberOfTrailingZeros(ReservationPolicy.powerOfTwoFrom(numTokens));
    int order = wanted;
    while (order < freeByOrder.size() && freeByOrder.get(order).isEmpty()) {
      order++;
    }
    if (order == freeByOrder.size()) {
      return OptionalInt.empty();
    }
    int start = freeByOrder.get(order).removeFirst();
    while (order > wanted) {
      order--;
      freeByOrder.get(order).add(start + (1 << order));
    }
    takenOrders.put(start, wanted);
    return OptionalInt.of(start);
  }

  @Override
  public void giveBack(int firstToken) {
    Integer order = takenOrders.remove(firstToken);
    if (order == null) {
      throw new IllegalStateException("the region is not taken: firstToken=" + firstToken);
    }
    int start = firstToken;
    // The regions of the beginning never join: each is shorter than the one before it, so where its
    // buddy would be there is none of its length.
    while (freeByOrder.get(order).remove(start ^ 1 << order)) {
      start &= ~(1 << order);
      order++;
    }
    freeByOrder.get(order).add(start);
  }
}
