package dev.pagoda.lab.experiment;

import dev.pagoda.CacheStatistics;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.block.OutOfBlocksException;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;

/** Serves from a {@link PagedKvCache}, with real steps that reserve, write and commit. */
final class PagedServer implements Server {
  /** Share of the blocks that is kept for jobs in progress, as the published system does. */
  private static final double WATERMARK = 0.01;

  private final NarrowCache narrow;
  private final PagedKvCache cache;
  private final List<Running> running = new ArrayList<>();
  private final int watermarkBlocks;
  private long numPreemptions;

  private record Running(Job job, KvSequence sequence) {}

  PagedServer(int slots, int blockSize) {
    int numBlocks = slots / blockSize;
    narrow = new NarrowCache(numBlocks, blockSize);
    cache = narrow.cache();
    watermarkBlocks = (int) Math.ceil(numBlocks * WATERMARK);
  }

  @Override
  public boolean admit(Job job) {
    int needed = cache.shape().blocksFor(job.nextTokens(0));
    if (needed + watermarkBlocks > numFree()) {
      return false;
    }
    Running admitted = new Running(job, cache.newSequence());
    running.add(admitted);
    // The prompt at once: the next job must see what is left.
    append(List.of(admitted));
    return true;
  }

  private int numFree() {
    return cache.statistics().blocks().numFree();
  }

  @Override
  public void advance(Deque<Job> queue) {
    while (true) {
      try {
        append(running);
        break;
      } catch (OutOfBlocksException full) {
        // Who came last leaves first, and computes what it had once more.
        Running latest = running.removeLast();
        latest.sequence().close();
        queue.addFirst(latest.job());
        numPreemptions++;
      }
    }
    for (Iterator<Running> all = running.iterator(); all.hasNext(); ) {
      Running each = all.next();
      if (each.sequence().length() >= each.job().request.totalTokens()) {
        each.sequence().close();
        all.remove();
      }
    }
  }

  private void append(List<Running> some) {
    if (some.isEmpty()) {
      return;
    }
    for (Running each : some) {
      narrow.step().append(each.sequence(), each.job().nextTokens(each.sequence().length()));
    }
    narrow.commit();
    some.forEach(each -> each.job().length = each.sequence().length());
  }

  @Override
  public Occupancy occupancy() {
    CacheStatistics now = cache.statistics();
    int blockSize = cache.shape().blockSize();
    double used = (double) now.blocks().numUsed() * blockSize;
    return new Occupancy(
        now.numTokens(),
        0,
        used - now.numTokens(),
        (double) now.blocks().numFree() * blockSize,
        running.size());
  }

  /** Times a job had to leave for want of blocks. */
  long numPreemptions() {
    return numPreemptions;
  }

  @Override
  public void close() {
    narrow.close();
  }
}
