package dev.pagoda.lab.simulation;

import java.util.Arrays;

/**
 * The best that any eviction could do: what is needed again last, or never, leaves first (Belady,
 * "A study of replacement algorithms for a virtual-storage computer", 1966), with the further
 * freedom not to keep a block at all. Knows the future, so that no policy of the same size has more
 * hits.
 */
final class Belady {
  private static final int NEVER = Integer.MAX_VALUE;

  private Belady() {}

  /**
   * Counts hits.
   *
   * @param accesses ids of what is asked for, in order, each from 0 to below {@code numIds}
   * @param numIds different ids
   * @param capacity how many can be kept
   * @return the most hits that are possible
   */
  static long hits(int[] accesses, int numIds, int capacity) {
    int[] nextUse = nextUses(accesses, numIds);
    // Of each id that is kept, when it is needed next; -1 for one that is not kept.
    int[] keptUntil = new int[numIds];
    Arrays.fill(keptUntil, -1);
    FarthestFirst heap = new FarthestFirst();
    int numKept = 0;
    long hits = 0;
    for (int i = 0; i < accesses.length; i++) {
      int id = accesses[i];
      if (keptUntil[id] >= 0) {
        hits++;
        numKept--;
        keptUntil[id] = -1;
      }
      if (nextUse[i] == NEVER) {
        continue;
      }
      keptUntil[id] = nextUse[i];
      heap.add(nextUse[i], id);
      numKept++;
      while (numKept > capacity) {
        long farthest = heap.removeFirst();
        int candidate = (int) farthest;
        // What was used since stands in the heap with a time that has passed.
        if (keptUntil[candidate] == (int) (farthest >>> 32)) {
          keptUntil[candidate] = -1;
          numKept--;
        }
      }
    }
    return hits;
  }

  private static int[] nextUses(int[] accesses, int numIds) {
    int[] next = new int[accesses.length];
    int[] seen = new int[numIds];
    Arrays.fill(seen, NEVER);
    for (int i = accesses.length - 1; i >= 0; i--) {
      next[i] = seen[accesses[i]];
      seen[accesses[i]] = i;
    }
    return next;
  }

  /** A binary heap of (time, id), the latest time first. */
  private static final class FarthestFirst {
    private long[] entries = new long[1024];
    private int size;

    void add(int time, int id) {
      if (size == entries.length) {
        entries = Arrays.copyOf(entries, 2 * size);
      }
      long entry = (long) time << 32 | id;
      int at = size;
      size++;
      while (at > 0 && entries[(at - 1) / 2] < entry) {
        entries[at] = entries[(at - 1) / 2];
        at = (at - 1) / 2;
      }
      entries[at] = entry;
    }

    long removeFirst() {
      long first = entries[0];
      size--;
      long entry = entries[size];
      int at = 0;
      while (2 * at + 1 < size) {
        int child = 2 * at + 1;
        if (child + 1 < size && entries[child + 1] > entries[child]) {
          child++;
        }
        if (entries[child] <= entry) {
          break;
        }
        entries[at] = entries[child];
        at = child;
      }
      entries[at] = entry;
      return first;
    }
  }
}
