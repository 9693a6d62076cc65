package dev.pagoda.lab.simulation;

import dev.pagoda.lab.attention.RegionMap;
import dev.pagoda.lab.attention.ReservationPolicy;
import dev.pagoda.lab.workload.Request;
import java.util.List;
import java.util.OptionalInt;

/** One region per request, reserved when it begins: the baselines of the published comparison. */
final class ContiguousRoom implements Room {
  private static final int NO_ATTENTION = 256;

  private final int poolTokens;
  private final int totalTokensMax;
  private final int longestRegion;
  private final ReservationPolicy policy;
  private final RegionMap regions;
  private long reservedTokens;
  private long finalTokens;
  private int numJobs;

  ContiguousRoom(MemoryPolicy policy, int poolTokens, int totalTokensMax) {
    this.poolTokens = poolTokens;
    this.totalTokensMax = totalTokensMax;
    this.policy =
        switch (policy) {
          case MAXIMUM -> ReservationPolicy.MAXIMUM_LENGTH;
          case POWER_OF_TWO -> ReservationPolicy.POWER_OF_TWO;
          case ORACLE, EXACT -> ReservationPolicy.EXACT_LENGTH;
          case PAGED -> throw new IllegalArgumentException("not contiguous: policy=" + policy);
        };
    boolean exact = policy == MemoryPolicy.EXACT;
    regions = exact ? RegionMap.firstFit(poolTokens) : RegionMap.buddy(poolTokens);
    longestRegion = exact ? poolTokens : Integer.highestOneBit(poolTokens);
  }

  private int reserved(Job job) {
    return policy.reservedTokens(new Request(job.promptTokens, job.outputTokens), totalTokensMax);
  }

  @Override
  public String refusal(Job job) {
    int total = job.promptTokens + job.outputTokens;
    if (total > totalTokensMax) {
      return "longer than the longest request that is allowed";
    }
    return reserved(job) <= longestRegion ? "" : "no region is as long as its reservation";
  }

  @Override
  public int admit(Job job) {
    OptionalInt region = regions.take(reserved(job));
    if (region.isEmpty()) {
      return -1;
    }
    job.region = region.getAsInt();
    reservedTokens += reserved(job);
    finalTokens += job.promptTokens + job.outputTokens;
    numJobs++;
    return 0;
  }

  @Override
  public void plan(Job job, int tokens) {}

  @Override
  public int grow() {
    return 0;
  }

  @Override
  public Job victim(List<Job> admitted, int missingBlocks) {
    throw new IllegalStateException("a reservation is never outgrown: missing=" + missingBlocks);
  }

  @Override
  public void beginGenerating(Job job) {}

  @Override
  public int ahead(Job job, int length) {
    return NO_ATTENTION;
  }

  @Override
  public void afterToken(Job job) {}

  @Override
  public void release(Job job) {
    regions.giveBack(job.region);
    reservedTokens -= reserved(job);
    finalTokens -= job.promptTokens + job.outputTokens;
    job.region = -1;
    numJobs--;
  }

  @Override
  public Eviction evict(Job job) {
    throw new IllegalStateException("a reservation is never outgrown: job=" + job.index);
  }

  @Override
  public boolean bringBack(Job job) {
    throw new IllegalStateException("nothing was swapped out: job=" + job.index);
  }

  @Override
  public void measure(Occupancy sums, long liveTokens, double weight) {
    sums.live += weight * liveTokens;
    sums.reserved += weight * (finalTokens - liveTokens);
    sums.internal += weight * (reservedTokens - finalTokens);
    sums.external += weight * (poolTokens - reservedTokens);
  }

  @Override
  public double takeTransferNanos() {
    return 0;
  }

  @Override
  public long cachedTokens() {
    return 0;
  }

  @Override
  public long cacheableTokens() {
    return 0;
  }

  @Override
  public long usedBlocks() {
    return numJobs;
  }

  @Override
  public void close() {}
}
