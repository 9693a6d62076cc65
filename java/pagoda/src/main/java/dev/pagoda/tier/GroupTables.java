package dev.pagoda.tier;

import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.ParkedGroup;
import java.util.List;

/**
 * Who shares which blocks in a group. Blocks are known by any numbers that tell them apart.
 *
 * <p>Sequences come to share by forking alone, so that two tables agree up to some index and
 * nowhere behind it.
 */
final class GroupTables {
  private final List<KvSequence> sequences;
  private final int[][] tables;
  private final int blockSize;

  private GroupTables(List<KvSequence> sequences, int[][] tables, int blockSize) {
    this.sequences = sequences;
    this.tables = tables;
    this.blockSize = blockSize;
  }

  static GroupTables of(PagedKvCache cache, ParkedGroup parked) {
    int[][] tables = new int[parked.sequences().size()][];
    for (int i = 0; i < tables.length; i++) {
      tables[i] = parked.blockNumbers(i);
    }
    return new GroupTables(parked.sequences(), tables, cache.shape().blockSize());
  }

  static GroupTables of(PagedKvCache cache, List<KvSequence> group) {
    int[][] tables = group.stream().map(KvSequence::blockIds).toArray(int[][]::new);
    return new GroupTables(List.copyOf(group), tables, cache.shape().blockSize());
  }

  int size() {
    return sequences.size();
  }

  int blockSize() {
    return blockSize;
  }

  KvSequence sequence(int index) {
    return sequences.get(index);
  }

  int length(int index) {
    return sequences.get(index).length();
  }

  int numBlocks(int index) {
    return tables[index].length;
  }

  /** Blocks that one sequence has in common with another one, from the start. */
  int commonBlocks(int index, int otherIndex) {
    int[] table = tables[index];
    int[] other = tables[otherIndex];
    int common = 0;
    while (common < Math.min(table.length, other.length) && table[common] == other[common]) {
      common++;
    }
    return common;
  }
}
