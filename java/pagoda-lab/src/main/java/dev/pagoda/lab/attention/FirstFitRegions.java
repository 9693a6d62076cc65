package dev.pagoda.lab.attention;

import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;

/** Regions of any length: the lowest hole that is long enough, and freed neighbours join. */
final class FirstFitRegions implements RegionMap {
  private final TreeMap<Integer, Integer> holes = new TreeMap<>(); // start to length
  private final Map<Integer, Integer> taken = new HashMap<>(); // start to length

  FirstFitRegions(int numTokens) {
    holes.put(0, numTokens);
  }

  @Override
  public OptionalInt take(int numTokens) {
    for (int start : holes.keySet()) {
      int length = holes.getOrDefault(start, 0);
      if (length >= numTokens) {
        split(start, length, numTokens);
        return OptionalInt.of(start);
      }
    }
    return OptionalInt.empty();
  }

  private void split(int start, int length, int numTokens) {
    holes.remove(start);
    if (length > numTokens) {
      holes.put(start + numTokens, length - numTokens);
    }
    taken.put(start, numTokens);
  }

  @Override
  public void giveBack(int firstToken) {
    Integer length = taken.remove(firstToken);
    if (length == null) {
      throw new IllegalStateException("the region is not taken: firstToken=" + firstToken);
    }
    int start = firstToken;
    int end = firstToken + length;
    Integer behind = holes.remove(end);
    if (behind != null) {
      end += behind;
    }
    Map.Entry<Integer, Integer> before = holes.lowerEntry(start);
    if (before != null && before.getKey() + before.getValue() == start) {
      start = before.getKey();
    }
    holes.put(start, end - start);
  }
}
