package dev.pagoda.tier;

import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.ParkedGroup;
import dev.pagoda.block.BlockStatistics;
import dev.pagoda.block.OutOfBlocksException;
import java.util.List;

/**
 * Sequences that gave their blocks up without keeping the content, and how to compute it again.
 *
 * <p>Whoever holds the sequences keeps them: the same objects come back with the same length, and
 * share blocks within the group as before. Until then everything but closing them is an {@link
 * IllegalStateException}; a group of which one was closed cannot come back.
 *
 * <p>Two ways back: {@link #restore} does everything in one call, {@link #reopen} leaves it to an
 * engine that computes the group beside its other work. Holds no memory, need not be closed.
 * Threads: one at a time.
 */
public final class DroppedGroup {
  private final PagedKvCache cache;
  private final RecomputePlan plan;
  private ParkedGroup parked;
  private boolean isBack;

  DroppedGroup(PagedKvCache cache, ParkedGroup parked) {
    this.cache = cache;
    this.parked = parked;
    plan = RecomputePlan.of(GroupTables.of(cache, parked));
  }

  /**
   * Frees the blocks of sequences, those shared with outsiders excepted, all or none.
   *
   * @param cache the cache of the group
   * @param group distinct idle sequences, at least one
   * @return how to compute them again
   * @throws IllegalArgumentException if a sequence is another cache's or given twice
   * @throws IllegalStateException if a sequence is closed, parked or in a step
   */
  public static DroppedGroup drop(PagedKvCache cache, List<KvSequence> group) {
    return new DroppedGroup(cache, parkEmptyHanded(cache, group));
  }

  private static ParkedGroup parkEmptyHanded(PagedKvCache cache, List<KvSequence> group) {
    return cache.park(group, (storage, blockIds) -> {});
  }

  /**
   * The sequences, in the order they were given.
   *
   * @return unmodifiable list
   */
  public List<KvSequence> sequences() {
    return parked.sequences();
  }

  /**
   * Which tokens to feed again, and who shares them.
   *
   * @return the plan
   */
  public RecomputePlan plan() {
    return plan;
  }

  /**
   * Gives the sequences back empty, for the caller to carry out the {@link #plan}. Takes no block.
   *
   * @throws IllegalStateException if the group is back already, or a sequence was closed
   */
  public void reopen() {
    if (isBack) {
      throw new IllegalStateException("the group is back already: " + this);
    }
    cache.unparkEmpty(parked);
    isBack = true;
  }

  /**
   * Carries out the {@link #plan}. If it throws, what was computed is given up and the group is
   * dropped as before, except that {@link KvSequence#length} is 0 until it is back; only if the
   * feeder left a sequence closed or in a step is the group back as it stands.
   *
   * @param feeder computes tokens; called once per {@link RecomputePlan.Feed}
   * @throws OutOfBlocksException if the cache has fewer free blocks than the plan takes; nothing
   *     was computed
   * @throws IllegalStateException if the group is back already, a sequence was closed, or the
   *     feeder appended more or fewer tokens than it was told to
   */
  public void restore(TokenFeeder feeder) {
    BlockStatistics blocks = cache.statistics().blocks();
    if (plan.numBlocks() > blocks.numAvailable()) {
      throw new OutOfBlocksException(
          plan.numBlocks(), blocks.numFree(), blocks.numReclaimable(), blocks.numBlocks());
    }
    reopen();
    try {
      for (RecomputePlan.Entry entry : plan.entries()) {
        switch (entry) {
          case RecomputePlan.Share share ->
              share.sequence().shareFrom(share.source(), share.length());
          case RecomputePlan.Feed feed -> feed(feeder, feed);
        }
      }
    } catch (Throwable refused) {
      dropAgain(refused);
      throw refused;
    }
  }

  private static void feed(TokenFeeder feeder, RecomputePlan.Feed feed) {
    KvSequence sequence = feed.sequence();
    feeder.feed(sequence, feed.fromPosition(), feed.toPosition());
    if (sequence.length() != feed.toPosition()) {
      throw new IllegalStateException(
          "the feeder appended other tokens: fromPosition="
              + feed.fromPosition()
              + ", toPosition="
              + feed.toPosition()
              + ", length="
              + sequence.length());
    }
  }

  private void dropAgain(Throwable refused) {
    try {
      parked = parkEmptyHanded(cache, sequences());
      isBack = false;
    } catch (IllegalStateException notIdle) {
      refused.addSuppressed(notIdle);
    }
  }

  @Override
  public String toString() {
    return "DroppedGroup[numSequences="
        + sequences().size()
        + ", numBlocks="
        + plan.numBlocks()
        + ", numTokens="
        + plan.numTokens()
        + ", isBack="
        + isBack
        + "]";
  }
}
