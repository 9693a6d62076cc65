package dev.pagoda.tier;

import dev.pagoda.KvSequence;
import dev.pagoda.ParkedGroup;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Sequences with all or their last blocks in a {@link SwapSpace}, as {@link SwapSpace#swapOut}
 * returned them. What it says never changes; used up once the group has left.
 */
public final class SwappedGroup {
  /** Where it is between its making and its end. */
  enum State {
    SWAPPED,
    ON_THE_MOVE,
    GONE
  }

  private final SwapSpace space;
  private final ParkedGroup parked;
  private final long[] slots;

  // Guarded by the swap space's lock.
  State state = State.ON_THE_MOVE;
  @Nullable SwappedGroup before; // in SwappedGroups
  @Nullable SwappedGroup after;

  SwappedGroup(SwapSpace space, ParkedGroup parked, long[] slots) {
    this.space = space;
    this.parked = parked;
    this.slots = slots;
  }

  SwapSpace space() {
    return space;
  }

  ParkedGroup parked() {
    return parked;
  }

  /** {@code [numBlocks]} handles of the host slots, in the order of the group's block numbers. */
  long[] slots() {
    return slots;
  }

  /** Sequences that their holders closed meanwhile. */
  long numClosed() {
    return sequences().stream().filter(KvSequence::isClosed).count();
  }

  /**
   * The sequences, in the order they were given.
   *
   * @return unmodifiable list
   */
  public List<KvSequence> sequences() {
    return parked.sequences();
  }

  /**
   * Block index from which on blocks were moved; each sequence kept those before it.
   *
   * @return 0 if all were moved
   */
  public int firstBlockIndex() {
    return parked.firstBlockIndex();
  }

  /**
   * Distinct blocks of the group that were moved, each in a host slot of its own.
   *
   * @return number of blocks
   */
  public int numBlocks() {
    return parked.numBlocks();
  }

  @Override
  public String toString() {
    return "SwappedGroup[numSequences="
        + sequences().size()
        + ", numBlocks="
        + numBlocks()
        + ", numClosed="
        + numClosed()
        + "]";
  }
}
