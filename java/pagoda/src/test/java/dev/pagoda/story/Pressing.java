package dev.pagoda.story;

import dev.pagoda.PlantedFailure;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.pressure.AdmissionControl;
import dev.pagoda.pressure.LatestFirst;
import dev.pagoda.pressure.PreemptibleGroup;
import dev.pagoda.pressure.Preemption;
import dev.pagoda.pressure.PreemptionPolicy;
import dev.pagoda.pressure.Preemptor;
import dev.pagoda.tier.PreemptionCost;
import dev.pagoda.tier.PreemptionModel;
import dev.pagoda.tier.PrefillModel;
import dev.pagoda.tier.TransferModel;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/** Groups that make room for others, and come back in the order in which they came. */
final class Pressing implements Concern {
  static final int WATERMARK_BLOCKS = 2;
  private static final int GROUPS_MAX = 5;
  private static final int PINS_NANOS_MAX = 100;

  @Override
  public List<Weighted> operations() {
    return List.of(
        new Weighted("enter", 4, Pressing::enter),
        new Weighted("make room", 3, Pressing::makeRoom),
        new Weighted("restore next", 6, Pressing::restoreNext),
        new Weighted("leave", 2, Pressing::leave));
  }

  /** A group that may be preempted. */
  static final class Group {
    final List<StorySequence> members;
    final PreemptibleGroup real;
    Optional<StoryGroup> away = Optional.empty();

    Group(Preemptor preemptor, List<StorySequence> first) {
      members = new ArrayList<>(first);
      real = preemptor.enter(() -> Leaving.real(members));
      members.forEach(this::join);
    }

    void join(StorySequence member) {
      member.entered = Optional.of(this);
    }
  }

  /** The preemptor of a cache, and its groups in order of arrival. */
  static final class Pressure {
    private final PreemptionPolicy policy;
    private final boolean swaps;
    private final List<Group> groups = new ArrayList<>();
    private Preemptor preemptor;
    private AdmissionControl admission;

    Pressure(StoryWorld world, SplittableRandom choice) {
      TransferModel transfer = new TransferModel(choice.nextBoolean() ? 1e9 : 1e5, 10);
      PreemptionModel model =
          new PreemptionModel(transfer, transfer, new PrefillModel(1e6, 1000, 10));
      policy =
          switch (choice.nextInt(3)) {
            case 0 -> new LatestFirst(model, LatestFirst.Extent.WHOLE);
            case 1 -> new LatestFirst(model);
            default -> new AnyPolicy(choice.split(), model);
          };
      swaps = choice.nextInt(5) > 0;
      preemptor = newPreemptor(world);
      admission = new AdmissionControl(world.cache, WATERMARK_BLOCKS, preemptor);
    }

    private Preemptor newPreemptor(StoryWorld world) {
      return swaps
          ? new Preemptor(world.cache, policy, world.space)
          : new Preemptor(world.cache, policy);
    }

    void open(StoryWorld world) {
      preemptor = newPreemptor(world);
      admission = new AdmissionControl(world.cache, WATERMARK_BLOCKS, preemptor);
    }

    AdmissionControl admission() {
      return admission;
    }

    int numWaiting() {
      int waiting = (int) groups.stream().filter(group -> group.away.isPresent()).count();
      Comparison.require(preemptor.numWaiting() == waiting, "groups that wait", waiting);
      return waiting;
    }

    int numSlotsTaken() {
      int taken = 0;
      for (Group group : groups) {
        taken += group.away.filter(Pressing::isSwapped).map(StoryGroup::numBlocks).orElse(0);
      }
      return taken;
    }
  }

  private static boolean isSwapped(StoryGroup group) {
    return group.handle == PreemptionCost.Preemption.SWAP;
  }

  private static void enter(StoryWorld world) {
    Pressure pressure = world.pressure;
    for (Group group : List.copyOf(pressure.groups)) {
      if (group.members.isEmpty()) {
        pressure.preemptor.leave(group.real);
        pressure.groups.remove(group);
      }
    }
    if (pressure.groups.size() >= GROUPS_MAX) {
      return;
    }
    List<StorySequence> members =
        world.choices.nextInt(3) > 0
            ? world.sequences.anyGroup()
            : world
                .choices
                .pick(world.decoding)
                .map(group -> group.members)
                .filter(all -> all.stream().allMatch(s -> s.isHere()))
                .filter(all -> all.stream().allMatch(s -> s.entered.isEmpty()))
                .orElseGet(List::of);
    if (!members.isEmpty()) {
      pressure.groups.add(new Group(pressure.preemptor, members));
      world.outcomes.count("enter");
    }
  }

  /** What groups that are away would still have to move is told exactly. */
  private static void requireLoads(StoryWorld world) {
    for (Group group : world.pressure.groups) {
      int numBlocksHere = group.away.map(StoryGroup::numBlocksHere).orElse(0);
      if (numBlocksHere > 0) {
        int cut = world.choices.nextInt(numBlocksHere);
        Comparison.require(
            group.real.load(cut).numBlocks() == StoryGroup.numBlocks(group.members, cut),
            "load of a group that is away",
            cut,
            group.away);
      }
    }
  }

  private static void makeRoom(StoryWorld world) {
    requireLoads(world);
    List<StorySequence> keep =
        world.sequences.all.stream().filter(s -> world.choices.nextInt(6) == 0).toList();
    var _ = makeRoom(world, world.choices.nextInt(1 + world.numBlocks), keep);
  }

  /** Has groups make room, those of some sequences excepted. */
  static boolean makeRoom(StoryWorld world, int needed, List<StorySequence> keep) {
    List<PreemptibleGroup> kept =
        keep.stream().flatMap(s -> s.entered.stream()).map(group -> group.real).distinct().toList();
    List<Preemption<PreemptibleGroup>> done;
    try {
      done = world.pressure.preemptor.makeRoom(needed, kept);
    } catch (OutOfBlocksException none) {
      Comparison.require(needed > world.pool.numAvailable(), "no room", none.getMessage());
      world.outcomes.count("no room made");
      return false;
    } catch (PlantedFailure planted) {
      Leaving.requirePlanted(world, planted);
      world.outcomes.count("making room failed");
      return false;
    }
    for (Preemption<PreemptibleGroup> each : done.reversed()) {
      preempted(world, each);
    }
    Comparison.require(world.pool.numAvailable() >= needed, "room made", done, needed);
    world.outcomes.count(done.isEmpty() ? "room was there" : "room made");
    return true;
  }

  private static void preempted(StoryWorld world, Preemption<PreemptibleGroup> each) {
    Group group =
        world.pressure.groups.stream()
            .filter(known -> known.real == each.victim())
            .findFirst()
            .orElseThrow();
    int cut = each.firstBlockIndex();
    if (group.away.isPresent()) {
      group.away.get().leftFrom(world, cut, each.way());
      world.outcomes.count("preempted further");
    } else {
      group.away = Optional.of(StoryGroup.left(world, group.members, cut, each.way()));
      world.outcomes.count(
          "preempted by "
              + each.way()
              + (cut > 0 ? " of a tail" : "")
              + (group.members.size() > 1 ? " together" : ""));
    }
  }

  private static void restoreNext(StoryWorld world) {
    Pressure pressure = world.pressure;
    int spare = world.choices.nextInt(3);
    Optional<Group> first =
        pressure.groups.stream()
            .filter(group -> group.away.isPresent())
            .min(Comparator.comparingLong(group -> group.real.arrival()));
    boolean alone = pressure.groups.stream().allMatch(group -> group.away.isPresent());
    if (alone) {
      world.disarm();
    }
    StoryGroup away = first.flatMap(group -> group.away).orElse(StoryGroup.NOBODY);
    Leaving.Feeder feeder = new Leaving.Feeder(world, away.members);
    Attempt attempt = Attempt.MADE;
    boolean isBack = false;
    try {
      isBack = pressure.preemptor.restoreNext(feeder, spare).isPresent();
    } catch (PlantedFailure planted) {
      Leaving.requirePlanted(world, planted);
      attempt = Attempt.FAILED;
    } catch (UnsupportedOperationException planted) {
      Comparison.require(feeder.hasFailed(), "failure of the feeder", planted);
      attempt = Attempt.FAILED;
    }
    if (first.isEmpty()) {
      Comparison.require(!isBack, "restored with nobody away", pressure.groups.size());
      return;
    }
    boolean expected = tryRestore(world, away, feeder, alone ? 0 : spare, attempt);
    if (alone) {
      for (Group other : pressure.groups.reversed()) {
        StoryGroup rest = other.away.orElseThrow();
        if (!expected && rest != away && rest.numBlocksHere() > 0) {
          giveUpRest(world, rest);
          expected = tryRestore(world, away, feeder, 0, attempt);
          world.outcomes.count("others give up the rest");
        }
      }
    }
    Comparison.require(isBack == expected, "restored", isBack, away);
    if (isBack) {
      first.get().away = Optional.empty();
    }
    world.outcomes.count(
        isBack ? "restored" : attempt == Attempt.FAILED ? "restore failed" : "restore refused");
  }

  private enum Attempt {
    MADE,
    FAILED
  }

  private static boolean tryRestore(
      StoryWorld world, StoryGroup away, Leaving.Feeder feeder, int spare, Attempt attempt) {
    boolean failed = attempt == Attempt.FAILED;
    if (!world.pool.hasRoomFor(spare)) {
      Comparison.require(!failed, "restored without room to spare", spare);
      return false;
    }
    world.pool.promise(spare);
    boolean hasRoom = isSwapped(away) ? away.canComeBack(world) : !away.isRestoreRefused(world);
    Comparison.require(hasRoom || !failed, "restored without room", away);
    if (hasRoom && isSwapped(away)) {
      if (failed) {
        away.failedToComeBack(world);
      } else {
        away.isBack(world);
      }
    } else if (hasRoom) {
      away.restored(world, feeder.fed, failed);
    }
    world.pool.numReserved -= spare;
    return hasRoom && !failed;
  }

  private static void giveUpRest(StoryWorld world, StoryGroup rest) {
    int numFreeSlots = world.numSlots - Leaving.numSlotsTaken(world);
    boolean stays = isSwapped(rest) && StoryGroup.numBlocks(rest.members, 0) <= numFreeSlots;
    rest.leftFrom(
        world, 0, stays ? PreemptionCost.Preemption.SWAP : PreemptionCost.Preemption.RECOMPUTE);
  }

  private static void leave(StoryWorld world) {
    world.choices.pick(world.pressure.groups).ifPresent(group -> leave(world, group));
  }

  private static void leave(StoryWorld world, Group group) {
    world.pressure.preemptor.leave(group.real);
    world.pressure.groups.remove(group);
    group.members.forEach(member -> member.entered = Optional.empty());
    if (group.away.isPresent()) {
      group.away.get().members.forEach(world.sequences::closed);
      world.outcomes.count("leave while away");
    }
  }

  /** Nobody waits for ever: when all that run are done, each of the others comes back. */
  @Override
  public void end(StoryWorld world) {
    world.sequences.closePromises();
    world.advance(PINS_NANOS_MAX);
    List.copyOf(world.sequences.all).stream()
        .filter(sequence -> sequence.entered.isEmpty())
        .forEach(world.sequences::close);
    List<Group> groups = world.pressure.groups;
    while (!groups.isEmpty()) {
      for (Group group : List.copyOf(groups)) {
        if (group.away.isEmpty()) {
          List<StorySequence> members = List.copyOf(group.members);
          leave(world, group);
          members.forEach(world.sequences::close);
        }
      }
      int numLeft = groups.size();
      restoreNext(world);
      Comparison.require(
          numLeft == 0 || world.pressure.numWaiting() < numLeft,
          "nobody comes back to an empty cache",
          world.pool.numAvailable());
    }
  }
}
