package dev.pagoda.tier;

import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.ParkedGroup;
import java.util.Arrays;
import java.util.List;

/**
 * Who shares which blocks in a group, from a block index on. Blocks are known by any numbers that
 * tell them apart.
 *
 * <p>Sequences come to share by forking alone, so that two tables agree up to some index and
 * nowhere behind it.
 */
final class GroupTables {
  private final List<KvSequence> sequences;
  private final int firstBlockIndex;
  private final int[][] tables;
  private final int[] lengths;
  private final int blockSize;

  private GroupTables(
      List<KvSequence> sequences, int firstBlockIndex, int[][] tables, int[] lengths, int size) {
    this.sequences = sequences;
    this.firstBlockIndex = firstBlockIndex;
    this.tables = tables;
    this.lengths = lengths;
    blockSize = size;
  }

  static GroupTables of(PagedKvCache cache, ParkedGroup parked) {
    int[][] tables = new int[parked.sequences().size()][];
    int[] lengths = new int[tables.length];
    for (int i = 0; i < tables.length; i++) {
      tables[i] = parked.blockNumbers(i);
      lengths[i] = parked.length(i);
    }
    int blockSize = cache.shape().blockSize();
    return new GroupTables(
        parked.sequences(), parked.firstBlockIndex(), tables, lengths, blockSize);
  }

  static GroupTables of(PagedKvCache cache, List<KvSequence> group, int firstBlockIndex) {
    if (firstBlockIndex < 0) {
      throw new IllegalArgumentException(
          "a block index is not negative: firstBlockIndex=" + firstBlockIndex);
    }
    int[][] tables = new int[group.size()][];
    int[] lengths = new int[tables.length];
    for (int i = 0; i < tables.length; i++) {
      int[] ids = group.get(i).blockIds();
      tables[i] = Arrays.copyOfRange(ids, Math.min(firstBlockIndex, ids.length), ids.length);
      lengths[i] = group.get(i).length();
    }
    int blockSize = cache.shape().blockSize();
    return new GroupTables(List.copyOf(group), firstBlockIndex, tables, lengths, blockSize);
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
    return lengths[index];
  }

  /** Tokens in the blocks before the first one. */
  int keptLength(int index) {
    return (int) Math.min(lengths[index], (long) firstBlockIndex * blockSize);
  }

  /** Blocks from the first one on. */
  int numBlocks(int index) {
    return tables[index].length;
  }

  /** Of those, blocks that one sequence has in common with another one, from the start. */
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
