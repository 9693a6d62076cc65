package dev.pagoda.story;

import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.prefix.MissReason;
import dev.pagoda.prefix.Namespace;
import dev.pagoda.prefix.OpenOptions;
import dev.pagoda.prefix.PrefixMatch;
import dev.pagoda.prefix.Retention;
import dev.pagoda.prefix.TokenSequence;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** Opening by prompt, probing, publishing by hand, pins, removal, the passing of time. */
final class Prefixing implements Concern {
  @Override
  public List<Weighted> operations() {
    return List.of(
        new Weighted("open", 24, Prefixing::open),
        new Weighted("probe", 4, Prefixing::probe),
        new Weighted("publish", 4, Prefixing::publish),
        new Weighted("tell", 3, Prefixing::tell),
        new Weighted("pin", 2, Prefixing::pin),
        new Weighted("unpin", 1, Prefixing::unpin),
        new Weighted("time", 3, world -> world.advance(world.choices.nextInt(60))),
        new Weighted("remove", 1, Prefixing::remove),
        new Weighted("clear", 1, Prefixing::clear));
  }

  /** What a request finds, by the reference. */
  record Found(
      List<StoryShelves.Place> places, StoryShelves.Head head, Set<MissReason> missReasons) {
    int numTokens(StoryWorld world) {
      return places.size() * world.blockSize + head.numTokens();
    }

    private Stream<Shelf> resident() {
      return places.stream().flatMap(place -> place.shelf().stream());
    }

    /** Blocks of it that could be given up, if they were not hits. */
    int numIdle(StoryWorld world) {
      Stream<Shelf> all =
          head.numTokens() > 0 ? Stream.concat(resident(), Stream.of(head.shelf())) : resident();
      return (int) all.filter(shelf -> world.pool.idle.contains(shelf.block)).count();
    }

    /** Counts a refusal if there is none. */
    boolean hasRoom(StoryWorld world, OpenOptions options, int promptTokens) {
      int needed = world.blocksFor(promptTokens) - (int) resident().count();
      if (!options.requireRoom() || needed <= 0 || needed <= world.pool.numUnreserved()) {
        return true;
      }
      int idleHits = numIdle(world);
      boolean hasRoom = world.pool.hasRoomFor(needed + idleHits);
      if (!hasRoom && needed <= world.pool.numAvailable()) {
        world.outcomes.count("hits refused as victims of their own request");
      }
      return hasRoom;
    }

    /**
     * Gives a sequence what was found; what is not on a shelf was loaded, so many blocks of it.
     * Returns the tokens that it has then.
     */
    int adopt(StoryWorld world, StorySequence sequence, int numLoaded) {
      List<StoryBlock> blocks = new ArrayList<>();
      List<Shelf> chain = new ArrayList<>();
      List<Integer> gaps = new ArrayList<>();
      for (StoryShelves.Place place : places) {
        Shelf shelf = place.shelf().orElse(Shelf.NONE);
        if (place.shelf().isPresent()) {
          world.pool.retain(shelf.block);
        } else {
          gaps.add(blocks.size());
        }
        chain.add(shelf);
        blocks.add(shelf.block);
      }
      int headTokens = head.numTokens();
      if (headTokens > 0) {
        world.pool.retain(head.shelf().block);
        blocks.add(head.shelf().block);
      }
      int numFull = places.size();
      int end = load(world, sequence, blocks, chain, gaps, numLoaded);
      if (end < blocks.size()) {
        for (int i = blocks.size() - 1; i >= end; i--) {
          StoryBlock block = blocks.remove(i);
          if (block != Shelf.NONE.block) {
            world.pool.release(block);
          }
        }
        headTokens = 0;
        numFull = end;
        chain.subList(end, chain.size()).clear();
      }
      for (StoryBlock block : blocks) {
        if (block.shelf != Shelf.NONE) {
          world.shelves.raise(block.shelf, sequence.options.retention());
        }
      }
      sequence.blocks.addAll(blocks);
      sequence.chain.addAll(chain);
      world.counts.headTokens += headTokens;
      return numFull * world.blockSize + headTokens;
    }

    /** Returns where what was found ends. */
    private int load(
        StoryWorld world,
        StorySequence sequence,
        List<StoryBlock> blocks,
        List<Shelf> chain,
        List<Integer> gaps,
        int numLoaded) {
      if (gaps.isEmpty()) {
        return blocks.size();
      }
      if (!world.pool.hasRoomFor(gaps.size())) {
        Comparison.require(numLoaded == 0, "loaded without room", numLoaded);
        world.outcomes.count("tier hit without room");
        return gaps.getFirst();
      }
      long reclaimed = world.pool.numReclaimed;
      List<StoryBlock> taken = world.pool.take(gaps.size(), 0);
      boolean undisturbed = !world.armed && reclaimed == world.pool.numReclaimed;
      Comparison.require(
          numLoaded <= gaps.size() && (numLoaded == gaps.size() || !undisturbed),
          "blocks loaded",
          numLoaded,
          gaps.size());
      world.outcomes.count(numLoaded == gaps.size() ? "tier hit" : "tier hit that was lost");
      for (int i = 0; i < taken.size(); i++) {
        blocks.set(gaps.get(i), taken.get(i));
      }
      for (int i = 0; i < numLoaded; i++) {
        StoryShelves.Place place = places.get(gaps.get(i));
        StoryBlock block = taken.get(i);
        Optional<Shelf> shelf =
            sequence.epoch == world.epoch
                ? world.shelves.shelve(sequence.tenant, place, block, sequence.options.retention())
                : Optional.empty();
        chain.set(
            gaps.get(i),
            shelf.orElseGet(() ->
                new Shelf(sequence.tenant, place.parent(), place.histories(), place.ids(), block)));
      }
      if (numLoaded == gaps.size()) {
        return blocks.size();
      }
      // Blocks of what was not loaded are given back, last one first, with what lies behind.
      return gaps.get(numLoaded);
    }
  }

  /** What was found is not counted as reclaimable. */
  static void requireRefusal(StoryWorld world, Found found, Runnable call) {
    OutOfBlocksException refused = Comparison.requireRefused(call);
    Comparison.require(
        !world.comparison.looksAtEverything()
            || (refused.free() == world.pool.numUnreserved()
                && refused.reclaimable() == world.pool.numReclaimable() - found.numIdle(world)),
        "refusal",
        refused.getMessage());
  }

  static Found find(StoryWorld world, Tokens prompt, OpenOptions options) {
    int numUsable = Math.max(0, prompt.length() - 1);
    if (!options.read()) {
      return new Found(List.of(), StoryShelves.Head.NONE, EnumSet.of(MissReason.NOT_READ));
    }
    List<StoryShelves.Place> places = world.shelves.find(prompt, numUsable, true);
    return new Found(
        places,
        world.shelves.findHead(prompt, places.size() * world.blockSize, numUsable),
        world.shelves.missReasons(prompt, places.size(), numUsable));
  }

  static int expected(StoryWorld world, Tokens prompt) {
    return find(world, prompt, OpenOptions.DEFAULT).numTokens(world);
  }

  private static void open(StoryWorld world) {
    if (!world.sequences.roomForMore()) {
      return;
    }
    String tenant = world.choices.tenant();
    int[] prompt = world.choices.prompt();
    OpenOptions options = options(world);
    Found found = find(world, Tenants.tokens(tenant, prompt), options);
    if (!found.hasRoom(world, options, prompt.length)) {
      requireRefusal(
          world, found, () -> world.prefixes.open(prompt, Tenants.namespace(tenant), options));
      world.outcomes.count("open refused");
      return;
    }
    TokenSequence real = world.prefixes.open(prompt, Tenants.namespace(tenant), options);
    StorySequence sequence =
        world.sequences.add(real.sequence(), Optional.of(real), tenant, options);
    sequence.told.append(prompt);
    filled(world, sequence, found, prompt.length, options.afterPreemption(), 0);
    Comparison.require(
        prompt.length == 0 || real.length() < prompt.length, "nothing to compute", real);
  }

  /** A sequence was filled with what was found of its prompt. */
  static void filled(
      StoryWorld world,
      StorySequence sequence,
      Found found,
      int promptTokens,
      boolean returned,
      long loadedBefore) {
    TokenSequence real = sequence.tokens.orElseThrow();
    int loaded = Math.toIntExact(real.use().loadedTokens() - loadedBefore);
    long heads = world.counts.headTokens;
    int length = found.adopt(world, sequence, loaded / world.blockSize);
    Comparison.require(real.length() == length, "cached tokens", real, length, sequence);
    sequence.ids.append(sequence.told.ids(0, length));
    sequence.lengthCounted = length;
    world.counts.requests++;
    world.counts.promptTokens += promptTokens;
    world.counts.loadedTokens += loaded;
    if (returned) {
      world.counts.returnedTokens += length;
    } else {
      world.counts.cachedTokens += length;
    }
    MissReason reason = real.use().missReason();
    Comparison.require(
        length == found.numTokens(world)
            ? found.missReasons.contains(reason)
            : reason == MissReason.EVICTED,
        "miss reason",
        real.use(),
        found.missReasons);
    world.counts.misses.merge(reason, 1L, Long::sum);
    world.outcomes.count("miss reason " + reason);
    world.outcomes.count(length == 0 ? "miss" : returned ? "hit after preemption" : "hit");
    if (world.counts.headTokens > heads) {
      world.outcomes.count("hit inside a block");
    }
  }

  private static OpenOptions options(StoryWorld world) {
    int choice = world.choices.nextInt(12);
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
        switch (world.choices.nextInt(8)) {
          case 0 -> Retention.DEFAULT.withPriority(world.choices.nextInt(10));
          case 1 -> Retention.DEFAULT.withPin(Duration.ofNanos(world.choices.nextInt(100)));
          default -> Retention.DEFAULT;
        };
    return options.withRetention(retention);
  }

  private static void probe(StoryWorld world) {
    String tenant = world.choices.tenant();
    int[] prompt = world.choices.prompt();
    PrefixMatch match = world.prefixes.probe(prompt, Tenants.namespace(tenant));
    Found found = find(world, Tenants.tokens(tenant, prompt), OpenOptions.DEFAULT);
    Comparison.require(
        match.cachedTokens() == found.numTokens(world)
            && found.missReasons.contains(match.missReason()),
        "probe",
        match,
        found.numTokens(world),
        found.missReasons,
        tenant);
  }

  private static void publish(StoryWorld world) {
    world
        .choices
        .pick(world.sequences.idle().stream().filter(s -> s.tokens.isEmpty()).toList())
        .ifPresent(sequence -> {
          int published =
              world.prefixes.publish(
                  sequence.real, sequence.ids.ids(), Tenants.namespace(sequence.tenant));
          sequence.chain.clear();
          sequence.epoch = world.epoch;
          int expected =
              world.sequences.publish(
                  sequence, sequence.ids, sequence.length(), OpenOptions.DEFAULT);
          Comparison.require(
              published == expected * world.blockSize, "published", published, expected);
        });
  }

  /** Ids of tokens that are there already. */
  private static void tell(StoryWorld world) {
    world
        .choices
        .pick(world.sequences.idle().stream().filter(s -> s.tokens.isPresent()).toList())
        .ifPresent(sequence -> {
          TokenSequence real = sequence.tokens.orElseThrow();
          int from = sequence.told.length();
          if (from < sequence.length()) {
            int to = from + 1 + world.choices.nextInt(sequence.length() - from);
            int[] accepted = sequence.ids.ids(from, to);
            real.append(accepted);
            sequence.told.append(accepted);
          }
          if (world.choices.nextBoolean()) {
            int published = real.publish();
            int expected =
                world.sequences.publish(
                    sequence, sequence.told, sequence.length(), sequence.options);
            Comparison.require(
                published == expected * world.blockSize, "published", published, expected);
          }
        });
  }

  private static void pin(StoryWorld world) {
    String tenant = world.choices.tenant();
    int[] prompt = world.choices.prompt();
    long pinNanos = world.choices.nextInt(100);
    List<Shelf> shelves = shelves(world, tenant, prompt, false);
    int pinned = world.prefixes.pin(prompt, Tenants.namespace(tenant), Duration.ofNanos(pinNanos));
    Comparison.require(pinned == shelves.size() * world.blockSize, "pinned", pinned);
    touch(world, shelves, shelf -> world.shelves.pin(shelf, pinNanos));
  }

  private static List<Shelf> shelves(StoryWorld world, String tenant, int[] prompt, boolean below) {
    return world.shelves.find(Tenants.tokens(tenant, prompt), prompt.length, below).stream()
        .flatMap(place -> place.shelf().stream())
        .toList();
  }

  private static void unpin(StoryWorld world) {
    String tenant = world.choices.tenant();
    int[] prompt = world.choices.prompt();
    List<Shelf> shelves = shelves(world, tenant, prompt, false);
    world.prefixes.unpin(prompt, Tenants.namespace(tenant));
    touch(world, shelves, shelf -> shelf.pinnedUntil = 0);
  }

  private static void touch(StoryWorld world, List<Shelf> shelves, Consumer<Shelf> change) {
    shelves.forEach(shelf -> world.pool.retain(shelf.block));
    shelves.forEach(change);
    shelves.reversed().forEach(shelf -> world.pool.release(shelf.block));
    var _ = world.cache.statistics(); // has whoever watches look again
  }

  private static void remove(StoryWorld world) {
    String tenant = world.choices.tenant();
    int[] prompt = world.choices.prompt();
    List<Shelf> shelves = shelves(world, tenant, prompt, true);
    int removed = world.prefixes.remove(prompt, Tenants.namespace(tenant));
    Comparison.require(removed == shelves.size(), "removed", removed);
    shelves.reversed().forEach(world.shelves::unshelveAndFree);
    world.counts.removed += removed;
  }

  private static boolean covers(Namespace cleared, Namespace its) {
    return its.equals(cleared)
        || (cleared.adapter().isEmpty() && its.name().equals(cleared.name()));
  }

  private static void clear(StoryWorld world) {
    if (world.choices.nextInt(4) == 0) {
      world.counts.cleared += world.prefixes.clear();
      world.epoch++;
      world.shelves.clear();
    } else if (world.choices.nextInt(2) == 0) {
      Namespace tenant = Tenants.namespace(world.choices.tenant());
      world.counts.cleared += world.prefixes.clear(tenant);
      world.shelves.clear(shelf -> covers(tenant, Tenants.namespace(shelf.tenant)));
    }
  }
}
