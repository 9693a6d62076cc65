package dev.pagoda.story;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.KvSequence;
import dev.pagoda.LateCopies;
import dev.pagoda.LateCopies.Fault;
import dev.pagoda.ModelRun;
import dev.pagoda.PagedKvCache;
import dev.pagoda.PlantedFailure;
import dev.pagoda.Step;
import dev.pagoda.TokenContent;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.Rows;
import dev.pagoda.prefix.Namespace;
import dev.pagoda.prefix.OpenOptions;
import dev.pagoda.prefix.PrefixCache;
import dev.pagoda.prefix.PrefixStories;
import dev.pagoda.prefix.TokenSequence;
import dev.pagoda.tier.HostTier;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.SwappedGroup;
import dev.pagoda.tier.file.DiskTier;
import dev.pagoda.tier.file.DiskTierSettings;
import dev.pagoda.tier.file.FiledGroup;
import dev.pagoda.tier.file.StoryFiles;
import dev.pagoda.tier.file.SwapFolder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Swaps, files and tiers over a backend whose copies are queued, pass later, and whose calls throw
 * with or without having queued them. Blocks and slots are given up, taken and overwritten by the
 * host meanwhile: pins and fences are all that keeps copies from reading or writing another's.
 *
 * <p>The backend checks that no block becomes free while a copy of it is queued; what everybody
 * reads is compared slot by slot.
 */
class QueuedSwapsTest {
  private static final int STEPS_PER_EPISODE = 400;
  private static final int BLOCK_SIZE = 2;
  private static final KvShape SHAPE =
      KvShape.uniform(1, 1, 2, DType.FP32).withBlockSize(BLOCK_SIZE);
  private static final Namespace TENANT = Namespace.of("anna");

  /** A sequence, its tokens, and those that the prefix cache was told are coming. */
  private record Holding(KvSequence sequence, Tokens tokens, Tokens told) {}

  /** Sequences that left together. */
  private static final class Group {
    final List<Holding> members;
    Object handle;

    Group(List<Holding> members, Object handle) {
      this.members = members;
      this.handle = handle;
    }
  }

  private static List<KvSequence> sequencesOf(List<Holding> members) {
    return members.stream().map(Holding::sequence).toList();
  }

  private static final class World {
    private final SplittableRandom random;
    private final LateCopies copies;
    private final HostStorage memory;
    private final PagedKvCache cache;
    private final TokenContent content;
    private final SwapSpace space;
    private final StoryFiles files = new StoryFiles();
    private final SwapFolder folder;
    private final DiskTier disk;
    private final HostTier host;
    private final PrefixCache prefixes;
    private final List<Holding> here = new ArrayList<>();
    private final List<Group> away = new ArrayList<>();
    private final List<int[]> prompts = new ArrayList<>();
    private final Map<String, Integer> outcomes;

    World(long seed, Fault fault, Map<String, Integer> outcomes) {
      this.outcomes = outcomes;
      random = new SplittableRandom(seed);
      copies = new LateCopies(fault);
      memory = LateCopies.allocate(SHAPE, random.nextInt(4, 14));
      cache = copies.open(memory);
      content = new TokenContent(cache.layout());
      space = SwapSpace.open(cache, Capacity.blocks(random.nextInt(2, 8)), Checks.DEBUG);
      folder = files.openFolder(cache);
      disk = files.openTier(cache, DiskTierSettings.ofBytes(1 << 14));
      host = HostTier.open(cache, Capacity.blocks(random.nextInt(1, 5)), disk);
      prefixes =
          PrefixStories.open(
              cache, true, Optional.empty(), host, () -> 1, PrefixStories.Faults.NONE);
    }

    private void count(String outcome) {
      outcomes.merge(outcome, 1, Integer::sum);
    }

    void run(int steps) {
      for (int step = 0; step < steps; step++) {
        copies.failIn(random.nextInt(4) == 0 ? random.nextInt(1, 3) : 0);
        try {
          operate();
        } catch (OutOfBlocksException none) {
          count("refused");
        } catch (PlantedFailure planted) {
          count("failed");
        }
        copies.failIn(0);
        copies.pass(random.nextInt(5) == 0 ? 1 : 0);
        count(copies.numWaiting() > 0 ? "left waiting" : "all passed");
        if (random.nextInt(16) == 0) {
          check();
        }
        cache.checkConservation();
        space.checkConservation();
        host.checkConservation();
      }
      end();
    }

    private void operate() {
      switch (random.nextInt(16)) {
        case 0, 1 -> chat();
        case 2 -> fork();
        case 3, 4, 5, 6 -> swapOut();
        case 7, 8, 9, 10 -> comeBack();
        case 11, 12, 13 -> moveOn();
        case 14 -> discard();
        default -> close();
      }
    }

    /** Opens a prompt, computes what is not cached, and publishes it; or only goes on. */
    private void chat() {
      Holding holding;
      if (here.isEmpty() || random.nextBoolean()) {
        int[] prompt = prompt();
        TokenSequence chat = prefixes.open(prompt, TENANT, OpenOptions.DEFAULT.withoutRoom());
        Tokens told = Tenants.tokens("anna", prompt);
        holding = new Holding(chat.sequence(), told.copy(chat.length()), told);
        here.add(holding);
        if (chat.length() > 0) {
          count("hit");
        }
        append(holding);
      } else {
        append(here.get(random.nextInt(here.size())));
      }
    }

    /** What it was told, or a token that follows. */
    private void append(Holding holding) {
      int from = holding.tokens.length();
      int to = holding.told.length();
      append(holding, from < to ? holding.told.ids(from, to) : new int[] {random.nextInt(3)});
    }

    private int[] prompt() {
      int[] prompt = new int[random.nextInt(1, 4 * BLOCK_SIZE)];
      Arrays.setAll(prompt, _ -> random.nextInt(2));
      if (!prompts.isEmpty() && random.nextInt(3) > 0) {
        int[] earlier = prompts.get(random.nextInt(prompts.size()));
        System.arraycopy(earlier, 0, prompt, 0, Math.min(earlier.length, prompt.length));
      }
      prompts.add(prompt);
      return prompt;
    }

    private void append(Holding holding, int... ids) {
      try (Step step = cache.newStep()) {
        step.append(holding.sequence, ids.length).begin();
        if (random.nextInt(8) == 0) {
          return; // rolled back, with whatever was given up for it on its way to a tier
        }
        Tokens longer = holding.tokens.copy(holding.tokens.length());
        longer.append(ids);
        long[] rows = longer.histories(holding.tokens.length(), longer.length());
        step.write(0, Rows.of(content.keys(0, rows)), Rows.of(content.values(0, rows)));
        holding.tokens.append(ids);
        step.commit();
      }
    }

    private void fork() {
      if (!here.isEmpty()) {
        Holding parent = here.get(random.nextInt(here.size()));
        int length = random.nextInt(parent.tokens.length() + 1);
        Tokens tokens = parent.tokens.copy(length);
        here.add(new Holding(parent.sequence.fork(length), tokens, tokens.copy(0)));
      }
    }

    private void close() {
      if (!here.isEmpty()) {
        here.remove(random.nextInt(here.size())).sequence.close();
      }
    }

    private void swapOut() {
      if (here.isEmpty()) {
        return;
      }
      List<Holding> members = new ArrayList<>();
      for (int i = random.nextInt(1, 1 + Math.min(2, here.size())); i > 0; i--) {
        members.add(here.remove(random.nextInt(here.size())));
      }
      try {
        away.add(
            new Group(
                members,
                random.nextInt(4) > 0
                    ? space.swapOut(sequencesOf(members))
                    : folder.swapOut(sequencesOf(members))));
        count("out");
      } catch (OutOfBlocksException | PlantedFailure refused) {
        here.addAll(members);
        throw refused;
      }
    }

    private Optional<Group> anyAway() {
      return away.isEmpty() ? Optional.empty() : Optional.of(away.get(random.nextInt(away.size())));
    }

    private void comeBack() {
      anyAway()
          .ifPresent(group -> {
            if (group.handle instanceof SwappedGroup swapped) {
              space.swapIn(swapped);
            } else {
              folder.swapIn((FiledGroup) group.handle);
            }
            away.remove(group);
            here.addAll(group.members);
            count("in");
          });
    }

    /** Between host slots and files: the host itself reads and writes slots. */
    private void moveOn() {
      anyAway()
          .ifPresent(group -> {
            group.handle =
                group.handle instanceof SwappedGroup swapped
                    ? folder.push(space, swapped)
                    : folder.pull((FiledGroup) group.handle, space);
            count("moved on");
          });
    }

    private void discard() {
      anyAway()
          .ifPresent(group -> {
            if (group.handle instanceof SwappedGroup swapped) {
              space.discard(swapped);
            } else {
              folder.discard((FiledGroup) group.handle);
            }
            away.remove(group);
          });
    }

    /** What work behind everything that was queued would read. */
    private void check() {
      copies.passAll();
      for (Holding holding : here) {
        assertThat(holding.sequence.length()).isEqualTo(holding.tokens.length());
        String difference =
            content.difference(memory, holding.sequence.blockIds(), holding.tokens.histories(), 0);
        assertThat(difference).as("content").isEmpty();
      }
    }

    private void end() {
      check();
      while (!away.isEmpty()) {
        here.forEach(holding -> holding.sequence.close());
        here.clear();
        comeBack();
        check();
      }
      here.forEach(holding -> holding.sequence.close());
      copies.passAll();
      space.close();
      folder.close();
      prefixes.close();
      host.close();
      disk.close();
      assertThat(cache.statistics().blocks().numFree())
          .as("blocks are held for ever")
          .isEqualTo(memory.numBlocks());
      cache.close();
    }
  }

  private static long episode(long seed, Fault fault, Map<String, Integer> outcomes) {
    new World(seed, fault, outcomes).run(STEPS_PER_EPISODE);
    return STEPS_PER_EPISODE;
  }

  @Test
  void whatAQueuedCopyUsesIsNobodyElsesUntilItHasPassed() {
    Map<String, Integer> outcomes = new TreeMap<>();
    ModelRun.announced("QueuedSwapsTest", 100_000).run(seed -> episode(seed, Fault.NONE, outcomes));
    System.out.println("QueuedSwapsTest: " + outcomes);
  }

  /** For the registry of bugs. */
  static void requireRight(Fault fault) {
    ModelRun.fixed("QueuedSwapsTest", 100_000, 7)
        .run(seed -> episode(seed, fault, new TreeMap<>()));
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void aFenceThatLiesIsFound(Fault fault) {
    assertThatExceptionOfType(AssertionError.class).isThrownBy(() -> requireRight(fault));
  }
}
