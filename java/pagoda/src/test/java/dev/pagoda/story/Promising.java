package dev.pagoda.story;

import dev.pagoda.BlockReservation;
import dev.pagoda.KvSequence;
import dev.pagoda.prefix.OpenOptions;
import dev.pagoda.pressure.AdmissionAnswer;
import dev.pagoda.pressure.AdmissionRequest;
import java.util.List;
import java.util.Optional;

/** Blocks promised to sequences, by hand and by admission control. */
final class Promising implements Concern {
  private static final int PROMISES_MAX = 4;

  @Override
  public List<Weighted> operations() {
    return List.of(
        new Weighted("reserve", 2, Promising::reserve),
        new Weighted("resize", 2, Promising::resize),
        new Weighted("draw", 4, Promising::draw),
        new Weighted("give back", 3, Promising::giveBack),
        new Weighted("admit", 3, Promising::admit));
  }

  private static void reserve(StoryWorld world) {
    if (world.sequences.promises.size() >= PROMISES_MAX) {
      return;
    }
    int count = world.choices.nextInt(1 + world.numBlocks / 3);
    boolean hasRoom = world.pool.hasRoomFor(count);
    if (world.choices.nextBoolean()) {
      Optional<BlockReservation> real = world.cache.tryReserve(count);
      Comparison.require(real.isPresent() == hasRoom, "reserved", real);
      real.ifPresent(promise -> world.sequences.promised(promise, count));
    } else if (hasRoom) {
      world.sequences.promised(world.cache.reserve(count), count);
    } else {
      world.comparison.requireShortage(Comparison.requireRefused(() -> world.cache.reserve(count)));
    }
    world.outcomes.count(hasRoom ? "reserve" : "reserve refused");
  }

  private static void resize(StoryWorld world) {
    world
        .choices
        .pick(world.sequences.promises)
        .ifPresent(promise -> {
          int count = world.choices.nextInt(1 + world.numBlocks / 3);
          boolean grows = !promise.isSuspended() && count > promise.left;
          boolean hasRoom = !grows || world.pool.hasRoomFor(count - promise.left);
          boolean resized = promise.real.orElseThrow().tryResize(count);
          Comparison.require(resized == hasRoom, "resized", promise);
          if (hasRoom) {
            if (grows) {
              world.pool.promise(count - promise.left);
            }
            promise.resize(count);
          }
          world.outcomes.count(hasRoom ? "resize" : "resize refused");
        });
  }

  private static void draw(StoryWorld world) {
    world
        .sequences
        .anyIdle()
        .ifPresent(sequence -> {
          StoryPromise promise =
              world.choices.nextInt(4) == 0
                  ? world.sequences.noPromise
                  : world.choices.pick(world.sequences.promises).orElse(world.sequences.noPromise);
          int numResumed = promise.toResume();
          if (!world.pool.hasRoomFor(numResumed)) {
            world.comparison.requireShortage(
                Comparison.requireRefused(
                    () -> sequence.real.drawFrom(promise.real.orElseThrow())));
            world.outcomes.count("draw refused");
            return;
          }
          promise.real.ifPresentOrElse(sequence.real::drawFrom, sequence.real::drawFromNone);
          world.pool.promise(numResumed);
          world.sequences.draws(sequence, promise);
          world.outcomes.count(numResumed > 0 ? "promise resumed" : "draw");
        });
  }

  private static void giveBack(StoryWorld world) {
    world
        .choices
        .pick(world.sequences.promises)
        .ifPresent(promise -> {
          check(promise);
          promise.real.orElseThrow().close();
          promise.close();
          world.sequences.promises.remove(promise);
          check(promise);
        });
  }

  private static void check(StoryPromise promise) {
    BlockReservation real = promise.real.orElseThrow();
    Comparison.require(
        real.numGranted() == promise.granted
            && real.numLeft() == promise.left
            && real.isSuspended() == promise.isSuspended()
            && real.isClosed() == promise.isClosed(),
        "promise",
        real,
        promise);
  }

  private static void admit(StoryWorld world) {
    if (world.sequences.promises.size() >= PROMISES_MAX || !world.sequences.roomForMore()) {
      return;
    }
    AdmissionRequest request =
        AdmissionRequest.of(
            world.choices.nextInt(1, 6 * world.blockSize),
            world.choices.nextInt(4 * world.blockSize));
    int needed = Math.toIntExact(request.numBlocks(world.blockSize));
    boolean waits = world.pressure.numWaiting() > 0;
    int owned =
        world.numBlocks
            - world.pool.numFree
            - world.pool.idle.size()
            - world.pool.pinnedIdle.size();
    boolean alone = owned == 0 && world.pool.numReserved == 0;
    int asked = needed + (alone ? 0 : Pressing.WATERMARK_BLOCKS);
    boolean isPossible = needed <= world.numBlocks;
    boolean fits = isPossible && !waits && world.pool.hasRoomFor(asked);
    switch (world.pressure.admission().tryAdmit(request)) {
      case AdmissionAnswer.Admitted(BlockReservation promise) -> {
        Comparison.require(fits, "admitted", promise);
        StoryPromise own = world.sequences.promised(promise, asked);
        own.resize(needed);
        KvSequence sequence = world.cache.newSequence();
        sequence.drawFrom(promise);
        StorySequence admitted =
            world.sequences.add(
                sequence, Optional.empty(), world.choices.tenant(), OpenOptions.DEFAULT);
        world.sequences.draws(admitted, own);
        world.outcomes.count("admitted");
      }
      case AdmissionAnswer.Deferred deferred -> {
        Comparison.require(isPossible && !fits, "deferred", deferred);
        world.outcomes.count(waits ? "deferred while others wait" : "deferred");
      }
      case AdmissionAnswer.Impossible impossible -> {
        Comparison.require(!isPossible, "impossible", impossible);
        world.outcomes.count("admission impossible");
      }
    }
  }
}
