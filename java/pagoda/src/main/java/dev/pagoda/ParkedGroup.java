package dev.pagoda;

import java.util.List;

/**
 * Sequences that gave up their blocks, or the last ones, together, and how they shared them.
 *
 * <p>What became of the content is the business of whoever parked them: swapped to another memory,
 * or dropped to be computed again. Each distinct block counts once, however many of the sequences
 * share it, and comes back shared in the same way. Sharing with sequences outside the group ends.
 *
 * <p>Immutable; made by {@link PagedKvCache#park} and used up by {@link PagedKvCache#unpark} or by
 * closing the sequences.
 */
public final class ParkedGroup {
  private final List<KvSequence> sequences;
  private final int firstBlockIndex;
  private final int numBlocks;
  private final int[][] tables;
  private final int[] heads;
  private final int[] lengths;
  private final long parking;

  ParkedGroup(List<KvSequence> sequences, Tables tables, int[] lengths, long parking) {
    this.sequences = List.copyOf(sequences);
    firstBlockIndex = tables.firstBlockIndex;
    numBlocks = tables.numBlocks;
    this.tables = tables.numbers;
    heads = tables.heads;
    this.lengths = lengths;
    this.parking = parking;
  }

  /**
   * Who shares which of the blocks that are away.
   *
   * @param firstBlockIndex block index of the first of them
   * @param numBlocks distinct ones
   * @param numbers per sequence the blocks from that index on, as numbers in {@code [0, numBlocks)}
   * @param heads per sequence the first one that kept the same blocks, as an index
   */
  @SuppressWarnings("ArrayRecordComponent") // inside the package only, nobody compares it
  record Tables(int firstBlockIndex, int numBlocks, int[][] numbers, int[] heads) {}

  /**
   * The sequences, in the order they were given.
   *
   * @return unmodifiable list
   */
  public List<KvSequence> sequences() {
    return sequences;
  }

  /**
   * Block index from which on blocks are away; each sequence kept those before it.
   *
   * @return 0 if all are away
   */
  public int firstBlockIndex() {
    return firstBlockIndex;
  }

  /**
   * Tokens a sequence had, and will have again.
   *
   * @param sequenceIndex index into {@link #sequences}
   * @return its length
   */
  public int length(int sequenceIndex) {
    return lengths[sequenceIndex];
  }

  /**
   * Distinct blocks of the group that are away.
   *
   * @return number of blocks
   */
  public int numBlocks() {
    return numBlocks;
  }

  /**
   * Which of those a sequence had, in token order, from {@link #firstBlockIndex} on.
   *
   * @param sequenceIndex index into {@link #sequences}
   * @return numbers in {@code [0, numBlocks)}; a copy
   */
  public int[] blockNumbers(int sequenceIndex) {
    return tables[sequenceIndex].clone();
  }

  /**
   * Tells apart what sequences kept.
   *
   * @param sequenceIndex index into {@link #sequences}
   * @return index of the first sequence that kept the same blocks, itself perhaps
   */
  public int firstWithSameHead(int sequenceIndex) {
    return heads[sequenceIndex];
  }

  /** Tells this group from a later one of the same sequences. */
  long parking() {
    return parking;
  }

  int[][] tables() {
    return tables;
  }

  @Override
  public String toString() {
    return "ParkedGroup[numSequences="
        + sequences.size()
        + ", firstBlockIndex="
        + firstBlockIndex
        + ", numBlocks="
        + numBlocks
        + "]";
  }
}
