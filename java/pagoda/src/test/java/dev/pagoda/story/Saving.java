package dev.pagoda.story;

import dev.pagoda.KvSequence;
import dev.pagoda.PlantedFailure;
import dev.pagoda.prefix.OpenOptions;
import dev.pagoda.tier.file.RestoredGroup;
import dev.pagoda.tier.file.StoryFiles;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Groups saved to files, and restored beside those that were saved, or after a restart. */
final class Saving implements Concern {
  private static final int FILES = 3;
  private static final int[] NO_IDS = {};

  /** What a file must hold. */
  record Saved(
      List<Tokens> tokens, List<String> tenants, List<int[]> tokenIds, List<int[]> tables) {
    int numBlocks() {
      return 1 + tables.stream().flatMapToInt(Arrays::stream).max().orElse(-1);
    }
  }

  @Override
  public List<Weighted> operations() {
    return List.of(
        new Weighted("save", 2, Saving::save), new Weighted("restore", 3, Saving::restore));
  }

  private static void save(StoryWorld world) {
    List<StorySequence> members = world.sequences.anyGroup();
    if (members.isEmpty()) {
      return;
    }
    int number = world.choices.nextInt(FILES);
    List<int[]> tokenIds = new ArrayList<>();
    for (StorySequence member : members) {
      tokenIds.add(world.choices.nextBoolean() ? member.ids.ids() : NO_IDS);
    }
    try {
      save(world, members, tokenIds, number);
      world.outcomes.count("save");
    } catch (PlantedFailure | UncheckedIOException planted) {
      Leaving.requirePlanted(world, planted);
      world.outcomes.count("save failed");
      world.counts.forks += members.size();
      world.disarm();
      save(world, members, tokenIds, number); // the old file or the new one: from here on this one
    }
    world.counts.forks += members.size();
    world.saved.set(number, Optional.of(saved(members, tokenIds)));
  }

  private static void save(
      StoryWorld world, List<StorySequence> members, List<int[]> tokenIds, int number) {
    world.store.save(Leaving.real(members), tokenIds, StoryFiles.saved(number));
  }

  private static Saved saved(List<StorySequence> members, List<int[]> tokenIds) {
    List<StoryBlock> distinct = new ArrayList<>();
    List<int[]> tables = new ArrayList<>();
    for (StorySequence member : members) {
      int[] table = new int[member.blocks.size()];
      for (int i = 0; i < table.length; i++) {
        if (!distinct.contains(member.blocks.get(i))) {
          distinct.add(member.blocks.get(i));
        }
        table[i] = distinct.indexOf(member.blocks.get(i));
      }
      tables.add(table);
    }
    return new Saved(
        members.stream().map(member -> member.ids.copy(member.length())).toList(),
        members.stream().map(member -> member.tenant).toList(),
        tokenIds,
        tables);
  }

  private static void restore(StoryWorld world) {
    int number = world.choices.nextInt(FILES);
    Optional<Saved> saved = world.saved.get(number);
    if (saved.isEmpty()) {
      try {
        var _ = world.store.restore(StoryFiles.saved(number));
        throw new AssertionError("restored what was never saved: number=" + number);
      } catch (UncheckedIOException missing) {
        world.outcomes.count("restore of a missing file");
      }
    } else if (world.sequences.roomFor(saved.get().tables.size())) {
      restore(world, number, saved.get());
    }
  }

  private static void restore(StoryWorld world, int number, Saved saved) {
    RestoredGroup group;
    long allocations = world.cache.statistics().blocks().numAllocations();
    boolean fits = saved.numBlocks() <= world.pool.numAvailable();
    try {
      if (!fits) {
        var _ = Comparison.requireRefused(() -> world.store.restore(StoryFiles.saved(number)));
        var _ = world.pool.hasRoomFor(saved.numBlocks());
        world.outcomes.count("restore of a file refused");
        return;
      }
      group = world.store.restore(StoryFiles.saved(number));
    } catch (PlantedFailure | UncheckedIOException planted) {
      Leaving.requirePlanted(world, planted);
      if (world.cache.statistics().blocks().numAllocations() > allocations) {
        world.pool.releaseFrom(new ArrayList<>(world.pool.take(saved.numBlocks(), 0)), 0);
      }
      world.outcomes.count("restore of a file failed");
      return;
    }
    List<StoryBlock> blocks = world.pool.take(saved.numBlocks(), 0);
    boolean[] handedOut = new boolean[blocks.size()];
    for (int i = 0; i < saved.tables.size(); i++) {
      KvSequence real = group.sequences().get(i);
      StorySequence sequence =
          world.sequences.add(real, Optional.empty(), saved.tenants.get(i), OpenOptions.DEFAULT);
      sequence.ids.append(saved.tokens.get(i).ids());
      for (int block : saved.tables.get(i)) {
        if (handedOut[block]) {
          world.pool.retain(blocks.get(block));
        }
        handedOut[block] = true;
        sequence.blocks.add(blocks.get(block));
      }
      Comparison.require(
          Arrays.equals(group.tokenIds(i), saved.tokenIds.get(i)), "token ids", sequence, i);
      world.comparison.check(sequence, 0);
    }
    world.outcomes.count("restore of a file");
  }
}
