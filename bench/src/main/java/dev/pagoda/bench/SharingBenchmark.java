package dev.pagoda.bench;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Rows;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What do a fork and a copy-on-write cost? One sequence of 1,000 tokens, 8 layers of 8 KV heads x
 * 128 in BF16: a block of 16 tokens is 512 KiB, all layers together.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 10, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(3)
public class SharingBenchmark {
  private static final KvShape SHAPE = KvShape.uniform(8, 8, 128, DType.BF16);
  private static final int NUM_TOKENS = 1000; // the last block is partly filled

  private PagedKvCache cache;
  private KvSequence parent;
  private Step step;

  /** Fills the parent. */
  @Setup(Level.Trial)
  public void fill() {
    cache = PagedKvCache.open(SHAPE, Backend.SCALAR, Capacity.blocks(256));
    parent = cache.newSequence();
    step = cache.newStep();
    Rows zeros = Rows.of(new float[NUM_TOKENS * 8 * 128]);
    step.append(parent, NUM_TOKENS).begin();
    for (int layer = 0; layer < SHAPE.numLayers(); layer++) {
      step.write(layer, zeros, zeros);
    }
    step.commit();
  }

  /** Frees it. */
  @TearDown(Level.Trial)
  public void free() {
    cache.closeAll();
  }

  /** A fork that is closed again: 63 blocks shared, nothing copied. */
  @Benchmark
  public long fork() {
    try (KvSequence fork = parent.fork()) {
      return fork.id();
    }
  }

  /** A fork that appends, so that its last block is copied, and is rolled back and closed. */
  @Benchmark
  public long forkAndCopyOnWrite() {
    try (KvSequence fork = parent.fork()) {
      step.append(fork, 1).begin();
      step.rollback();
      return fork.id();
    }
  }

  static Work copyWork() {
    // One block of 16 tokens, keys and values, read and written.
    return new Work(2.0 * SHAPE.numLayers() * 2 * 8 * 16 * 128 * DType.BF16.byteSize(), 0);
  }
}
