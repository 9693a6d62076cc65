package dev.pagoda.story;

import dev.pagoda.KvSequence;
import dev.pagoda.ParkedGroup;
import dev.pagoda.prefix.OpenOptions;
import dev.pagoda.prefix.TokenSequence;
import java.util.List;
import java.util.Optional;

/** Plain sequences, forks, rewinding, closing, dropping. */
final class Sharing implements Concern {
  @Override
  public List<Weighted> operations() {
    return List.of(
        new Weighted("new", 2, Sharing::open),
        new Weighted("fork", 6, Sharing::fork),
        new Weighted("fork with ids", 2, Sharing::forkWithIds),
        new Weighted("truncate", 6, Sharing::truncate),
        new Weighted("drop", 2, Sharing::drop),
        new Weighted("close", 10, Sharing::close));
  }

  private static void open(StoryWorld world) {
    if (world.sequences.roomForMore()) {
      KvSequence real = world.cache.newSequence();
      world.sequences.add(real, Optional.empty(), world.choices.tenant(), OpenOptions.DEFAULT);
    }
  }

  private static void fork(StoryWorld world) {
    Optional<StorySequence> parent =
        world.sequences.roomForMore()
            ? world.choices.pick(world.sequences.idle())
            : Optional.empty();
    parent.ifPresent(sequence -> {
      int length = world.choices.position(sequence.length());
      world.sequences.forked(sequence, sequence.real.fork(length), length);
    });
  }

  private static void forkWithIds(StoryWorld world) {
    Optional<StorySequence> parent =
        world.sequences.roomForMore()
            ? world.choices.pick(world.sequences.idle())
            : Optional.empty();
    parent
        .filter(sequence -> sequence.tokens.isPresent())
        .ifPresent(sequence -> {
          TokenSequence real = sequence.tokens.get().fork();
          StorySequence fork =
              world.sequences.forked(
                  sequence, real.sequence(), Optional.of(real), sequence.length());
          fork.told.append(sequence.told.ids());
          fork.chain.addAll(sequence.chain);
          fork.epoch = sequence.epoch;
          fork.orphan = sequence.orphan;
        });
  }

  private static void truncate(StoryWorld world) {
    world
        .sequences
        .anyIdle()
        .ifPresent(sequence -> {
          int length = world.choices.position(sequence.length());
          boolean byTokens = sequence.tokens.isPresent() && world.choices.nextBoolean();
          if (byTokens) {
            sequence.tokens.get().truncate(length);
          } else {
            sequence.real.truncate(length);
          }
          world.sequences.truncated(sequence, length);
          if (byTokens) {
            sequence.told.truncate(length);
          }
        });
  }

  /** The content is given up, and what is still shareable of it taken up again. */
  private static void drop(StoryWorld world) {
    world
        .sequences
        .anyIdle()
        .filter(sequence -> sequence.tokens.isPresent() && !sequence.orphan)
        .ifPresent(sequence -> {
          ParkedGroup group = world.cache.park(List.of(sequence.real), (storage, blockIds) -> {});
          StoryGroup gone = StoryGroup.left(world, List.of(sequence), 0, group);
          world.cache.unparkEmpty(group);
          gone.isBackEmpty(world);
          resume(world, sequence);
        });
  }

  /** Takes up what is cached of a sequence that lost its content, or closes it. */
  private static void resume(StoryWorld world, StorySequence sequence) {
    TokenSequence real = sequence.tokens.orElseThrow();
    Tokens known = sequence.told.copy(sequence.told.length());
    if (known.length() < sequence.toldBefore.length()) {
      known.append(sequence.toldBefore.ids(known.length(), sequence.toldBefore.length()));
    }
    if (sequence.length() > 0) {
      int length = real.resume();
      Comparison.require(length == sequence.length(), "resumed length", length, sequence);
    } else {
      Prefixing.Found found = Prefixing.find(world, known, sequence.options);
      if (!found.hasRoom(world, sequence.options, known.length())) {
        Prefixing.requireRefusal(world, found, real::resume);
        world.outcomes.count("resume refused");
        world.sequences.close(sequence);
        return;
      }
      long loaded = real.use().loadedTokens();
      int length = real.resume();
      Comparison.require(length == real.length(), "resumed length", length, sequence);
      sequence.told.truncate(0);
      sequence.told.append(known.ids());
      sequence.chain.clear();
      Prefixing.filled(world, sequence, found, known.length(), true, loaded);
    }
    sequence.told.truncate(0);
    sequence.told.append(known.ids());
    sequence.toldBefore = known.copy(0);
  }

  private static void close(StoryWorld world) {
    world.sequences.anyIdle().ifPresent(world.sequences::close);
  }
}
