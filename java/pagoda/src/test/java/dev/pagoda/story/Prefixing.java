package dev.pagoda.story;

import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.prefix.Namespace;
import dev.pagoda.prefix.OpenOptions;
import dev.pagoda.prefix.PrefixMatch;
import dev.pagoda.prefix.Retention;
import dev.pagoda.prefix.TokenSequence;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Opening by prompt, probing, publishing by hand, pins, removal, the passing of time. */
final class Prefixing implements Concern {
  @Override
  public List<Weighted> operations() {
    return List.of(
        new Weighted("open", 18, Prefixing::open),
        new Weighted("probe", 4, Prefixing::probe),
        new Weighted("publish", 4, Prefixing::publish),
        new Weighted("pin", 2, Prefixing::pin),
        new Weighted("unpin", 1, Prefixing::unpin),
        new Weighted("time", 3, world -> world.advance(world.random.nextInt(60))),
        new Weighted("remove", 1, Prefixing::remove),
        new Weighted("clear", 1, Prefixing::clear));
  }

  /** What a request finds, by the reference. */
  record Found(List<Shelf> shelves, StoryWorld.Head head) {
    int numTokens(StoryWorld world) {
      return shelves.size() * world.blockSize + head.numTokens();
    }

    private List<Shelf> all() {
      List<Shelf> all = new ArrayList<>(shelves);
      if (head.numTokens() > 0) {
        all.add(head.shelf());
      }
      return all;
    }

    boolean hasRoom(StoryWorld world, OpenOptions options, int promptTokens) {
      int needed = world.blocksFor(promptTokens) - shelves.size();
      long idleHits = all().stream().filter(s -> world.idle.contains(s.block)).count();
      return !options.requireRoom()
          || needed == 0
          || needed <= world.numFree + world.numReclaimable() - idleHits;
    }

    void adopt(StoryWorld world, StorySequence sequence) {
      for (Shelf shelf : all()) {
        world.retain(shelf.block);
        world.raise(shelf, sequence.options);
        sequence.blocks.add(shelf.block);
      }
      sequence.chain.addAll(shelves);
    }
  }

  static Found find(StoryWorld world, String tenant, int[] prompt, OpenOptions options) {
    int numUsable = Math.max(0, prompt.length - 1);
    if (!options.read()) {
      return new Found(List.of(), new StoryWorld.Head(Shelf.NONE, 0));
    }
    List<Shelf> shelves = world.find(tenant, prompt, numUsable);
    return new Found(
        shelves, world.findHead(tenant, prompt, shelves.size() * world.blockSize, numUsable));
  }

  static int expected(StoryWorld world, String tenant, int[] prompt) {
    return find(world, tenant, prompt, OpenOptions.DEFAULT).numTokens(world);
  }

  private static void open(StoryWorld world) {
    if (!world.roomForMore()) {
      return;
    }
    String tenant = world.tenant();
    int[] prompt = world.prompt();
    OpenOptions options = options(world);
    Found found = find(world, tenant, prompt, options);
    if (!found.hasRoom(world, options, prompt.length)) {
      OutOfBlocksException refused =
          Stepping.expectRefusal(
              () -> world.prefixes.open(prompt, world.namespace(tenant), options));
      StoryWorld.require(refused.free() == world.numFree, "refusal", refused.getMessage());
      return;
    }
    TokenSequence real = world.prefixes.open(prompt, world.namespace(tenant), options);
    StoryWorld.require(
        real.length() == found.numTokens(world),
        "cached tokens of " + Arrays.toString(prompt) + " instead of " + found.numTokens(world),
        real.length());
    StoryWorld.require(
        prompt.length == 0 || real.length() < prompt.length, "nothing to compute", real);
    StorySequence sequence = world.add(real.sequence(), Optional.of(real), tenant, options);
    found.adopt(world, sequence);
    for (int i = 0; i < prompt.length; i++) {
      sequence.told.add(prompt[i]);
      if (i < real.length()) {
        sequence.ids.add(prompt[i]);
      }
    }
  }

  private static OpenOptions options(StoryWorld world) {
    int choice = world.random.nextInt(12);
    OpenOptions options = OpenOptions.DEFAULT;
    if (choice == 0) {
      options = options.withoutRead();
    } else if (choice == 1) {
      options = options.withoutWrite();
    } else if (choice < 4) {
      options = options.withoutRoom();
    } else if (choice == 4) {
      options = options.returning();
    }
    Retention retention =
        switch (world.random.nextInt(8)) {
          case 0 -> Retention.DEFAULT.withPriority(world.random.nextInt(10));
          case 1 -> Retention.DEFAULT.withPin(Duration.ofNanos(world.random.nextInt(100)));
          default -> Retention.DEFAULT;
        };
    return options.withRetention(retention);
  }

  private static void probe(StoryWorld world) {
    String tenant = world.tenant();
    int[] prompt = world.prompt();
    PrefixMatch match = world.prefixes.probe(prompt, world.namespace(tenant));
    int expected = expected(world, tenant, prompt);
    StoryWorld.require(
        match.cachedTokens() == expected,
        "probe of " + Arrays.toString(prompt) + " instead of " + expected,
        match);
  }

  private static void publish(StoryWorld world) {
    world
        .anyIdle()
        .filter(sequence -> sequence.tokens.isEmpty())
        .ifPresent(sequence -> {
          int[] ids = sequence.ids.stream().mapToInt(t -> t).toArray();
          world.prefixes.publish(sequence.real, ids, world.namespace(sequence.tenant));
          sequence.chain.clear();
          sequence.epoch = world.epoch;
          world.publish(sequence, sequence.ids, OpenOptions.DEFAULT);
        });
  }

  private static void pin(StoryWorld world) {
    String tenant = world.tenant();
    int[] prompt = world.prompt();
    long pinNanos = world.random.nextInt(100);
    List<Shelf> shelves = world.find(tenant, prompt, prompt.length);
    int pinned = world.prefixes.pin(prompt, world.namespace(tenant), Duration.ofNanos(pinNanos));
    StoryWorld.require(pinned == shelves.size() * world.blockSize, "pinned", pinned);
    touch(world, shelves, shelf -> world.pin(shelf, pinNanos));
  }

  private static void unpin(StoryWorld world) {
    String tenant = world.tenant();
    int[] prompt = world.prompt();
    List<Shelf> shelves = world.find(tenant, prompt, prompt.length);
    world.prefixes.unpin(prompt, world.namespace(tenant));
    touch(world, shelves, shelf -> shelf.pinnedUntil = 0);
  }

  private static void touch(
      StoryWorld world, List<Shelf> shelves, java.util.function.Consumer<Shelf> change) {
    shelves.forEach(shelf -> world.retain(shelf.block));
    shelves.forEach(change);
    shelves.reversed().forEach(shelf -> world.release(shelf.block));
  }

  private static void remove(StoryWorld world) {
    String tenant = world.tenant();
    int[] prompt = world.prompt();
    List<Shelf> shelves = world.find(tenant, prompt, prompt.length);
    int removed = world.prefixes.remove(prompt, world.namespace(tenant));
    StoryWorld.require(removed == shelves.size(), "removed", removed);
    shelves.forEach(world::unshelveAndFree);
  }

  private static boolean covers(Namespace cleared, Namespace its) {
    return its.equals(cleared)
        || (cleared.adapter().isEmpty() && its.name().equals(cleared.name()));
  }

  private static void clear(StoryWorld world) {
    if (world.random.nextInt(4) == 0) {
      world.prefixes.clear();
      world.epoch++;
      List.copyOf(world.shelves.values()).forEach(world::unshelveAndFree);
    } else if (world.random.nextInt(2) == 0) {
      String tenant = world.tenant();
      world.prefixes.clear(world.namespace(tenant));
      List.copyOf(world.shelves.values()).stream()
          .filter(shelf -> covers(world.namespace(tenant), world.namespace(shelf.tenant)))
          .forEach(world::unshelveAndFree);
    }
  }
}
