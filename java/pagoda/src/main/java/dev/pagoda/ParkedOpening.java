package dev.pagoda;

import dev.pagoda.block.BlockTable;
import dev.pagoda.layout.KvShape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Opens sequences that are parked from the start, so that content which comes from elsewhere goes
 * the way of content that comes back. What their maker says of them is checked first, all of it.
 */
final class ParkedOpening {
  private final int[] lengths;
  private final int[][] tables;
  private final int numBlocks;

  ParkedOpening(KvShape shape, int[] lengths, int[][] blockNumbers) {
    this.lengths = lengths.clone();
    tables = Arrays.stream(blockNumbers).map(int[]::clone).toArray(int[][]::new);
    requireTables(shape);
    numBlocks = numberOfBlocks();
  }

  private void requireTables(KvShape shape) {
    if (lengths.length == 0 || lengths.length != tables.length) {
      throw new IllegalArgumentException(
          "every sequence needs a table: numLengths="
              + lengths.length
              + ", numTables="
              + tables.length);
    }
    for (int i = 0; i < tables.length; i++) {
      if (shape.blocksFor(lengths[i]) != tables[i].length) {
        throw new IllegalArgumentException(
            "a table does not fit its length: length="
                + lengths[i]
                + ", numBlocks="
                + tables[i].length);
      }
    }
  }

  /** The distinct blocks; refuses numbers with a gap, and a block at two places. */
  private int numberOfBlocks() {
    long numEntries = Arrays.stream(tables).mapToLong(table -> table.length).sum();
    int[] indexOf = new int[Math.toIntExact(numEntries)];
    Arrays.fill(indexOf, -1);
    int count = 0;
    for (int[] table : tables) {
      for (int index = 0; index < table.length; index++) {
        int number = table[index];
        if (number < 0 || number >= indexOf.length) {
          throw new IllegalArgumentException("no such block of the group: blockNumber=" + number);
        }
        if (indexOf[number] != -1 && indexOf[number] != index) {
          throw new IllegalArgumentException(
              "a block is at two places: blockNumber="
                  + number
                  + ", index="
                  + indexOf[number]
                  + ", otherIndex="
                  + index);
        }
        indexOf[number] = index;
        count = Math.max(count, number + 1);
      }
    }
    for (int number = 0; number < count; number++) {
      if (indexOf[number] == -1) {
        throw new IllegalArgumentException("nobody has the block: blockNumber=" + number);
      }
    }
    return count;
  }

  ParkedGroup openIn(PagedKvCache cache) {
    cache.lock().lock();
    try {
      cache.requireOpen();
      OpenSequences sequences = cache.sequences();
      long parking = sequences.nextParking();
      ParkedGroup.Tables all = new ParkedGroup.Tables(0, numBlocks, tables, new int[tables.length]);
      List<KvSequence> group = new ArrayList<>(lengths.length);
      try {
        for (int length : lengths) {
          KvSequence sequence = sequences.open(new BlockTable(cache.pool(), 0), length);
          sequences.addTokens(-length);
          sequence.state = KvSequence.State.PARKED;
          sequence.parking = parking;
          sequence.reservation.park();
          group.add(sequence);
        }
        return new ParkedGroup(group, all, lengths, parking);
      } catch (Throwable refused) {
        while (!group.isEmpty()) {
          group.removeLast().close();
        }
        throw refused;
      }
    } finally {
      cache.lock().unlock();
    }
  }
}
