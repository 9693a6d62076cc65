package dev.pagoda.bench;

import dev.pagoda.block.BlockPool;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** What do taking and giving back blocks cost, and does that grow with the pool? */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 10, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(3)
public class BlockPoolBenchmark {
  /** Blocks in the pool. */
  @Param({"1024", "1048576"})
  public int numBlocks = 1024;

  /** Blocks per call. */
  @Param({"1", "64"})
  public int blocksPerCall = 1;

  private BlockPool pool;
  private long[] handles;

  /** Makes the pool. */
  @Setup
  public void make() {
    pool = new BlockPool(numBlocks);
    handles = new long[blocksPerCall];
  }

  /** Takes blocks and gives them back. */
  @Benchmark
  public int allocateAndRelease() {
    var _ = pool.allocate(handles, 0, blocksPerCall);
    return pool.release(handles, 0, blocksPerCall);
  }
}
