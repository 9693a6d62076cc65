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
 * <p>A block that two sequences share is at the same index in both, and the tokens before it are
 * the same. The blocks before it need not be: a prefix cache may have found the block behind one
 * sequence and its beginning behind another, that had computed the same tokens.
 */
final class GroupTables {
  private final List<KvSequence> sequences;
  private final int firstBlockIndex;
  private final int[][] tables;
  private final int[] heads;
  private final int[] lengths;
  private final int blockSize;

  private GroupTables(
      List<KvSequence> sequences,
      int firstBlockIndex,
      int[][] tables,
      int[] heads,
      int[] lengths,
      int size) {
    this.sequences = sequences;
    this.firstBlockIndex = firstBlockIndex;
    this.tables = tables;
    this.heads = heads;
    this.lengths = lengths;
    blockSize = size;
  }

  static GroupTables of(PagedKvCache cache, ParkedGroup parked) {
    int[][] tables = new int[parked.sequences().size()][];
    int[] heads = new int[tables.length];
    int[] lengths = new int[tables.length];
    for (int i = 0; i < tables.length; i++) {
      tables[i] = parked.blockNumbers(i);
      heads[i] = parked.firstWithSameHead(i);
      lengths[i] = parked.length(i);
    }
    int blockSize = cache.shape().blockSize();
    return new GroupTables(
        parked.sequences(), parked.firstBlockIndex(), tables, heads, lengths, blockSize);
  }

  static GroupTables of(PagedKvCache cache, List<KvSequence> group, int firstBlockIndex) {
    if (firstBlockIndex < 0) {
      throw new IllegalArgumentException(
          "a block index is not negative: firstBlockIndex=" + firstBlockIndex);
    }
    int[][] tables = new int[group.size()][];
    int[][] kepts = new int[tables.length][];
    int[] heads = new int[tables.length];
    int[] lengths = new int[tables.length];
    for (int i = 0; i < tables.length; i++) {
      int[] ids = group.get(i).blockIds();
      int kept = Math.min(firstBlockIndex, ids.length);
      kepts[i] = Arrays.copyOf(ids, kept);
      while (!Arrays.equals(kepts[heads[i]], kepts[i])) {
        heads[i]++;
      }
      tables[i] = Arrays.copyOfRange(ids, kept, ids.length);
      lengths[i] = group.get(i).length();
    }
    int blockSize = cache.shape().blockSize();
    return new GroupTables(List.copyOf(group), firstBlockIndex, tables, heads, lengths, blockSize);
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

  /**
   * Of those, blocks that one sequence can take over from another one, from the start: up to the
   * last one that they share, whoever had computed those before it. None if they kept other blocks.
   */
  int commonBlocks(int index, int otherIndex) {
    int[] table = tables[index];
    int[] other = tables[otherIndex];
    if (heads[index] != heads[otherIndex]) {
      return 0;
    }
    int common = Math.min(table.length, other.length);
    while (common > 0 && table[common - 1] != other[common - 1]) {
      common--;
    }
    return common;
  }
}
