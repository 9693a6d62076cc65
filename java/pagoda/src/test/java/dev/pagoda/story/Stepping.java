package dev.pagoda.story;

import dev.pagoda.PlantedFailure;
import dev.pagoda.Step;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.prefix.PrefixMatch;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Steps over several sequences, prompts and decoding mixed; drafts; other things meanwhile. */
final class Stepping implements Concern {
  private final Operation meanwhile;

  Stepping(Operation meanwhile) {
    this.meanwhile = meanwhile;
  }

  @Override
  public List<Weighted> operations() {
    return List.of(new Weighted("step", 50, this::step));
  }

  /** What a sequence gets in a step. */
  static final class Entry {
    final StorySequence sequence;
    final int[] added;
    private final int numBlocksBefore;
    private Optional<StoryBlock> original = Optional.empty();
    private int numPromised;

    Entry(StorySequence sequence, int... added) {
      this.sequence = sequence;
      this.added = added;
      numBlocksBefore = sequence.blocks.size();
    }

    private int newLength() {
      return sequence.length() + added.length;
    }

    private int numTaken(StoryWorld world) {
      return world.blocksFor(newLength()) - numBlocksBefore + (original.isPresent() ? 1 : 0);
    }
  }

  /** How a step ended. */
  enum Ending {
    COMMITTED,
    ROLLED_BACK,
    REFUSED,
    FAILED
  }

  private void step(StoryWorld world) {
    List<StorySequence> idle =
        new ArrayList<>(world.sequences.idle().stream().filter(s -> !s.decoded).toList());
    List<Entry> entries = new ArrayList<>();
    try (Step step = world.cache.newStep()) {
      int count = Math.min(idle.size(), 1 + world.choices.nextInt(3));
      for (int i = 0; i < count; i++) {
        StorySequence sequence = idle.remove(world.choices.nextInt(idle.size()));
        entries.add(new Entry(sequence, tokensFor(world, sequence)));
        step.append(sequence.real, entries.getLast().added.length);
      }
      if (entries.isEmpty()) {
        return;
      }
      Ending ending = run(world, step, entries, meanwhile);
      if (ending == Ending.REFUSED && world.depth == 0) {
        again(world, step, entries);
      }
    }
  }

  /** Somebody makes room, and the same step finds it. */
  private void again(StoryWorld world, Step step, List<Entry> before) {
    List<Entry> entries = before.stream().map(e -> new Entry(e.sequence, e.added)).toList();
    int needed = needed(world, entries);
    if (!Pressing.makeRoom(world, needed, entries.stream().map(e -> e.sequence).toList())) {
      return;
    }
    world.disarm();
    entries = before.stream().map(e -> new Entry(e.sequence, e.added)).toList();
    entries.forEach(entry -> step.append(entry.sequence.real, entry.added.length));
    Ending ending = run(world, step, entries, meanwhile);
    Comparison.require(ending != Ending.REFUSED, "step after room was made", ending);
    world.outcomes.count("step after room was made");
  }

  /** The rest of a prompt, or some tokens that follow. */
  private static int[] tokensFor(StoryWorld world, StorySequence sequence) {
    int missing = sequence.told.length() - sequence.length();
    if (missing > 0) {
      int from = sequence.length();
      int count = world.choices.nextInt(4) > 0 ? missing : 1 + world.choices.nextInt(missing);
      return sequence.told.ids(from, from + count);
    }
    int[] added =
        new int[1 + world.choices.nextInt(world.choices.nextInt(3) == 0 ? 2 * world.blockSize : 1)];
    for (int i = 0; i < added.length; i++) {
      added[i] = world.choices.token();
    }
    // Told ahead, or only once it is there, or never: then they are drafts.
    if (sequence.tokens.isPresent()
        && sequence.told.length() == sequence.length()
        && world.choices.nextInt(3) > 0) {
      sequence.tokens.get().append(added);
      sequence.told.append(added);
    }
    return added;
  }

  private static int needed(StoryWorld world, List<Entry> entries) {
    int needed = 0;
    Map<StoryBlock, List<Entry>> sharers = new LinkedHashMap<>();
    for (Entry entry : entries) {
      StorySequence sequence = entry.sequence;
      needed += world.blocksFor(entry.newLength()) - sequence.blocks.size();
      if (sequence.length() % world.blockSize != 0
          && !world.pool.isWritable(sequence.blocks.getLast())) {
        sharers.computeIfAbsent(sequence.blocks.getLast(), b -> new ArrayList<>()).add(entry);
      }
    }
    for (Map.Entry<StoryBlock, List<Entry>> shared : sharers.entrySet()) {
      List<Entry> writers = shared.getValue();
      if (writers.size() == shared.getKey().owners && shared.getKey().shelf == Shelf.NONE) {
        Entry longest = writers.getFirst();
        for (Entry entry : writers) {
          longest = entry.sequence.length() >= longest.sequence.length() ? entry : longest;
        }
        writers.remove(longest);
      }
      writers.forEach(entry -> entry.original = Optional.of(shared.getKey()));
      needed += writers.size();
    }
    return needed;
  }

  /** Runs a step that was planned, with what it does to the reference. */
  static Ending run(StoryWorld world, Step step, List<Entry> entries, Operation meanwhile) {
    int needed = needed(world, entries);
    int promised = 0;
    for (Entry entry : entries) {
      entry.numPromised = entry.sequence.promise.use(entry.numTaken(world));
      promised += entry.numPromised;
    }
    if (!world.pool.hasRoomFor(needed - promised)) {
      entries.forEach(entry -> entry.sequence.promise.left += entry.numPromised);
      OutOfBlocksException refused = Comparison.requireRefused(step::begin);
      world.comparison.requireShortage(refused);
      world.outcomes.count("step refused");
      return Ending.REFUSED;
    }
    boolean failed = false;
    try {
      step.begin();
    } catch (PlantedFailure planted) {
      failed = true;
    }
    List<Shelf> idle = world.pool.idle.stream().map(block -> block.shelf).toList();
    begun(world, entries, world.pool.take(needed, promised));
    if (failed) {
      int numVictims = (int) idle.stream().filter(shelf -> !shelf.live).count();
      int numLost = numLost(entries, needed - promised - numVictims);
      rolledBack(world, entries);
      world.counts.evicted -= world.shelves.putBack(idle, numLost);
      world.outcomes.count("step failed to begin");
      world.outcomes.count("victims put back", numVictims - numLost);
      world.outcomes.count("victims lost to a failed copy", numLost);
      return Ending.FAILED;
    }
    long copied = entries.stream().filter(entry -> entry.original.isPresent()).count();
    world.counts.copies += copied;
    if (copied > 0) {
      world.outcomes.count("copy on write");
    }
    if (promised > 0) {
      world.outcomes.count("step took promised blocks");
    }
    world.write(step, histories(entries, step.numTokens()));
    if (world.depth == 0 && world.choices.nextInt(4) == 0) {
      world.depth++;
      requireInvisible(world, entries.getFirst());
      meanwhile.perform(world);
      world.comparison.check();
      world.depth--;
    }
    if (world.choices.nextInt(5) > 0) {
      step.commit();
      committed(world, entries);
      world.outcomes.count("commit");
      return Ending.COMMITTED;
    }
    step.rollback();
    rolledBack(world, entries);
    world.counts.rollbacks++;
    world.outcomes.count("rollback");
    return Ending.ROLLED_BACK;
  }

  /** Copies that found no free block, promised or not, overwrite blocks given up for the step. */
  private static int numLost(List<Entry> entries, int numFree) {
    long numCopies =
        entries.stream().filter(e -> e.original.isPresent() && e.numPromised == 0).count();
    return Math.max(0, Math.toIntExact(numCopies) - numFree);
  }

  private static long[] histories(List<Entry> entries, int numRows) {
    long[] rows = new long[numRows];
    int row = 0;
    for (Entry entry : entries) {
      Tokens longer = entry.sequence.ids.copy(entry.sequence.length());
      longer.append(entry.added);
      long[] added = longer.histories(entry.sequence.length(), longer.length());
      System.arraycopy(added, 0, rows, row, added.length);
      row += added.length;
    }
    return rows;
  }

  /** What is not committed is not found, unless somebody else committed the same. */
  private static void requireInvisible(StoryWorld world, Entry entry) {
    Tokens prompt = entry.sequence.ids.copy(entry.sequence.length());
    prompt.append(entry.added);
    prompt.append(0);
    PrefixMatch match =
        world.prefixes.probe(prompt.ids(), Tenants.namespace(entry.sequence.tenant));
    Comparison.require(
        match.cachedTokens() == Prefixing.expected(world, prompt),
        "found while uncommitted",
        match);
  }

  private static void begun(StoryWorld world, List<Entry> entries, List<StoryBlock> taken) {
    int next = 0;
    for (Entry entry : entries) {
      List<StoryBlock> blocks = entry.sequence.blocks;
      if (entry.original.isPresent()) {
        blocks.set(blocks.size() - 1, taken.get(next++));
      }
      while (blocks.size() < world.blocksFor(entry.newLength())) {
        blocks.add(taken.get(next++));
      }
      entry.sequence.busy = true;
    }
  }

  private static void committed(StoryWorld world, List<Entry> entries) {
    for (Entry entry : entries) {
      entry.original.ifPresent(world.pool::release);
      entry.sequence.ids.append(entry.added);
      entry.sequence.busy = false;
    }
    world.counts.commits++;
    entries.forEach(entry -> world.sequences.committed(entry.sequence, entry.sequence.length()));
  }

  private static void rolledBack(StoryWorld world, List<Entry> entries) {
    for (Entry entry : entries.reversed()) {
      StoryPromise promise = entry.sequence.promise;
      List<StoryBlock> blocks = entry.sequence.blocks;
      int room = Math.min(entry.numPromised, promise.room());
      int freed = world.pool.releaseFrom(blocks, entry.numBlocksBefore);
      if (entry.original.isPresent()) {
        StoryBlock copy = blocks.set(blocks.size() - 1, entry.original.get());
        freed += world.pool.release(copy) ? 1 : 0;
      }
      promise.freed(freed, room);
      entry.sequence.busy = false;
    }
  }
}
