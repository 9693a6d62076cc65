package dev.pagoda.lab.simulation;

import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.pressure.Victim;
import dev.pagoda.tier.PreemptionLoad;

/**
 * A job as the library's preemption policies see it.
 *
 * @param job whose sequences would make room
 * @param arrival its place in the order of admission
 * @param cache where they are
 * @param blockBytes bytes of a block on the simulated machine
 */
record JobVictim(Job job, long arrival, PagedKvCache cache, long blockBytes) implements Victim {
  @Override
  public int numBlocksHere() {
    return job.sequences().stream().mapToInt(KvSequence::numBlocksHere).max().orElse(0);
  }

  @Override
  public int numFreed(int firstBlockIndex) {
    return cache.numFreedByParking(job.sequences(), firstBlockIndex);
  }

  @Override
  public PreemptionLoad load(int firstBlockIndex) {
    PreemptionLoad load = PreemptionLoad.ofTail(cache, job.sequences(), firstBlockIndex);
    return new PreemptionLoad(
        load.numBlocks(),
        load.numBlocks() * blockBytes,
        load.numTokens(),
        load.numFeeds(),
        load.numAttended());
  }

  @Override
  public Begun begun() {
    return Begun.NOT;
  }
}
