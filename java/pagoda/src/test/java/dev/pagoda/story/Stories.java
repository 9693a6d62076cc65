package dev.pagoda.story;

import dev.pagoda.LateCopies;
import dev.pagoda.Step;
import dev.pagoda.prefix.OpenOptions;
import dev.pagoda.prefix.PrefixStories.Faults;
import dev.pagoda.prefix.TokenSequence;
import java.util.Arrays;

/** Short stories for checks that want to see whether they fail. */
public final class Stories {
  private static final int OPERATIONS = 600;

  private Stories() {}

  /**
   * Opens prompts with much in common, one at a time, and looks at nothing but what is in their
   * slots: right whatever the keys are, if hits are verified.
   */
  public static void readBack(Faults faults) {
    for (long seed = 1; seed <= 10; seed++) {
      try (StoryWorld world = StoryWorld.withoutTiers(seed, faults)) {
        world.choices.from(seed);
        for (int i = 0; i < 300; i++) {
          readBack(world);
        }
      }
    }
  }

  /** Opens a prompt, computes what is not cached, and compares every slot with the prompt. */
  private static void readBack(StoryWorld world) {
    String tenant = world.choices.tenant();
    int[] prompt = world.choices.prompt();
    long[] histories = Tenants.tokens(tenant, prompt).histories();
    OpenOptions options = OpenOptions.DEFAULT.withoutRoom();
    try (TokenSequence tokens = world.prefixes.open(prompt, Tenants.namespace(tenant), options);
        Step step = world.cache.newStep()) {
      if (tokens.numMissing() > 0
          && world.blocksFor(tokens.numMissing())
              < world.cache.statistics().blocks().numAvailable()) {
        int from = tokens.length();
        step.append(tokens.sequence(), tokens.numMissing()).begin();
        world.write(step, Arrays.copyOfRange(histories, from, histories.length));
        step.commit();
      }
      long[] there = Arrays.copyOf(histories, tokens.length());
      world.comparison.requireContent(tokens.sequence().blockIds(), there, 0, tokens);
    }
  }

  /** Swaps, files and tiers over a backend whose copies pass later. */
  public static void queuedSwaps(LateCopies.Fault fault) {
    QueuedSwapsTest.requireRight(fault);
  }

  /**
   * Plays stories of the first seeds, looking at nothing but what requests see, until one fails by
   * a harm: what the first disagreement is called. Stories that fail by another are not counted.
   */
  public static void requireNo(String harm, int numSeeds, Faults faults) {
    WholeModelTest.Setting setting = WholeModelTest.Setting.of(faults).withoutCounters();
    for (long seed = 1; seed <= numSeeds; seed++) {
      try {
        WholeModelTest.play(seed, WholeModelTest.script(seed, OPERATIONS), setting);
      } catch (WholeModelTest.Failure failure) {
        if (failure.getMessage().contains(harm)) {
          throw failure;
        }
      }
    }
  }
}
