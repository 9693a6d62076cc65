package dev.pagoda.pressure;

import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.tier.DroppedGroup;
import dev.pagoda.tier.PreemptionLoad;
import dev.pagoda.tier.SwappedGroup;
import java.util.List;
import java.util.function.Supplier;

/**
 * Sequences that run, leave and come back together: one chat, or the beams or samples of a prompt.
 *
 * <p>Made by {@link Preemptor#enter}. The sequences stay their holders': they may be forked and
 * closed while the group runs, and are left alone while it is away.
 */
public final class PreemptibleGroup implements Victim {
  /** Where its content is. */
  sealed interface Place {
    /** All of it is here. */
    record Here() implements Place {}

    /**
     * All or its last blocks are in a swap space.
     *
     * @param group there
     */
    record Swapped(SwappedGroup group) implements Place {}

    /**
     * All or its last blocks were dropped.
     *
     * @param group to be computed again
     */
    record Dropped(DroppedGroup group) implements Place {}

    /** Nobody asks any more. */
    record Gone() implements Place {}

    /** The one there is: whoever comes back must not have to want memory. */
    Place HERE = new Here();

    /** The one there is. */
    Place GONE = new Gone();
  }

  private final PagedKvCache cache;
  private final Supplier<List<KvSequence>> members;
  private final long arrival;

  // Guarded by the preemptor's lock; read by anybody.
  private volatile Place place = Place.HERE;
  private volatile boolean onTheMove;

  PreemptibleGroup(PagedKvCache cache, Supplier<List<KvSequence>> members, long arrival) {
    this.cache = cache;
    this.members = members;
    this.arrival = arrival;
  }

  /**
   * Its sequences now.
   *
   * @return those that it had when it left, if it is away
   */
  public List<KvSequence> sequences() {
    return switch (place) {
      case Place.Swapped swapped -> swapped.group().sequences();
      case Place.Dropped dropped -> dropped.group().sequences();
      case Place.Here _, Place.Gone _ -> members.get();
    };
  }

  /**
   * Whether it had to make room and is not back.
   *
   * @return true while its sequences cannot run
   */
  public boolean isAway() {
    return begun() != Begun.NOT;
  }

  @Override
  public long arrival() {
    return arrival;
  }

  @Override
  public int numBlocksHere() {
    return sequences().stream().mapToInt(KvSequence::numBlocksHere).max().orElse(0);
  }

  @Override
  public int numFreed(int firstBlockIndex) {
    return cache.numFreedByParking(sequences(), firstBlockIndex);
  }

  /**
   * What it would have to move or compute again. For a group that is away already: what comes on
   * top, so that the slots a swap takes are known whatever others share its blocks.
   */
  @Override
  public PreemptionLoad load(int firstBlockIndex) {
    return switch (place) {
      case Place.Swapped swapped -> PreemptionLoad.ofMore(cache, swapped.group(), firstBlockIndex);
      case Place.Dropped dropped -> PreemptionLoad.ofMore(cache, dropped.group(), firstBlockIndex);
      case Place.Here _, Place.Gone _ -> PreemptionLoad.ofTail(cache, sequences(), firstBlockIndex);
    };
  }

  @Override
  public Begun begun() {
    return switch (place) {
      case Place.Swapped _ -> Begun.SWAP;
      case Place.Dropped _ -> Begun.RECOMPUTE;
      case Place.Here _, Place.Gone _ -> Begun.NOT;
    };
  }

  /** Whether it can be told to leave, or to go on leaving. */
  boolean canLeave() {
    return !onTheMove
        && (isAway()
            ? numBlocksHere() > 0 && sequences().stream().noneMatch(KvSequence::isClosed)
            : !sequences().isEmpty() && sequences().stream().allMatch(KvSequence::isIdle));
  }

  Place place() {
    return place;
  }

  void moveTo(Place newPlace) {
    place = newPlace;
  }

  void setOnTheMove(boolean moving) {
    onTheMove = moving;
  }

  @Override
  public String toString() {
    return "PreemptibleGroup[arrival="
        + arrival
        + ", numSequences="
        + sequences().size()
        + ", begun="
        + begun()
        + "]";
  }
}
