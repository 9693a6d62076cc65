package dev.pagoda.tier.file;

import dev.pagoda.KvSequence;
import java.util.List;

/** Sequences that came out of a file, in the order in which they were saved. */
public final class RestoredGroup {
  private final List<KvSequence> sequences;
  private final GroupIndex index;

  RestoredGroup(List<KvSequence> sequences, GroupIndex index) {
    this.sequences = sequences;
    this.index = index;
  }

  /**
   * The sequences, idle, as long as they were, sharing blocks as they did.
   *
   * @return unmodifiable list; each one is the caller's to close
   */
  public List<KvSequence> sequences() {
    return sequences;
  }

  /**
   * The only sequence of a file that holds one.
   *
   * @return the sequence, the caller's to close
   * @throws IllegalStateException if there are more
   */
  public KvSequence sequence() {
    if (sequences.size() != 1) {
      throw new IllegalStateException(
          "the file holds several sequences: numSequences=" + sequences.size());
    }
    return sequences.getFirst();
  }

  /**
   * The token ids that were saved with a sequence.
   *
   * @param sequenceIndex index into {@link #sequences}
   * @return as many as the sequence is long, or none if none were given; a copy
   */
  public int[] tokenIds(int sequenceIndex) {
    return index.tokenIds(sequenceIndex).clone();
  }

  @Override
  public String toString() {
    return "RestoredGroup[numSequences="
        + sequences.size()
        + ", numBlocks="
        + index.numBlocks()
        + "]";
  }
}
