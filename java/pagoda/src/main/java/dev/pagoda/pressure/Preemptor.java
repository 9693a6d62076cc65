package dev.pagoda.pressure;

import dev.pagoda.BlockReservation;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.block.BlockStatistics;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.internal.event.CacheEvents;
import dev.pagoda.tier.DroppedGroup;
import dev.pagoda.tier.PreemptionCost;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.SwappedGroup;
import dev.pagoda.tier.TokenFeeder;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Has groups of sequences make room when blocks run out, and brings them back when there are enough
 * again.
 *
 * <pre>
 *   enter --> running --makeRoom--> away --restoreNext--> running --leave-->
 *                                   away --makeRoom--> more of it away
 * </pre>
 *
 * <p>Who makes room and how is a {@link PreemptionPolicy}'s choice. Who came first comes back
 * first, and nobody overtakes. A group that is on its way out or in is never chosen.
 *
 * <p>Failure: whatever several groups do for one call, they do all of it or nothing. Their content
 * is copied out first, one group inside the other, with slots reserved before a byte moves and
 * blocks kept until all is out; what remains then cannot fail. A group that fails to come back is
 * away as before.
 *
 * <p>Owns nothing: sequences, swap space and cache stay their holders'. Threads: any number; calls
 * wait for each other, also for the feeder of one that computes tokens again.
 */
public final class Preemptor {
  private final PagedKvCache cache;
  private final PreemptionPolicy policy;
  private final List<SwapSpace> spaces; // one or none
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by the lock.
  private final List<PreemptibleGroup> groups = new ArrayList<>(); // in order of arrival
  private long nextArrival;
  private long numSwapped;
  private long numDropped;
  private long numTails;
  private long numBlocksFreed;
  private long numRestored;
  private long numTokensFed;
  private long numRefusals;

  /**
   * Without a swap space: groups are dropped and computed again.
   *
   * @param cache whose sequences make room
   * @param policy who makes room, and how
   */
  public Preemptor(PagedKvCache cache, PreemptionPolicy policy) {
    this(cache, policy, List.of());
  }

  /**
   * With a swap space.
   *
   * @param cache whose sequences make room
   * @param policy who makes room, and how
   * @param space a swap space of the cache, which must outlive the groups that are in it
   */
  public Preemptor(PagedKvCache cache, PreemptionPolicy policy, SwapSpace space) {
    this(cache, policy, List.of(space));
  }

  private Preemptor(PagedKvCache cache, PreemptionPolicy policy, List<SwapSpace> spaces) {
    this.cache = Objects.requireNonNull(cache, "cache");
    this.policy = Objects.requireNonNull(policy, "policy");
    this.spaces = spaces;
  }

  /**
   * Lets a sequence take part, as the latest arrival.
   *
   * @param sequence a sequence of the cache
   * @return its group of one
   */
  public PreemptibleGroup enter(KvSequence sequence) {
    List<KvSequence> alone = List.of(sequence);
    return enter(() -> alone);
  }

  /**
   * Lets a group take part, as the latest arrival.
   *
   * @param members asked for the group's sequences whenever they matter: {@code beams::sequences},
   *     for instance. Distinct open sequences of the cache
   * @return the group
   */
  public PreemptibleGroup enter(Supplier<List<KvSequence>> members) {
    lock.lock();
    try {
      PreemptibleGroup group = new PreemptibleGroup(cache, members, nextArrival);
      groups.add(group);
      nextArrival++;
      return group;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Ends a group's part. What runs stays its holder's; of a group that is away the content is given
   * up, and its sequences are closed.
   *
   * @param group a group of this preemptor; one that has left already is ignored
   */
  public void leave(PreemptibleGroup group) {
    lock.lock();
    try {
      if (!groups.contains(group)) {
        return;
      }
      switch (group.place()) {
        case PreemptibleGroup.Place.Swapped swapped -> space().discard(swapped.group());
        case PreemptibleGroup.Place.Dropped dropped -> {
          List<KvSequence> sequences = dropped.group().sequences();
          for (int i = 0; i < sequences.size(); i++) { // an iterator would want memory
            sequences.get(i).close();
          }
        }
        case PreemptibleGroup.Place.Here _, PreemptibleGroup.Place.Gone _ -> {}
      }
      groups.remove(group);
      group.moveTo(PreemptibleGroup.Place.GONE);
    } finally {
      lock.unlock();
    }
  }

  private SwapSpace space() {
    return spaces.getFirst();
  }

  /**
   * Makes blocks available, if they are not: groups give theirs up, all that it takes or none.
   *
   * @param numBlocks blocks that a step, or whoever, is about to take
   * @param keep groups that must stay: those that the blocks are for
   * @return what was done; empty if enough blocks were available
   * @throws OutOfBlocksException if the policy cannot make that room; nothing has changed
   * @throws IllegalStateException if the policy chose what it was not offered, or chose groups that
   *     do not make enough room; nothing has changed
   */
  public List<Preemption<PreemptibleGroup>> makeRoom(
      int numBlocks, Collection<PreemptibleGroup> keep) {
    lock.lock();
    try {
      BlockStatistics blocks = cache.statistics().blocks();
      int missing = numBlocks - blocks.numAvailable();
      if (missing <= 0) {
        return List.of();
      }
      Set<PreemptibleGroup> kept = new HashSet<>(keep);
      List<PreemptibleGroup> victims =
          groups.stream().filter(group -> !kept.contains(group) && group.canLeave()).toList();
      Shortage shortage = new Shortage(missing, numFreeSlots());
      List<Preemption<PreemptibleGroup>> plan = policy.choose(shortage, victims);
      if (plan.isEmpty()) {
        numRefusals++;
        throw new OutOfBlocksException(
            numBlocks,
            blocks.numAvailable() - blocks.numReclaimable(),
            blocks.numReclaimable(),
            blocks.numBlocks());
      }
      List<Preemption<PreemptibleGroup>> agreed = List.copyOf(plan);
      requireCarriedOut(agreed, victims, missing);
      carryOut(agreed);
      return agreed;
    } finally {
      lock.unlock();
    }
  }

  private int numFreeSlots() {
    return spaces.stream().mapToInt(space -> space.statistics().slots().numFree()).sum();
  }

  private void requireCarriedOut(
      List<Preemption<PreemptibleGroup>> plan, List<PreemptibleGroup> victims, int missing) {
    Set<PreemptibleGroup> seen = new HashSet<>();
    int numFreed = 0;
    for (Preemption<PreemptibleGroup> each : plan) {
      PreemptibleGroup group = each.victim();
      boolean swaps = each.way() == PreemptionCost.Preemption.SWAP;
      if (!victims.contains(group)
          || !seen.add(group)
          || (swaps && spaces.isEmpty())
          || (group.isAway() && swaps != (group.begun() == Victim.Begun.SWAP))
          || (group.isAway() && each.firstBlockIndex() >= group.numBlocksHere())) {
        throw new IllegalStateException(
            "the policy chose what it was not offered: preemption=" + each);
      }
      numFreed += group.numFreed(each.firstBlockIndex());
    }
    if (numFreed < missing) {
      throw new IllegalStateException(
          "the policy chose groups that do not make enough room: missing="
              + missing
              + ", numFreed="
              + numFreed);
    }
  }

  private void carryOut(List<Preemption<PreemptibleGroup>> plan) {
    PreemptibleGroup.Place[] places = new PreemptibleGroup.Place[plan.size()];
    try {
      plan.forEach(each -> each.victim().setOnTheMove(true));
      carryOut(plan, 0, places);
    } finally {
      for (int i = 0; i < plan.size(); i++) {
        plan.get(i).victim().setOnTheMove(false);
      }
    }
    for (int i = 0; i < plan.size(); i++) {
      Preemption<PreemptibleGroup> each = plan.get(i);
      each.victim().moveTo(places[i]);
      if (each.way() == PreemptionCost.Preemption.SWAP) {
        numSwapped++;
      } else {
        numDropped++;
      }
      numTails += each.isTail() ? 1 : 0;
      numBlocksFreed += each.numFreed();
    }
  }

  /**
   * One group inside the other: the first is undone if a later one fails. Whatever can fail is over
   * when the innermost one returns.
   */
  private void carryOut(
      List<Preemption<PreemptibleGroup>> plan, int index, PreemptibleGroup.Place[] places) {
    if (index == plan.size()) {
      plan.forEach(Preemptor::tell);
      return;
    }
    Preemption<PreemptibleGroup> each = plan.get(index);
    int cut = each.firstBlockIndex();
    Consumer<SwappedGroup> swapped =
        away -> {
          places[index] = new PreemptibleGroup.Place.Swapped(away);
          carryOut(plan, index + 1, places);
        };
    Consumer<DroppedGroup> dropped =
        away -> {
          places[index] = new PreemptibleGroup.Place.Dropped(away);
          carryOut(plan, index + 1, places);
        };
    switch (each.victim().place()) {
      case PreemptibleGroup.Place.Swapped before -> {
        var _ = space().swapOutMore(before.group(), cut, swapped);
      }
      case PreemptibleGroup.Place.Dropped before -> {
        places[index] = before;
        before.group().dropMore(cut, () -> carryOut(plan, index + 1, places));
      }
      case PreemptibleGroup.Place.Here _, PreemptibleGroup.Place.Gone _ -> {
        List<KvSequence> sequences = List.copyOf(each.victim().sequences());
        if (each.way() == PreemptionCost.Preemption.SWAP) {
          var _ = space().swapOutTail(sequences, cut, swapped);
        } else {
          var _ = DroppedGroup.dropTail(cache, sequences, cut, dropped);
        }
      }
    }
  }

  private static void tell(Preemption<PreemptibleGroup> each) {
    CacheEvents.current()
        .preempted(each.way() + (each.isTail() ? " TAIL" : ""), each.numFreed(), each.reason());
  }

  /**
   * Brings back the group that came first of those that are away, if there is room for it. If
   * nobody runs, and blocks that others kept when they left are in its way, those give them up:
   * nobody waits for ever for somebody who waits.
   *
   * @param feeder computes the tokens of a group that was dropped
   * @param numBlocksToSpare blocks that must be left then, so that it need not leave again at once;
   *     not asked for if nobody else is running
   * @return the group; none if nobody waits or there is too little room for the first one
   * @throws RuntimeException whatever feeder or copy throw: the group is away as before
   */
  public Optional<PreemptibleGroup> restoreNext(TokenFeeder feeder, int numBlocksToSpare) {
    lock.lock();
    try {
      Optional<PreemptibleGroup> first =
          groups.stream()
              .filter(PreemptibleGroup::isAway)
              .min(Comparator.comparingLong(PreemptibleGroup::arrival));
      return first.filter(group -> restore(group, feeder, numBlocksToSpare));
    } finally {
      lock.unlock();
    }
  }

  private boolean restore(PreemptibleGroup group, TokenFeeder feeder, int numBlocksToSpare) {
    boolean alone = groups.stream().allMatch(PreemptibleGroup::isAway);
    if (!alone) {
      return tryRestore(group, feeder, numBlocksToSpare);
    }
    boolean isBack = tryRestore(group, feeder, 0);
    for (int i = groups.size() - 1; !isBack && i >= 0; i--) {
      PreemptibleGroup other = groups.get(i);
      if (other != group && other.numBlocksHere() > 0) {
        giveUpRest(other);
        isBack = tryRestore(group, feeder, 0);
      }
    }
    return isBack;
  }

  /** What is left of a group that is away leaves as well. */
  private void giveUpRest(PreemptibleGroup group) {
    switch (group.place()) {
      case PreemptibleGroup.Place.Swapped swapped -> {
        PreemptibleGroup.Place[] place = {swapped};
        try {
          var _ =
              space()
                  .swapOutMore(
                      swapped.group(),
                      0,
                      more -> place[0] = new PreemptibleGroup.Place.Swapped(more));
        } catch (OutOfBlocksException tooFewSlots) {
          var _ =
              space()
                  .drop(
                      swapped.group(),
                      dropped -> {
                        place[0] = new PreemptibleGroup.Place.Dropped(dropped);
                        dropped.dropMore(0);
                      });
        }
        group.moveTo(place[0]);
      }
      case PreemptibleGroup.Place.Dropped dropped -> dropped.group().dropMore(0);
      case PreemptibleGroup.Place.Here _, PreemptibleGroup.Place.Gone _ -> {}
    }
  }

  private boolean tryRestore(PreemptibleGroup group, TokenFeeder feeder, int numBlocksToSpare) {
    group.setOnTheMove(true);
    try (BlockReservation spare = cache.reserve(numBlocksToSpare)) {
      switch (group.place()) {
        case PreemptibleGroup.Place.Swapped swapped -> space().swapIn(swapped.group());
        case PreemptibleGroup.Place.Dropped dropped -> {
          dropped.group().restore(feeder);
          numTokensFed += dropped.group().plan().numTokens();
        }
        case PreemptibleGroup.Place.Here _, PreemptibleGroup.Place.Gone _ ->
            throw new IllegalStateException("the group is here: spare=" + spare + ", " + group);
      }
      group.moveTo(PreemptibleGroup.Place.HERE);
      numRestored++;
      return true;
    } catch (OutOfBlocksException tooFew) {
      return false;
    } finally {
      group.setOnTheMove(false);
    }
  }

  /**
   * Groups that are away, whole or in part. Whoever admits new ones meanwhile makes them wait
   * longer.
   *
   * @return number of groups that wait to come back
   */
  public int numWaiting() {
    lock.lock();
    try {
      return (int) groups.stream().filter(PreemptibleGroup::isAway).count();
    } finally {
      lock.unlock();
    }
  }

  /**
   * The preemptor's numbers now.
   *
   * @return a snapshot
   */
  public PreemptorStatistics statistics() {
    lock.lock();
    try {
      int numWaiting = numWaiting();
      return new PreemptorStatistics(
          groups.size() - numWaiting,
          numWaiting,
          numSwapped,
          numDropped,
          numTails,
          numBlocksFreed,
          numRestored,
          numTokensFed,
          numRefusals);
    } finally {
      lock.unlock();
    }
  }
}
