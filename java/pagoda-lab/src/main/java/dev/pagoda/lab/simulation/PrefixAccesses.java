package dev.pagoda.lab.simulation;

import dev.pagoda.lab.workload.Trace;

/**
 * Which blocks the prompts of a trace could find in a prefix cache: full blocks, known by all
 * tokens up to their end, so that a block is the same only behind the same beginning. The last
 * token of a prompt is always computed.
 */
final class PrefixAccesses {
  private final int[] ids; // one per block asked for, in order of arrival
  private final int numIds;
  private final long promptTokens;
  private final int blockSize;

  private PrefixAccesses(int[] ids, int numIds, long promptTokens, int blockSize) {
    this.ids = ids;
    this.numIds = numIds;
    this.promptTokens = promptTokens;
    this.blockSize = blockSize;
  }

  static PrefixAccesses of(Trace trace, int blockSize) {
    long numAccesses = 0;
    long promptTokens = 0;
    for (int prompt : trace.promptTokens()) {
      numAccesses += (prompt - 1) / blockSize;
      promptTokens += prompt;
    }
    int[] ids = new int[Math.toIntExact(numAccesses)];
    IdTable table = new IdTable();
    int next = 0;
    for (int i = 0; i < trace.size(); i++) {
      int prompt = trace.promptTokens()[i];
      int[] tokens = trace.content().tokenIds(i, prompt);
      long key = 1;
      for (int block = 0; block < (prompt - 1) / blockSize; block++) {
        for (int t = block * blockSize; t < (block + 1) * blockSize; t++) {
          key = (key ^ tokens[t]) * 0x9e3779b97f4a7c15L;
          key ^= key >>> 29;
        }
        ids[next] = table.idOf(key);
        next++;
      }
    }
    return new PrefixAccesses(ids, table.size, promptTokens, blockSize);
  }

  /** Share of all prompt tokens that a clairvoyant cache of some blocks finds. */
  double bound(int capacityBlocks) {
    return (double) Belady.hits(ids, numIds, capacityBlocks) * blockSize / promptTokens;
  }

  /** Share of all prompt tokens that a cache without limit finds. */
  double boundWithoutLimit() {
    return (double) (ids.length - numIds) * blockSize / promptTokens;
  }

  /** Numbers keys from 0 in the order they come; open addressing. */
  private static final class IdTable {
    private long[] keys = new long[1 << 16];
    private int[] ids = new int[1 << 16]; // id plus 1, or 0
    private int size;

    int idOf(long key) {
      if (2 * size >= keys.length) {
        grow();
      }
      int at = place(key);
      if (ids[at] == 0) {
        keys[at] = key;
        size++;
        ids[at] = size;
      }
      return ids[at] - 1;
    }

    private int place(long key) {
      int mask = keys.length - 1;
      int at = (int) (key >>> 20) & mask;
      while (ids[at] != 0 && keys[at] != key) {
        at = at + 1 & mask;
      }
      return at;
    }

    private void grow() {
      long[] oldKeys = keys;
      int[] oldIds = ids;
      keys = new long[2 * oldKeys.length];
      ids = new int[2 * oldIds.length];
      for (int i = 0; i < oldKeys.length; i++) {
        if (oldIds[i] != 0) {
          int at = place(oldKeys[i]);
          keys[at] = oldKeys[i];
          ids[at] = oldIds[i];
        }
      }
    }
  }

  /** One id per block asked for, in order of arrival. */
  int[] ids() {
    return ids.clone();
  }

  /** Different blocks. */
  int numIds() {
    return numIds;
  }

  /** Tokens of all prompts. */
  long promptTokens() {
    return promptTokens;
  }

  @Override
  public String toString() {
    return "PrefixAccesses[numAccesses=" + ids.length + ", numIds=" + numIds + "]";
  }
}
