package dev.pagoda.story;

import dev.pagoda.KvSequence;
import dev.pagoda.ParkedGroup;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.prefix.OpenOptions;
import dev.pagoda.prefix.TokenSequence;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Plain sequences, forks (beams are nothing else), rewinding, closing, dropping. */
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
    if (world.roomForMore()) {
      KvSequence real = world.cache.newSequence();
      world.add(real, Optional.empty(), world.tenant(), OpenOptions.DEFAULT);
    }
  }

  private static void fork(StoryWorld world) {
    Optional<StorySequence> parent = world.roomForMore() ? world.anyIdle() : Optional.empty();
    parent.ifPresent(sequence -> {
      int length = world.position(sequence.length());
      KvSequence real = sequence.real.fork(length);
      StorySequence fork = world.add(real, Optional.empty(), sequence.tenant, OpenOptions.DEFAULT);
      share(world, sequence, fork, length);
    });
  }

  private static void share(StoryWorld world, StorySequence from, StorySequence to, int length) {
    for (StoryBlock block : from.blocks.subList(0, world.blocksFor(length))) {
      world.retain(block);
      to.blocks.add(block);
    }
    to.ids.addAll(from.ids.subList(0, length));
  }

  private static void forkWithIds(StoryWorld world) {
    Optional<StorySequence> parent = world.roomForMore() ? world.anyIdle() : Optional.empty();
    parent
        .filter(sequence -> sequence.tokens.isPresent())
        .ifPresent(sequence -> {
          TokenSequence real = sequence.tokens.get().fork();
          StorySequence fork =
              world.add(real.sequence(), Optional.of(real), sequence.tenant, sequence.options);
          share(world, sequence, fork, sequence.length());
          fork.told.addAll(sequence.told);
          fork.chain.addAll(sequence.chain);
          fork.epoch = sequence.epoch;
        });
  }

  private static void truncate(StoryWorld world) {
    world
        .anyIdle()
        .ifPresent(sequence -> {
          int length = world.position(sequence.length());
          boolean byTokens = sequence.tokens.isPresent() && world.random.nextBoolean();
          if (byTokens) {
            sequence.tokens.get().truncate(length);
          } else {
            sequence.real.truncate(length);
          }
          boolean shorter = length < sequence.length();
          world.releaseFrom(sequence.blocks, world.blocksFor(length));
          sequence.ids = new ArrayList<>(sequence.ids.subList(0, length));
          if (shorter || byTokens) {
            int told = Math.min(sequence.told.size(), length);
            sequence.told = new ArrayList<>(sequence.told.subList(0, told));
          }
          int numFull = length / world.blockSize;
          if (shorter && sequence.chain.size() > numFull) {
            sequence.chain.subList(numFull, sequence.chain.size()).clear();
          }
        });
  }

  /** The content is given up, and what is still shareable of it taken up again. */
  private static void drop(StoryWorld world) {
    world
        .anyIdle()
        .filter(sequence -> sequence.tokens.isPresent())
        .ifPresent(sequence -> {
          ParkedGroup group = world.cache.park(List.of(sequence.real), (storage, blockIds) -> {});
          world.cache.unparkEmpty(group);
          world.releaseFrom(sequence.blocks, 0);
          sequence.ids.clear();
          sequence.chain.clear();
          int[] told = sequence.told.stream().mapToInt(t -> t).toArray();
          Prefixing.Found found = Prefixing.find(world, sequence.tenant, told, sequence.options);
          if (!found.hasRoom(world, sequence.options, told.length)) {
            OutOfBlocksException refused =
                Stepping.expectRefusal(() -> sequence.tokens.get().resume());
            StoryWorld.require(refused.needed() > 0, "refusal", refused.getMessage());
            world.close(sequence);
            return;
          }
          int length = sequence.tokens.get().resume();
          StoryWorld.require(
              length == found.numTokens(world), "resumed length of " + sequence, length);
          found.adopt(world, sequence);
          sequence.ids.addAll(sequence.told.subList(0, length));
        });
  }

  private static void close(StoryWorld world) {
    world.anyIdle().ifPresent(world::close);
  }
}
