package dev.pagoda.pressure;

import dev.pagoda.tier.PreemptionCost;
import dev.pagoda.tier.PreemptionModel;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;

/**
 * The latest arrival makes room first, so that who came first is done first; groups that have begun
 * to leave go on leaving before a running one is touched. Each group is moved or dropped, whichever
 * the cost model says is cheaper; dropped where the swap space has too few slots.
 *
 * <p>With {@link Extent#TAIL} the last group chosen gives up only as many of its last blocks as are
 * missing. It does not run until they are back either way, but less is moved or computed again; if
 * more is wanted later it goes on from there. With {@link Extent#WHOLE} every group leaves whole.
 *
 * <p>Order and whole groups as in Kwon et al., "Efficient Memory Management for Large Language
 * Model Serving with PagedAttention", SOSP 2023, section 4.5. Immutable.
 *
 * @param model what moving and computing cost
 * @param extent whether the last group chosen may keep its first blocks
 */
public record LatestFirst(PreemptionModel model, Extent extent) implements PreemptionPolicy {
  /** How much of a group leaves. */
  public enum Extent {
    /** All of it. */
    WHOLE,
    /** As many of its last blocks as are missing. */
    TAIL
  }

  /** Checks that all are there. */
  public LatestFirst {
    Objects.requireNonNull(model, "model");
    Objects.requireNonNull(extent, "extent");
  }

  /**
   * With tails.
   *
   * @param model what moving and computing cost
   */
  public LatestFirst(PreemptionModel model) {
    this(model, Extent.TAIL);
  }

  @Override
  public <V extends Victim> List<Preemption<V>> choose(Shortage shortage, List<V> victims) {
    List<V> order = new ArrayList<>(victims);
    order.sort(
        Comparator.comparing((V victim) -> victim.begun() == Victim.Begun.NOT)
            .thenComparing(Comparator.comparingLong((V victim) -> victim.arrival()).reversed()));
    List<Preemption<V>> chosen = new ArrayList<>();
    int missing = shortage.numBlocks();
    int slots = shortage.numFreeSlots();
    for (V victim : order) {
      if (missing <= 0) {
        break;
      }
      Preemption<V> preemption = preempt(victim, missing, slots);
      int numSlots =
          preemption.way() == PreemptionCost.Preemption.SWAP
              ? preemption.cost().load().numBlocks()
              : 0;
      if (preemption.numFreed() > 0 && numSlots <= slots) {
        chosen.add(preemption);
        missing -= preemption.numFreed();
        slots -= numSlots;
      }
    }
    return missing > 0 ? List.of() : chosen;
  }

  private <V extends Victim> Preemption<V> preempt(V victim, int missing, int slots) {
    int cut = extent == Extent.TAIL ? cut(victim, missing) : 0;
    PreemptionCost cost = model.cost(victim.load(cut));
    PreemptionCost.Preemption way = cost.cheaper();
    String reason = cost.describe();
    switch (victim.begun()) {
      case SWAP -> {
        way = PreemptionCost.Preemption.SWAP;
        reason = "the rest of it is swapped already; " + reason;
      }
      case RECOMPUTE -> {
        way = PreemptionCost.Preemption.RECOMPUTE;
        reason = "the rest of it was dropped already; " + reason;
      }
      case NOT -> {
        if (way == PreemptionCost.Preemption.SWAP && cost.load().numBlocks() > slots) {
          way = PreemptionCost.Preemption.RECOMPUTE;
          reason = "recompute for want of slots, numFreeSlots=" + slots + "; " + reason;
        }
      }
    }
    return new Preemption<>(victim, cut, way, victim.numFreed(cut), cost, reason);
  }

  /** The last index from which on enough blocks become available; 0 if there is none. */
  private static int cut(Victim victim, int missing) {
    int low = 0;
    int high = victim.numBlocksHere();
    while (low < high) { // numFreed falls as the index grows
      int middle = (low + high + 1) >>> 1;
      if (victim.numFreed(middle) >= missing) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }
}
