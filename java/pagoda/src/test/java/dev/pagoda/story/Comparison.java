package dev.pagoda.story;

import dev.pagoda.CacheStatistics;
import dev.pagoda.block.BlockStatistics;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.prefix.MissReason;
import dev.pagoda.prefix.PrefixStatistics;
import dev.pagoda.prefix.RemovalReason;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** Looks for disagreements between a world's real cache and its reference. */
final class Comparison {
  private static final int FULL_CHECK_EVERY = 256;

  /** What a story looks at. */
  enum Of {
    /** Everything there is to see. */
    EVERYTHING,
    /** No counters: what requests are given, which blocks they have, and what is in them. */
    WHAT_REQUESTS_SEE
  }

  private final StoryWorld world;
  private final Of what;
  private int numChecks;

  Comparison(StoryWorld world, Of what) {
    this.world = world;
    this.what = what;
  }

  boolean looksAtEverything() {
    return what == Of.EVERYTHING;
  }

  /** Told lazily, since it nearly always holds. */
  static void require(boolean holds, String what, Object... actual) {
    if (!holds) {
      throw new AssertionError("cache and reference disagree: " + what + "=" + List.of(actual));
    }
  }

  /** Counters, if this looks at them, and some of the content; now and then all of it. */
  void check() {
    numChecks++;
    CacheStatistics statistics = world.cache.statistics();
    if (looksAtEverything()) {
      checkCounters(statistics);
    }
    List<StorySequence> sequences = world.sequences.all;
    if (numChecks % FULL_CHECK_EVERY == 0) {
      checkAll();
    } else if (!sequences.isEmpty()) {
      StorySequence some = sequences.get(world.choices.nextInt(sequences.size()));
      check(some, Math.max(0, some.length() - world.choices.nextInt(4 * world.blockSize)));
    }
    if (!world.shelves.all.isEmpty() && numChecks % 4 == 0) {
      List<Shelf> shelves = List.copyOf(world.shelves.all.values());
      check(shelves.get(world.choices.nextInt(shelves.size())));
    }
  }

  private void checkAll() {
    checkSequences();
    world.shelves.all.values().forEach(this::check);
    world.tiers.requireTold(world.shelves.all.keySet());
    world.tiers.checkAll();
    require(
        world.files.numSwapFiles() >= world.folder.numGroups(), "files of groups", world.folder);
  }

  void checkSequences() {
    world.sequences.all.forEach(sequence -> check(sequence, 0));
  }

  private void checkCounters(CacheStatistics statistics) {
    checkPool(statistics.blocks());
    StoryCounts counts = world.counts;
    require(
        statistics.numSequences() == world.sequences.all.size()
            && statistics.numForks() == counts.forks
            && statistics.numBlockCopies() == counts.copies
            && statistics.numStepsCommitted() == counts.commits
            && statistics.numStepsRolledBack() == counts.rollbacks,
        "counters of the cache",
        statistics,
        world.sequences.all.size(),
        counts);
    world.watermarks.check(statistics.blocks());
    if (world.depth == 0) {
      world.tiers.check(world.outcomes, !world.isRestarting() && numChecks % 4 == 0);
    }
    if (numChecks % 16 == 0) {
      checkPrefixes();
    }
    if (world.depth == 0 && numChecks % 32 == 0) {
      world.cache.checkConservation();
      world.prefixes.checkConservation();
      world.space.checkConservation();
      world.tiers.checkConservation();
    }
  }

  private void checkPool(BlockStatistics real) {
    StoryPool pool = world.pool;
    require(
        real.numFree() == pool.numFree
            && real.numReserved() == pool.numReserved
            && real.numReclaimable() == pool.idle.size()
            && real.numIdle() == pool.idle.size() + pool.pinnedIdle.size()
            && real.numInFlight() == 0
            && real.numReferences() == pool.numReferences,
        "blocks",
        real,
        pool);
    require(
        real.numAllocations() == pool.numAllocations
            && real.numReclaimed() == pool.numReclaimed
            && real.numRefusals() == pool.numRefusals,
        "counters of blocks",
        real,
        pool);
  }

  private void checkPrefixes() {
    PrefixStatistics real = world.prefixes.statistics();
    StoryShelves shelves = world.shelves;
    StoryCounts counts = world.counts;
    require(
        real.numBlocks() == shelves.all.size(),
        "shareable blocks",
        real.numBlocks(),
        shelves.all.size());
    require(
        real.numRequests() == counts.requests
            && real.promptTokens() == counts.promptTokens
            && real.cachedTokens() == counts.cachedTokens
            && real.returnedTokens() == counts.returnedTokens
            && real.loadedTokens() == counts.loadedTokens
            && real.headTokens() == counts.headTokens
            && real.computedTokens() == counts.computedTokens
            && real.publishedTokens() == shelves.numPublished * world.blockSize,
        "counters of requests",
        real,
        counts);
    require(
        real.numDuplicates() == shelves.numDuplicates
            && real.numQuotaRefusals() == shelves.numQuotaRefusals
            && removals(real, RemovalReason.POOL_NEEDED_A_BLOCK) == counts.evicted
            && removals(real, RemovalReason.QUOTA) == shelves.numQuotaRemovals
            && removals(real, RemovalReason.REMOVED) == counts.removed
            && removals(real, RemovalReason.CLEARED) == counts.cleared
            && Stream.of(MissReason.values())
                .allMatch(reason ->
                    real.misses().get(reason).equals(counts.misses.getOrDefault(reason, 0L))),
        "counters of blocks that are shareable",
        real,
        shelves.numDuplicates,
        counts);
    require(
        world.quota.isEmpty() || world.prefixes.numBlocksOf("anna") == shelves.numOfAnna(),
        "quota",
        world.prefixes);
  }

  private static long removals(PrefixStatistics real, RemovalReason reason) {
    return real.removals().getOrDefault(reason, 0L);
  }

  /** A sequence has the blocks it should, and from a position on what should be in them. */
  void check(StorySequence sequence, int first) {
    if (sequence.away) {
      require(
          sequence.real.numBlocksHere() == sequence.blocks.size(),
          "blocks kept",
          sequence.real.numBlocksHere(),
          sequence);
      return;
    }
    int[] ids = sequence.real.blockIds();
    require(ids.length == sequence.blocks.size(), "block table", ids.length, sequence);
    for (int i = 0; i < ids.length; i++) {
      world.pool.requireId(sequence.blocks.get(i), ids[i], sequence);
    }
    if (!sequence.busy) {
      require(sequence.real.length() == sequence.length(), "length", sequence.real, sequence);
      requireContent(ids, sequence.ids.histories(), first, sequence);
    }
  }

  /** A shareable block holds what it is shared as, in use or not. */
  private void check(Shelf shelf) {
    if (shelf.block.id >= 0) {
      requireContent(new int[] {shelf.block.id}, shelf.histories, 0, "a shareable block");
      int[] said = world.prefixes.explain(shelf.block.id).block().tokenIds();
      require(Arrays.equals(said, shelf.ids), "explained block", Arrays.toString(said));
    }
  }

  void requireContent(int[] blockIds, long[] histories, int first, Object whose) {
    String difference = world.difference(blockIds, histories, first);
    require(difference.isEmpty(), "content", difference, whose);
  }

  /** Runs what must be refused for want of blocks. */
  static OutOfBlocksException requireRefused(Runnable call) {
    try {
      call.run();
    } catch (OutOfBlocksException expected) {
      return expected;
    }
    throw new AssertionError("cache and reference disagree: refused=false");
  }

  /** A refusal tells how many blocks there were. */
  void requireShortage(OutOfBlocksException refused) {
    require(
        !looksAtEverything()
            || (refused.free() == world.pool.numUnreserved()
                && refused.reclaimable() == world.pool.numReclaimable()),
        "refusal",
        refused.getMessage(),
        world.pool);
  }
}
