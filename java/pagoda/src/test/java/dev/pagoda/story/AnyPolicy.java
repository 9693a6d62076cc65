package dev.pagoda.story;

import dev.pagoda.pressure.Preemption;
import dev.pagoda.pressure.PreemptionPolicy;
import dev.pagoda.pressure.Shortage;
import dev.pagoda.pressure.Victim;
import dev.pagoda.tier.PreemptionCost;
import dev.pagoda.tier.PreemptionModel;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;

/** Anybody, at any cut, in any way: what an application's own policy may do. */
record AnyPolicy(SplittableRandom random, PreemptionModel model) implements PreemptionPolicy {
  @Override
  public <V extends Victim> List<Preemption<V>> choose(Shortage shortage, List<V> victims) {
    List<V> order = new ArrayList<>(victims);
    Collections.shuffle(order, Random.from(random));
    List<Preemption<V>> chosen = new ArrayList<>();
    int missing = shortage.numBlocks();
    int slots = shortage.numFreeSlots();
    for (V victim : order) {
      int cut = random.nextBoolean() ? 0 : random.nextInt(Math.max(1, victim.numBlocksHere()));
      PreemptionCost cost = model.cost(victim.load(cut));
      boolean swaps =
          switch (victim.begun()) {
            case SWAP -> true;
            case RECOMPUTE -> false;
            case NOT -> random.nextBoolean();
          };
      int numSlots = swaps ? cost.load().numBlocks() : 0;
      if (missing > 0 && numSlots <= slots) {
        int freed = victim.numFreed(cut);
        PreemptionCost.Preemption way =
            swaps && slots > 0
                ? PreemptionCost.Preemption.SWAP
                : PreemptionCost.Preemption.RECOMPUTE;
        if (way == PreemptionCost.Preemption.SWAP || victim.begun() != Victim.Begun.SWAP) {
          chosen.add(new Preemption<>(victim, cut, way, freed, cost, "at random"));
          missing -= freed;
          slots -= numSlots;
        }
      }
    }
    return missing > 0 ? List.of() : chosen;
  }
}
