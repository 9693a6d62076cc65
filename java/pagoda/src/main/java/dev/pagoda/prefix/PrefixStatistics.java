package dev.pagoda.prefix;

import java.util.Map;

/**
 * A prefix cache's numbers at one moment. Counters run from the moment it was opened.
 *
 * @param numBlocks blocks that are shareable now, in use or idle
 * @param numRequests requests opened
 * @param promptTokens tokens they were opened with
 * @param cachedTokens tokens they need not compute, without {@code returnedTokens}
 * @param returnedTokens the same of requests that were here before, see {@link
 *     OpenOptions#afterPreemption}
 * @param loadedTokens those of both that came from a lower tier
 * @param headTokens those of both that are heads of blocks
 * @param computedTokens tokens appended to their sequences in steps
 * @param publishedTokens tokens that became shareable
 * @param numDuplicates blocks not published because the same content was there already
 * @param numCollisions blocks not published because other content has their key
 * @param numQuotaRefusals blocks not published because their tenant had too many in use
 * @param misses requests by the reason why they found no longer prefix
 * @param removals blocks that are shareable no more, by reason
 */
public record PrefixStatistics(
    int numBlocks,
    long numRequests,
    long promptTokens,
    long cachedTokens,
    long returnedTokens,
    long loadedTokens,
    long headTokens,
    long computedTokens,
    long publishedTokens,
    long numDuplicates,
    long numCollisions,
    long numQuotaRefusals,
    Map<MissReason, Long> misses,
    Map<RemovalReason, Long> removals) {
  /** Copies the maps. */
  public PrefixStatistics {
    misses = Map.copyOf(misses);
    removals = Map.copyOf(removals);
  }
}
