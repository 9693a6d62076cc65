package dev.pagoda.story;

import dev.pagoda.KvSequence;
import dev.pagoda.PlantedFailure;
import dev.pagoda.Step;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.tier.DroppedGroup;
import dev.pagoda.tier.SwappedGroup;
import dev.pagoda.tier.TokenFeeder;
import dev.pagoda.tier.file.FiledGroup;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/** Groups that leave, whole or their last blocks, in every way, and come back. */
final class Leaving implements Concern {
  private static final int GROUPS_MAX = 4;

  @Override
  public List<Weighted> operations() {
    return List.of(
        new Weighted("swap out", 3, Leaving::swapOut),
        new Weighted("drop group", 2, Leaving::drop),
        new Weighted("file", 1, Leaving::file),
        new Weighted("more leaves", 2, Leaving::moreLeaves),
        new Weighted("move on", 1, Leaving::moveOn),
        new Weighted("come back", 7, Leaving::comeBack),
        new Weighted("discard", 1, Leaving::discard));
  }

  static List<KvSequence> real(List<StorySequence> members) {
    return members.stream().map(member -> member.real).toList();
  }

  /** Something that may fail because it was told to; then nothing has changed. */
  private static boolean succeeds(StoryWorld world, Runnable call) {
    try {
      call.run();
      return true;
    } catch (PlantedFailure | UncheckedIOException planted) {
      requirePlanted(world, planted);
      return false;
    }
  }

  static void requirePlanted(StoryWorld world, RuntimeException planted) {
    if (!world.armed || !(world.copies.hasFailed() || world.files.hasFailed())) {
      throw planted;
    }
  }

  static int numSlotsTaken(StoryWorld world) {
    int taken = world.pressure.numSlotsTaken();
    for (StoryGroup group : world.groups) {
      taken += group.handle instanceof SwappedGroup ? group.numBlocks() : 0;
    }
    return taken;
  }

  private static boolean hasSlots(StoryWorld world, int count) {
    return count <= world.numSlots - numSlotsTaken(world);
  }

  private static int someCut(StoryWorld world) {
    return world.choices.nextBoolean() ? 0 : world.choices.nextInt(6);
  }

  private static List<StorySequence> leavers(StoryWorld world) {
    return world.groups.size() < GROUPS_MAX ? world.sequences.anyGroup() : List.of();
  }

  private static void swapOut(StoryWorld world) {
    List<StorySequence> members = leavers(world);
    if (members.isEmpty()) {
      return;
    }
    int cut = someCut(world);
    int needed = StoryGroup.numBlocks(members, cut);
    if (!hasSlots(world, needed)) {
      OutOfBlocksException refused =
          Comparison.requireRefused(() -> world.space.swapOutTail(real(members), cut));
      Comparison.require(refused.needed() == needed, "slots needed", refused.getMessage());
      world.outcomes.count("swap refused for lack of host slots");
      return;
    }
    List<SwappedGroup> out = new ArrayList<>();
    if (!succeeds(world, () -> out.add(world.space.swapOutTail(real(members), cut)))) {
      world.outcomes.count("swap out failed");
      return;
    }
    SwappedGroup handle = out.getFirst();
    Comparison.require(handle.numBlocks() == needed, "blocks swapped out", handle);
    world.groups.add(StoryGroup.left(world, members, cut, handle));
    world.outcomes.count(cut > 0 ? "swap out of a tail" : "swap out");
  }

  private static void drop(StoryWorld world) {
    List<StorySequence> members = leavers(world);
    if (!members.isEmpty()) {
      int cut = someCut(world);
      DroppedGroup handle = DroppedGroup.dropTail(world.cache, real(members), cut);
      world.groups.add(StoryGroup.left(world, members, cut, handle));
      world.outcomes.count(cut > 0 ? "drop of a tail" : "drop");
    }
  }

  private static void file(StoryWorld world) {
    List<StorySequence> members = leavers(world);
    if (members.isEmpty()) {
      return;
    }
    List<FiledGroup> out = new ArrayList<>();
    boolean done = succeeds(world, () -> out.add(world.folder.swapOut(real(members))));
    if (done) {
      world.groups.add(StoryGroup.left(world, members, 0, out.getFirst()));
    }
    world.outcomes.count(done ? "filed" : "filing failed");
  }

  /** A group that kept its first blocks gives up some of those too. */
  private static void moreLeaves(StoryWorld world) {
    world
        .choices
        .pick(world.groups.stream().filter(group -> group.cut > 0).toList())
        .ifPresent(group -> {
          int cut = world.choices.nextInt(group.cut);
          if (group.handle instanceof DroppedGroup dropped) {
            dropped.dropMore(cut);
            group.leftFrom(world, cut, dropped);
            world.outcomes.count("more dropped");
          } else if (group.handle instanceof SwappedGroup swapped) {
            swapMore(world, group, swapped, cut);
          }
        });
  }

  private static void swapMore(StoryWorld world, StoryGroup group, SwappedGroup swapped, int cut) {
    List<StorySequence> members = group.members;
    int further = StoryGroup.numBlocks(members, cut);
    if (!hasSlots(world, further)) {
      Comparison.requireRefused(() -> world.space.swapOutMore(swapped, cut));
      world.outcomes.count("swap of more refused for lack of host slots");
      return;
    }
    List<SwappedGroup> out = new ArrayList<>();
    if (succeeds(world, () -> out.add(world.space.swapOutMore(swapped, cut)))) {
      group.leftFrom(world, cut, out.getFirst());
      Comparison.require(
          out.getFirst().numBlocks() == group.numBlocks(), "blocks swapped", out.getFirst());
      world.outcomes.count("more swapped out");
    } else {
      world.outcomes.count("swap out of more failed");
    }
  }

  /** From host slots to a file, back, or to nowhere. */
  private static void moveOn(StoryWorld world) {
    world
        .choices
        .pick(world.groups)
        .ifPresent(group -> {
          if (group.handle instanceof SwappedGroup swapped) {
            if (world.choices.nextBoolean()) {
              group.handle = world.space.drop(swapped);
              world.outcomes.count("swapped group dropped");
            } else if (succeeds(
                world, () -> group.handle = world.folder.push(world.space, swapped))) {
              world.outcomes.count("pushed to a file");
            } else {
              world.outcomes.count("push failed");
            }
          } else if (group.handle instanceof FiledGroup filed) {
            if (!hasSlots(world, group.numBlocks())) {
              Comparison.requireRefused(() -> world.folder.pull(filed, world.space));
              world.outcomes.count("pull refused for lack of host slots");
            } else if (succeeds(
                world, () -> group.handle = world.folder.pull(filed, world.space))) {
              world.outcomes.count("pulled from a file");
            } else {
              world.outcomes.count("pull failed");
            }
          }
        });
  }

  private static void comeBack(StoryWorld world) {
    world.choices.pick(world.groups).ifPresent(group -> comeBack(world, group));
  }

  private static void comeBack(StoryWorld world, StoryGroup group) {
    switch (group.handle) {
      case SwappedGroup swapped ->
          moveIn(world, group, "swap in", () -> world.space.swapIn(swapped));
      case FiledGroup filed ->
          moveIn(world, group, "back from a file", () -> world.folder.swapIn(filed));
      case DroppedGroup dropped -> restore(world, group, dropped);
      default -> throw new AssertionError(group);
    }
  }

  private static void moveIn(StoryWorld world, StoryGroup group, String what, Runnable move) {
    if (!group.canComeBack(world)) {
      world.comparison.requireShortage(Comparison.requireRefused(move));
      world.outcomes.count(what + " refused");
    } else if (succeeds(world, move)) {
      group.isBack(world);
      world.groups.remove(group);
      world.outcomes.count(what);
    } else {
      group.failedToComeBack(world);
      world.outcomes.count(what + " failed");
    }
  }

  /** Computes tokens again that sequences had, and remembers it; fails at one if told to. */
  static final class Feeder implements TokenFeeder {
    private final StoryWorld world;
    private final List<StorySequence> members;
    private int feedsUntilFailure;
    private boolean failed;
    final List<StoryGroup.Fed> fed = new ArrayList<>();

    Feeder(StoryWorld world, List<StorySequence> members) {
      this.world = world;
      this.members = members;
      feedsUntilFailure = world.armed ? world.choices.nextInt(1, 3) : 0;
    }

    boolean hasFailed() {
      return failed;
    }

    @Override
    public void feed(KvSequence sequence, int fromPosition, int toPosition) {
      feedsUntilFailure--;
      if (feedsUntilFailure == 0) {
        failed = true;
        append(sequence, fromPosition, fromPosition + 1);
        throw new UnsupportedOperationException("planted in the feeder");
      }
      int middle = world.choices.nextInt(fromPosition, toPosition);
      if (middle > fromPosition) {
        append(sequence, fromPosition, middle);
      }
      append(sequence, middle, toPosition);
    }

    private void append(KvSequence real, int from, int to) {
      StorySequence sequence =
          members.stream().filter(member -> member.real == real).findFirst().orElseThrow();
      int before = real.numBlocksHere();
      try (Step step = world.cache.newStep()) {
        step.append(real, to - from).begin();
        world.write(step, sequence.ids.histories(from, to));
        step.commit();
      }
      fed.add(new StoryGroup.Fed(sequence, to, real.numBlocksHere() - before));
    }
  }

  private static void restore(StoryWorld world, StoryGroup group, DroppedGroup dropped) {
    Feeder feeder = new Feeder(world, group.members);
    if (group.isRestoreRefused(world)) {
      Comparison.requireRefused(() -> dropped.restore(feeder));
      Comparison.require(feeder.fed.isEmpty(), "computed in vain", feeder.fed);
      world.outcomes.count("recompute refused");
      return;
    }
    try {
      dropped.restore(feeder);
    } catch (UnsupportedOperationException planted) {
      Comparison.require(feeder.hasFailed(), "failure of the feeder", planted);
    }
    group.restored(world, feeder.fed, feeder.hasFailed());
    if (feeder.hasFailed()) {
      world.outcomes.count("recompute failed");
    } else {
      world.groups.remove(group);
      world.outcomes.count("recompute");
    }
  }

  private static void discard(StoryWorld world) {
    world.choices.pick(world.groups).ifPresent(group -> discard(world, group));
  }

  private static void discard(StoryWorld world, StoryGroup group) {
    switch (group.handle) {
      case SwappedGroup swapped -> world.space.discard(swapped);
      case FiledGroup filed -> world.folder.discard(filed);
      default -> group.members.forEach(member -> member.real.close());
    }
    group.members.forEach(world.sequences::closed);
    world.groups.remove(group);
    world.outcomes.count("group discarded");
  }

  @Override
  public void end(StoryWorld world) {
    for (StoryGroup group : List.copyOf(world.groups)) {
      comeBack(world, group);
    }
    List.copyOf(world.groups).forEach(group -> discard(world, group));
  }
}
