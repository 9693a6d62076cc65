package dev.pagoda.story;

import java.util.List;

/** Tiers that are emptied, prefix caches that are opened again, and caches after them. */
final class Restarting implements Concern {
  private final Operation settle;

  /** What ends everything that the others have begun. */
  Restarting(Operation settle) {
    this.settle = settle;
  }

  @Override
  public List<Weighted> operations() {
    return List.of(
        new Weighted("tiers", 1, Restarting::tiers), new Weighted("restart", 1, this::restart));
  }

  private static void tiers(StoryWorld world) {
    switch (world.choices.nextInt(4)) {
      case 0 -> world.tiers.spill();
      case 1 -> world.tiers.clear(world.choices.nextBoolean());
      default -> {}
    }
  }

  private void restart(StoryWorld world) {
    int choice = world.choices.nextInt(8);
    world.disarm();
    if (choice == 0) {
      settle.perform(world);
      world.restart(world.choices.nextBoolean());
      world.outcomes.count("restart");
    } else if (choice == 1) {
      world.reopenPrefixes();
      world.outcomes.count("prefix cache opened again");
    }
  }
}
