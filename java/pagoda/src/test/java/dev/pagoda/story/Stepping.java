package dev.pagoda.story;

import dev.pagoda.Step;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.prefix.PrefixMatch;
import java.util.ArrayList;
import java.util.Arrays;
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
    return List.of(new Weighted("step", 24, this::step), new Weighted("tell", 3, Stepping::tell));
  }

  private static final class Entry {
    final StorySequence sequence;
    final List<Integer> added;
    final int numBlocksBefore;
    Optional<StoryBlock> original = Optional.empty();

    Entry(StorySequence sequence, List<Integer> added) {
      this.sequence = sequence;
      this.added = added;
      numBlocksBefore = sequence.blocks.size();
    }
  }

  private void step(StoryWorld world) {
    List<StorySequence> idle = new ArrayList<>(world.idleSequences());
    List<Entry> entries = new ArrayList<>();
    try (Step step = world.cache.newStep()) {
      int count = Math.min(idle.size(), 1 + world.random.nextInt(3));
      for (int i = 0; i < count; i++) {
        StorySequence sequence = idle.remove(world.random.nextInt(idle.size()));
        entries.add(new Entry(sequence, tokensFor(world, sequence)));
        step.append(sequence.real, entries.getLast().added.size());
      }
      if (!entries.isEmpty()) {
        run(world, step, entries);
      }
    }
  }

  /** The rest of a prompt, or some tokens that follow. */
  private static List<Integer> tokensFor(StoryWorld world, StorySequence sequence) {
    List<Integer> added = new ArrayList<>();
    int missing = sequence.told.size() - sequence.length();
    if (missing > 0) {
      int from = sequence.length();
      int count = world.random.nextInt(4) > 0 ? missing : 1 + world.random.nextInt(missing);
      added.addAll(sequence.told.subList(from, from + count));
    } else {
      int count = 1 + world.random.nextInt(world.random.nextInt(3) == 0 ? 2 * world.blockSize : 1);
      for (int i = 0; i < count; i++) {
        added.add(world.token());
      }
      // Told ahead, or only once it is there, or never: then they are drafts.
      if (sequence.tokens.isPresent()
          && sequence.told.size() == sequence.length()
          && world.random.nextInt(3) > 0) {
        sequence.tokens.get().append(added.stream().mapToInt(t -> t).toArray());
        sequence.told.addAll(added);
      }
    }
    return added;
  }

  /** Ids of tokens that are there already. */
  private static void tell(StoryWorld world) {
    world
        .anyIdle()
        .filter(sequence -> sequence.tokens.isPresent())
        .ifPresent(sequence -> {
          int from = sequence.told.size();
          if (from < sequence.length()) {
            List<Integer> accepted =
                sequence.ids.subList(
                    from, from + 1 + world.random.nextInt(sequence.length() - from));
            sequence.tokens.get().append(accepted.stream().mapToInt(t -> t).toArray());
            sequence.told.addAll(List.copyOf(accepted));
          }
          if (world.random.nextBoolean()) {
            int before = world.shelves.size();
            sequence.tokens.get().publish();
            world.publish(sequence, sequence.told, sequence.options);
            StoryWorld.require(
                world.prefixes.statistics().numBlocks() == world.shelves.size(),
                "published beside " + before,
                world.prefixes.statistics());
          }
        });
  }

  private static int needed(StoryWorld world, List<Entry> entries) {
    int needed = 0;
    Map<StoryBlock, List<Entry>> sharers = new LinkedHashMap<>();
    for (Entry entry : entries) {
      StorySequence sequence = entry.sequence;
      int length = sequence.length() + entry.added.size();
      needed += world.blocksFor(length) - sequence.blocks.size();
      if (sequence.length() % world.blockSize != 0
          && !world.isWritable(sequence.blocks.getLast())) {
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

  private void run(StoryWorld world, Step step, List<Entry> entries) {
    int needed = needed(world, entries);
    if (!world.hasRoomFor(needed)) {
      OutOfBlocksException out = expectRefusal(step::begin);
      StoryWorld.require(
          out.free() == world.numFree && out.reclaimable() == world.numReclaimable(),
          "refusal",
          out.getMessage());
      return;
    }
    step.begin();
    begun(world, entries, world.take(needed));
    long[] rows = new long[step.numTokens()];
    int row = 0;
    for (Entry entry : entries) {
      List<Integer> all = new ArrayList<>(entry.sequence.ids);
      all.addAll(entry.added);
      long[] histories = world.histories(entry.sequence.tenant, all);
      int from = entry.sequence.length();
      System.arraycopy(histories, from, rows, row, entry.added.size());
      row += entry.added.size();
    }
    world.write(step, rows);
    if (world.depth == 0 && world.random.nextInt(4) == 0) {
      world.depth++;
      requireInvisible(world, entries.getFirst());
      meanwhile.perform(world);
      world.check();
      world.depth--;
    }
    if (world.random.nextInt(5) > 0) {
      step.commit();
      committed(world, entries);
    } else {
      step.rollback();
      rolledBack(world, entries);
    }
  }

  /** What is not committed is not found, unless somebody else committed the same. */
  private static void requireInvisible(StoryWorld world, Entry entry) {
    List<Integer> all = new ArrayList<>(entry.sequence.ids);
    all.addAll(entry.added);
    all.add(0);
    int[] prompt = all.stream().mapToInt(t -> t).toArray();
    PrefixMatch match = world.prefixes.probe(prompt, world.namespace(entry.sequence.tenant));
    StoryWorld.require(
        match.cachedTokens() == Prefixing.expected(world, entry.sequence.tenant, prompt),
        "found while uncommitted",
        match);
  }

  static OutOfBlocksException expectRefusal(Runnable call) {
    try {
      call.run();
    } catch (OutOfBlocksException expected) {
      return expected;
    }
    throw new AssertionError("cache and reference disagree: refused=false");
  }

  private static void begun(StoryWorld world, List<Entry> entries, List<StoryBlock> taken) {
    int next = 0;
    for (Entry entry : entries) {
      List<StoryBlock> blocks = entry.sequence.blocks;
      if (entry.original.isPresent()) {
        blocks.set(blocks.size() - 1, taken.get(next++));
      }
      int length = entry.sequence.length() + entry.added.size();
      while (blocks.size() < world.blocksFor(length)) {
        blocks.add(taken.get(next++));
      }
      entry.sequence.busy = true;
    }
  }

  private static void committed(StoryWorld world, List<Entry> entries) {
    for (Entry entry : entries) {
      entry.original.ifPresent(world::release);
      entry.sequence.ids.addAll(entry.added);
      entry.sequence.busy = false;
    }
    for (Entry entry : entries) {
      if (entry.sequence.tokens.isPresent() && entry.sequence.options.write()) {
        world.publish(entry.sequence, entry.sequence.told, entry.sequence.options);
      }
    }
  }

  private static void rolledBack(StoryWorld world, List<Entry> entries) {
    for (Entry entry : entries.reversed()) {
      List<StoryBlock> blocks = entry.sequence.blocks;
      world.releaseFrom(blocks, entry.numBlocksBefore);
      entry.original.ifPresent(original -> world.release(blocks.set(blocks.size() - 1, original)));
      entry.sequence.busy = false;
    }
  }

  @Override
  public String toString() {
    return "Stepping" + Arrays.asList(operations());
  }
}
