package dev.pagoda;

import java.util.List;

/**
 * Sequences that gave up their blocks together, and how they shared them.
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
  private final int numBlocks;
  private final int[][] tables;
  private final long parking;

  ParkedGroup(long parking, List<KvSequence> sequences, int numBlocks, int[][] tables) {
    this.parking = parking;
    this.sequences = List.copyOf(sequences);
    this.numBlocks = numBlocks;
    this.tables = tables;
  }

  /**
   * The sequences, in the order they were given.
   *
   * @return unmodifiable list
   */
  public List<KvSequence> sequences() {
    return sequences;
  }

  /**
   * Distinct blocks the group held.
   *
   * @return number of blocks
   */
  public int numBlocks() {
    return numBlocks;
  }

  /**
   * Which of the group's distinct blocks a sequence has, in token order.
   *
   * @param sequenceIndex index into {@link #sequences}
   * @return numbers in {@code [0, numBlocks)}; a copy
   */
  public int[] blockNumbers(int sequenceIndex) {
    return tables[sequenceIndex].clone();
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
    return "ParkedGroup[numSequences=" + sequences.size() + ", numBlocks=" + numBlocks + "]";
  }
}
