package dev.pagoda.lab.experiment;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Rows;

/**
 * A cache whose layer is one number wide, for experiments about who owns which block: everything is
 * real but the width, on which ownership does not depend.
 */
final class NarrowCache implements AutoCloseable {
  private static final Rows SHARED_ROW = Rows.of(new float[1], 0, 0);

  private final PagedKvCache cache;
  private final Step step;

  NarrowCache(int numBlocks, int blockSize) {
    KvShape shape = KvShape.uniform(1, 1, 1, DType.FP32).withBlockSize(blockSize);
    cache = PagedKvCache.open(shape, Backend.SCALAR, Capacity.blocks(numBlocks));
    step = cache.newStep();
  }

  PagedKvCache cache() {
    return cache;
  }

  /** A step to append to, which {@link #commit} then carries out. */
  Step step() {
    return step;
  }

  /** Begins the step, writes its rows and commits. */
  void commit() {
    step.begin();
    try (step) {
      step.write(0, SHARED_ROW, SHARED_ROW);
      step.commit();
    }
  }

  /** Opens a sequence with a prompt. */
  KvSequence prompt(int numTokens) {
    KvSequence prompt = cache.newSequence();
    step.append(prompt, numTokens);
    commit();
    return prompt;
  }

  SharingCount sharing() {
    return SharingCount.of(cache.statistics());
  }

  @Override
  public void close() {
    cache.closeAll();
  }
}
