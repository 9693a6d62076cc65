package dev.pagoda.story;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Sequences that left together, whole or from a block index on, and how they were. */
final class StoryGroup {
  static final StoryGroup NOBODY = new StoryGroup(List.of(), 0, "nobody");

  final List<StorySequence> members;

  /** What the real one calls them: its type says where they are. */
  Object handle;

  int cut;

  /** The tables when they left, with the blocks that were kept. */
  private final List<List<StoryBlock>> tables = new ArrayList<>();

  private StoryGroup(List<StorySequence> members, int cut, Object handle) {
    this.members = List.copyOf(members);
    this.cut = cut;
    this.handle = handle;
    members.forEach(member -> tables.add(List.copyOf(member.blocks)));
  }

  /** Distinct blocks of some sequences from an index on. */
  static int numBlocks(List<StorySequence> members, int cut) {
    Set<StoryBlock> distinct = new HashSet<>();
    members.forEach(member -> distinct.addAll(behind(member.blocks, cut)));
    return distinct.size();
  }

  private static List<StoryBlock> behind(List<StoryBlock> blocks, int cut) {
    return blocks.subList(Math.min(cut, blocks.size()), blocks.size());
  }

  /** The real ones have left. */
  static StoryGroup left(StoryWorld world, List<StorySequence> members, int cut, Object handle) {
    StoryGroup group = new StoryGroup(members, cut, handle);
    members.forEach(member -> member.promise.park());
    group.cutOff(world);
    members.forEach(member -> member.away = true);
    return group;
  }

  private void cutOff(StoryWorld world) {
    for (StorySequence member : members) {
      world.pool.releaseFrom(member.blocks, Math.min(cut, member.blocks.size()));
    }
  }

  /** More blocks have left. */
  void leftFrom(StoryWorld world, int newCut, Object newHandle) {
    cut = newCut;
    handle = newHandle;
    cutOff(world);
  }

  int numBlocks() {
    Set<StoryBlock> distinct = new HashSet<>();
    tables.forEach(table -> distinct.addAll(behind(table, cut)));
    return distinct.size();
  }

  int numBlocksHere() {
    return members.stream().mapToInt(member -> member.blocks.size()).max().orElse(0);
  }

  /** Whether there is room for all of it; counts a refusal if not. */
  boolean canComeBack(StoryWorld world) {
    return world.pool.hasRoomFor(numBlocks() + StoryPromise.toResume(members));
  }

  /** The real one came back, sharing as before. */
  void isBack(StoryWorld world) {
    int numPromised = StoryPromise.toResume(members);
    List<StoryBlock> taken = world.pool.take(numBlocks() + numPromised, 0);
    for (StoryBlock promised : taken.subList(numBlocks(), taken.size())) {
      world.pool.release(promised);
    }
    world.pool.numReserved += numPromised;
    members.forEach(member -> member.promise.unpark());
    handOut(world, taken);
  }

  /** Gives the members blocks, each of which has one owner yet. */
  private void handOut(StoryWorld world, List<StoryBlock> taken) {
    Map<StoryBlock, StoryBlock> renewed = new HashMap<>();
    for (int i = 0; i < members.size(); i++) {
      StorySequence member = members.get(i);
      for (StoryBlock old : behind(tables.get(i), cut)) {
        StoryBlock again = renewed.get(old);
        if (again == null) {
          again = taken.get(renewed.size());
          renewed.put(old, again);
        } else {
          world.pool.retain(again);
        }
        member.blocks.add(again);
      }
      member.away = false;
    }
  }

  /** The real one took its blocks, failed, and is away as before. */
  void failedToComeBack(StoryWorld world) {
    List<StoryBlock> taken = world.pool.take(numBlocks() + StoryPromise.toResume(members), 0);
    world.pool.releaseFrom(new ArrayList<>(taken), 0);
  }

  /** The real one came back with what it had kept. */
  void isBackEmpty(StoryWorld world) {
    world.pool.promise(StoryPromise.toResume(members));
    reopen(world);
    members.forEach(member -> {
      member.ids.truncate(keptLength(world, member));
      member.away = false;
    });
  }

  private static int keptLength(StoryWorld world, StorySequence member) {
    return Math.min(member.length(), member.blocks.size() * world.blockSize);
  }

  private void reopen(StoryWorld world) {
    for (StorySequence member : members) {
      member.promise.unpark();
      int kept = keptLength(world, member);
      if (kept == 0) {
        member.dropped();
      } else {
        member.truncated(kept, world.blockSize);
      }
    }
  }

  /** Of a member's blocks behind the cut, those it can have from one before it, and from whom. */
  private record Source(int index, int numBlocks) {}

  private List<Integer> longestFirst() {
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < members.size(); i++) {
      order.add(i);
    }
    order.sort(Comparator.comparingInt((Integer i) -> members.get(i).length()).reversed());
    return order;
  }

  private Source source(int index, List<Integer> earlier) {
    Source best = new Source(index, 0);
    List<StoryBlock> table = tables.get(index);
    for (int other : earlier) {
      List<StoryBlock> its = tables.get(other);
      int kept = Math.min(cut, table.size());
      if (Math.min(cut, its.size()) == kept
          && table.subList(0, kept).equals(its.subList(0, kept))) {
        int common = Math.min(table.size(), its.size());
        while (common > kept && table.get(common - 1) != its.get(common - 1)) {
          common--;
        }
        if (common - kept > best.numBlocks) {
          best = new Source(other, common - kept);
        }
      }
    }
    return best;
  }

  /** Blocks that it takes to compute the group again. */
  private int numBlocksComputed() {
    List<Integer> order = longestFirst();
    int count = 0;
    for (int turn = 0; turn < order.size(); turn++) {
      int index = order.get(turn);
      count += behind(tables.get(index), cut).size();
      count -= source(index, order.subList(0, turn)).numBlocks;
    }
    return count;
  }

  private void handOutComputed(StoryWorld world, List<StoryBlock> taken) {
    List<Integer> order = longestFirst();
    int next = 0;
    for (int turn = 0; turn < order.size(); turn++) {
      StorySequence member = members.get(order.get(turn));
      Source source = source(order.get(turn), order.subList(0, turn));
      int kept = member.blocks.size();
      for (int i = kept; i < kept + source.numBlocks; i++) {
        StoryBlock shared = members.get(source.index).blocks.get(i);
        world.pool.retain(shared);
        member.blocks.add(shared);
      }
      while (member.blocks.size() < world.blocksFor(member.length())) {
        member.blocks.add(taken.get(next++));
      }
      member.away = false;
    }
  }

  /** What a feeder did for a group that was dropped. */
  record Fed(StorySequence sequence, int length, int numBlocksTaken) {}

  /** Whether computing it again would be refused; if so, what the attempt leaves is done. */
  boolean isRestoreRefused(StoryWorld world) {
    int planned = numBlocksComputed();
    if (!world.pool.hasRoomFor(planned)) {
      return true;
    }
    world.pool.promise(planned);
    if (!world.pool.hasRoomFor(StoryPromise.toResume(members))) {
      world.pool.numReserved -= planned;
      return true;
    }
    return false; // with the blocks of the plan promised
  }

  /**
   * The real one was computed again, or it failed and was dropped again, after {@link
   * #isRestoreRefused} said no.
   */
  void restored(StoryWorld world, List<Fed> fed, boolean failed) {
    int planned = numBlocksComputed();
    world.pool.promise(StoryPromise.toResume(members));
    reopen(world);
    StoryPromise room = new StoryPromise(world.pool, Optional.empty(), planned);
    List<StoryPromise> own = members.stream().map(member -> member.promise).toList();
    members.forEach(member -> draw(member, room));
    int taken = fed.stream().mapToInt(Fed::numBlocksTaken).sum();
    Comparison.require(taken == planned || failed, "blocks computed again", taken, planned);
    List<StoryBlock> blocks = world.pool.take(taken, room.use(taken));
    if (!failed) {
      handOutComputed(world, blocks);
    } else {
      world.pool.releaseFrom(new ArrayList<>(blocks), 0);
    }
    world.counts.commits += fed.size();
    fed.forEach(each -> world.sequences.committed(each.sequence, each.length));
    for (int i = 0; i < own.size(); i++) {
      StoryPromise before = own.get(i).isClosed() ? world.sequences.noPromise : own.get(i);
      world.pool.promise(before.toResume());
      draw(members.get(i), before);
      if (failed) {
        members.get(i).away = true;
      }
    }
    if (failed) {
      members.forEach(member -> member.promise.park());
    }
    room.close();
  }

  private static void draw(StorySequence member, StoryPromise promise) {
    promise.join();
    member.promise.leave(false);
    member.promise = promise;
  }

  @Override
  public String toString() {
    return "group of " + members + " from " + cut + ", " + handle;
  }
}
