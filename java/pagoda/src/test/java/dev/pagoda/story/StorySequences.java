package dev.pagoda.story;

import dev.pagoda.BlockReservation;
import dev.pagoda.KvSequence;
import dev.pagoda.prefix.OpenOptions;
import dev.pagoda.prefix.TokenSequence;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Who is open, what becomes of their blocks, and what was promised to whom. */
final class StorySequences {
  private static final int SEQUENCES_MAX = 12;

  final List<StorySequence> all = new ArrayList<>();
  final List<StoryPromise> promises = new ArrayList<>();

  /** That of those who have none. */
  StoryPromise noPromise;

  private final StoryWorld world;

  StorySequences(StoryWorld world) {
    this.world = world;
    noPromise = new StoryPromise(world.pool, Optional.empty(), 0);
  }

  /** Nobody is open, and blocks come from another pool from now on. */
  void restart() {
    all.clear();
    noPromise = new StoryPromise(world.pool, Optional.empty(), 0);
  }

  boolean roomForMore() {
    return roomFor(1);
  }

  boolean roomFor(int count) {
    return all.size() + count <= SEQUENCES_MAX;
  }

  List<StorySequence> idle() {
    return all.stream().filter(StorySequence::isHere).toList();
  }

  /** One that is nobody's and can do anything. */
  Optional<StorySequence> anyIdle() {
    return world.choices.pick(all.stream().filter(s -> s.isHere() && !s.decoded).toList());
  }

  /** A few that are nobody's, which share more often than not. */
  List<StorySequence> anyGroup() {
    List<StorySequence> free =
        new ArrayList<>(
            all.stream().filter(s -> s.isHere() && !s.decoded && s.entered.isEmpty()).toList());
    List<StorySequence> group = new ArrayList<>();
    int count = Math.min(free.size(), 1 + world.choices.nextInt(3));
    for (int i = 0; i < count; i++) {
      group.add(free.remove(world.choices.nextInt(free.size())));
    }
    return group;
  }

  StorySequence add(
      KvSequence real, Optional<TokenSequence> tokens, String tenant, OpenOptions options) {
    return add(real, tokens, tenant, options, noPromise);
  }

  StorySequence add(
      KvSequence real,
      Optional<TokenSequence> tokens,
      String tenant,
      OpenOptions options,
      StoryPromise promise) {
    world.faults.opened(real);
    StorySequence sequence = new StorySequence(real, tokens, tenant, options, promise);
    sequence.epoch = world.epoch;
    promise.join();
    all.add(sequence);
    return sequence;
  }

  /** A fork that the real cache has made. */
  StorySequence forked(StorySequence parent, KvSequence real, int length) {
    return forked(parent, real, Optional.empty(), length);
  }

  StorySequence forked(
      StorySequence parent, KvSequence real, Optional<TokenSequence> tokens, int length) {
    StorySequence fork =
        add(
            real,
            tokens,
            parent.tenant,
            tokens.isPresent() ? parent.options : OpenOptions.DEFAULT,
            parent.promise);
    for (StoryBlock block : parent.blocks.subList(0, world.blocksFor(length))) {
      world.pool.retain(block);
      fork.blocks.add(block);
    }
    fork.ids.append(parent.ids.ids(0, length));
    fork.lengthCounted = length;
    world.counts.forks++;
    return fork;
  }

  void truncated(StorySequence sequence, int length) {
    shorten(sequence, world.blocksFor(length));
    sequence.ids.truncate(length);
    sequence.truncated(length, world.blockSize);
  }

  private void shorten(StorySequence sequence, int newNumBlocks) {
    int room = sequence.promise.room();
    sequence.promise.freed(world.pool.releaseFrom(sequence.blocks, newNumBlocks), room);
  }

  void close(StorySequence sequence) {
    sequence.tokens.ifPresentOrElse(TokenSequence::close, sequence.real::close);
    closed(sequence);
  }

  /** The real one has been closed. */
  void closed(StorySequence sequence) {
    Comparison.require(sequence.real.isClosed(), "still open", sequence);
    shorten(sequence, 0);
    sequence.promise.leave(sequence.away);
    sequence.entered.ifPresent(group -> group.members.remove(sequence));
    sequence.away = false;
    all.remove(sequence);
  }

  /** Tokens were committed; whatever the real one publishes by itself. */
  void committed(StorySequence sequence, int newLength) {
    if (sequence.tokens.isPresent()) {
      if (!sequence.orphan) {
        world.counts.computedTokens += Math.max(0, newLength - sequence.lengthCounted);
      }
      sequence.lengthCounted = newLength;
      if (sequence.options.write()) {
        publish(sequence, sequence.told, newLength, sequence.options);
      }
    }
  }

  int publish(StorySequence sequence, Tokens told, int length, OpenOptions options) {
    return world.shelves.publish(sequence, told, length, options, world.epoch);
  }

  /** Draws from another promise from now on; suspended ones were resumed. */
  void draws(StorySequence sequence, StoryPromise promise) {
    promise.join();
    sequence.promise.leave(sequence.away);
    sequence.promise = promise;
  }

  /** A promise that the real cache has made, and for which there is room. */
  StoryPromise promised(BlockReservation real, int numBlocks) {
    world.pool.promise(numBlocks);
    StoryPromise promise = new StoryPromise(world.pool, Optional.of(real), numBlocks);
    promises.add(promise);
    return promise;
  }

  void closePromises() {
    promises.forEach(promise -> {
      promise.real.ifPresent(BlockReservation::close);
      promise.close();
    });
    promises.clear();
  }
}
