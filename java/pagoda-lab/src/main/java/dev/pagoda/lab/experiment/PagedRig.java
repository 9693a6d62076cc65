package dev.pagoda.lab.experiment;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Workers;
import dev.pagoda.lab.attention.PagedBatch;
import dev.pagoda.lab.attention.ShuffledBlocks;
import dev.pagoda.layout.KvShape;
import java.util.List;
import java.util.function.Consumer;

/** A cache of the notebook's layer with a batch of sequences in it, to be timed. */
final class PagedRig implements AutoCloseable {
  private final PagedKvCache cache;
  private final PagedBatch batch;

  private PagedRig(PagedKvCache cache, PagedBatch batch) {
    this.cache = cache;
    this.batch = batch;
  }

  /**
   * How a rig is built.
   *
   * @param backend what computes
   * @param blockSize tokens per block
   * @param numSequences sequences of the batch
   * @param tokensMax longest context of each
   */
  record Plan(Backend backend, int blockSize, int numSequences, int tokensMax) {
    /** Blocks in random order, as traffic leaves them. */
    PagedRig shuffled(Workers workers, long seed) {
      return open(workers, cache -> ShuffledBlocks.shuffle(cache, seed));
    }

    /** Blocks as a fresh cache hands them out: a sequence that is filled at once is one run. */
    PagedRig inOrder(Workers workers) {
      return open(workers, cache -> {});
    }

    private PagedRig open(Workers workers, Consumer<PagedKvCache> prepare) {
      KvShape shape = new KvShape(List.of(NotebookLayer.SHAPE), blockSize);
      Capacity capacity = Capacity.blocks(numSequences * shape.blocksFor(tokensMax));
      PagedKvCache cache = PagedKvCache.open(shape, backend, capacity);
      prepare.accept(cache);
      return new PagedRig(
          cache, PagedBatch.open(cache, NotebookLayer.ATTENTION, numSequences, workers));
    }
  }

  PagedKvCache cache() {
    return cache;
  }

  PagedBatch batch() {
    return batch;
  }

  @Override
  public void close() {
    cache.closeAll();
  }
}
