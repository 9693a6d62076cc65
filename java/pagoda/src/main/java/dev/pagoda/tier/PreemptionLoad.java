package dev.pagoda.tier;

import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.ParkedGroup;
import java.util.List;

/**
 * What making room by giving up a group would have to move or to compute, shared blocks and tokens
 * counted once.
 *
 * @param numBlocks distinct blocks
 * @param bytes bytes of those
 * @param numTokens tokens to feed again
 * @param numFeeds runs of tokens to feed
 * @param numAttended how many tokens those to be fed attend to, each one its whole context
 */
public record PreemptionLoad(
    int numBlocks, long bytes, long numTokens, int numFeeds, long numAttended) {
  /**
   * The load of one sequence that shares nothing, from numbers alone.
   *
   * @param fromPosition tokens that stay
   * @param toPosition tokens in all
   * @param numBlocks blocks of those that go
   * @param blockBytes bytes of a block
   * @return its load
   */
  public static PreemptionLoad ofRun(
      int fromPosition, int toPosition, int numBlocks, long blockBytes) {
    return new PreemptionLoad(
        numBlocks,
        numBlocks * blockBytes,
        toPosition - fromPosition,
        toPosition > fromPosition ? 1 : 0,
        RecomputePlan.attended(fromPosition, toPosition));
  }

  /**
   * The load of a group.
   *
   * @param cache the cache of the group
   * @param group distinct idle sequences
   * @return its load
   * @throws IllegalStateException if a sequence is closed or parked
   */
  public static PreemptionLoad of(PagedKvCache cache, List<KvSequence> group) {
    return ofTail(cache, group, 0);
  }

  /**
   * The load of the last blocks of a group.
   *
   * @param cache the cache of the group
   * @param group distinct idle sequences
   * @param firstBlockIndex block index from which on blocks are given up
   * @return their load
   * @throws IllegalStateException if a sequence is closed or parked
   */
  public static PreemptionLoad ofTail(
      PagedKvCache cache, List<KvSequence> group, int firstBlockIndex) {
    RecomputePlan plan = RecomputePlan.ofTail(cache, group, firstBlockIndex);
    return new PreemptionLoad(
        plan.numBlocks(),
        cache.layout().poolBytes(plan.numBlocks()),
        plan.numTokens(),
        plan.numFeeds(),
        plan.numAttended());
  }

  /**
   * The load of further blocks of a group whose last ones were swapped out: what comes on top of
   * what has to be moved or computed again in any case.
   *
   * @param cache the cache of the group
   * @param group a group that is away
   * @param firstBlockIndex block index from which on blocks would be given up, less than before
   * @return their load
   * @throws IllegalArgumentException if the index is not less than before
   * @throws IllegalStateException if a sequence was closed, or the group came back
   */
  public static PreemptionLoad ofMore(PagedKvCache cache, SwappedGroup group, int firstBlockIndex) {
    return ofMore(cache, group.parked(), firstBlockIndex);
  }

  /**
   * The load of further blocks of a group whose last ones were dropped: what comes on top of what
   * has to be computed again in any case.
   *
   * @param cache the cache of the group
   * @param group a group that is away
   * @param firstBlockIndex block index from which on blocks would be given up, less than before
   * @return their load
   * @throws IllegalArgumentException if the index is not less than before
   * @throws IllegalStateException if a sequence was closed, or the group came back
   */
  public static PreemptionLoad ofMore(PagedKvCache cache, DroppedGroup group, int firstBlockIndex) {
    return ofMore(cache, group.parked(), firstBlockIndex);
  }

  private static PreemptionLoad ofMore(PagedKvCache cache, ParkedGroup group, int firstBlockIndex) {
    ParkedGroup all = cache.asIfParkedFrom(group, firstBlockIndex);
    RecomputePlan due = RecomputePlan.of(GroupTables.of(cache, group));
    RecomputePlan plan = RecomputePlan.of(GroupTables.of(cache, all));
    int numBlocks = all.numBlocks() - group.numBlocks();
    // What had different blocks before it was cut may be shared after that, and cost less.
    return new PreemptionLoad(
        numBlocks,
        cache.layout().poolBytes(numBlocks),
        Math.max(0, plan.numTokens() - due.numTokens()),
        Math.max(0, plan.numFeeds() - due.numFeeds()),
        Math.max(0, plan.numAttended() - due.numAttended()));
  }
}
