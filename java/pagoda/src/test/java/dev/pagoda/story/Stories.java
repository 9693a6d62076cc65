package dev.pagoda.story;

import dev.pagoda.LateCopies;
import dev.pagoda.prefix.PrefixStories.Faults;
import java.util.SplittableRandom;

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
        world.random = new SplittableRandom(seed);
        for (int i = 0; i < 300; i++) {
          world.readBack();
        }
      }
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
