package dev.pagoda.tier;

import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import java.util.List;

/**
 * What making room by giving up a group would have to move or to compute, shared blocks and tokens
 * counted once.
 *
 * @param numBlocks distinct blocks
 * @param bytes bytes of those
 * @param numTokens tokens to feed again
 * @param numFeeds runs of tokens to feed
 */
public record PreemptionLoad(int numBlocks, long bytes, long numTokens, int numFeeds) {
  /**
   * The load of a group.
   *
   * @param cache the cache of the group
   * @param group distinct idle sequences
   * @return its load
   * @throws IllegalStateException if a sequence is closed or parked
   */
  public static PreemptionLoad of(PagedKvCache cache, List<KvSequence> group) {
    RecomputePlan plan = RecomputePlan.of(cache, group);
    return new PreemptionLoad(
        plan.numBlocks(),
        cache.layout().poolBytes(plan.numBlocks()),
        plan.numTokens(),
        plan.numFeeds());
  }
}
