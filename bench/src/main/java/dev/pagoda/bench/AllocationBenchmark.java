package dev.pagoda.bench;

import com.sun.management.ThreadMXBean;
import dev.pagoda.AttentionRows;
import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.Workers;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Rows;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
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
 * What do steps put on the heap while shapes change from one to the next? {@code scripts/bench.sh
 * allocations} runs it with {@code -prof gc}, and fails above a bound.
 *
 * <p>Steps are short, because what JMH itself allocates in an iteration is shared out among them.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 1, time = 1)
@Measurement(iterations = 3, time = 2)
@Fork(value = 1, jvmArgsAppend = "-Xmx512m")
public class AllocationBenchmark {
  private static final int SEQUENCES = 4;
  private static final int CHUNK = 16; // tokens of a piece of a prompt: enough to be packed
  private static final int CONTEXT = 40;
  private static final int QUIET_STEPS = 2_000;
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(60);
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** One model's cache, with sequences of different lengths. */
  private static final class Model implements AutoCloseable {
    private final PagedKvCache cache;
    private final Step step;
    private final List<KvSequence> sequences = new ArrayList<>();
    private final AttentionSpec spec;
    private final Rows keys;
    private final Rows values;
    private final Rows queries;
    private final Rows output;
    private final AttentionRows rows;

    Model(KvShape shape, int numQueryHeads) {
      cache = PagedKvCache.open(shape, Backend.named("vector"), Capacity.bytes(8 << 20));
      step = cache.newStep();
      spec = AttentionSpec.causal(numQueryHeads, 0.1f);
      int numRows = SEQUENCES * CONTEXT;
      int headDim = shape.layer(0).keyHeadDim();
      keys = Rows.of(new float[numRows * shape.layer(0).numKvHeads() * headDim]);
      values = keys;
      queries = Rows.of(new float[numRows * numQueryHeads * headDim]);
      output = Rows.of(new float[numRows * numQueryHeads * headDim]);
      rows = AttentionRows.of(queries, output);
      for (int i = 0; i < SEQUENCES; i++) {
        sequences.add(cache.newSequence(CONTEXT + CHUNK));
        step.append(sequences.get(i), CONTEXT - i);
      }
      step.begin();
      step.write(0, keys, values);
      step.commit();
    }

    /** Decode rows of some sequences, and now and then a piece of a prompt among them. */
    void step(int number, Workers workers) {
      int numSequences = 1 + number % SEQUENCES;
      for (int i = 0; i < numSequences; i++) {
        step.append(sequences.get(i), (number + i) % 5 == 0 ? CHUNK : 1);
      }
      step.begin();
      step.write(0, keys, values);
      if (number % 2 == 0) {
        step.attend(0, spec, queries, output);
      } else {
        step.attend(0, spec, rows, workers);
      }
      step.rollback();
    }

    @Override
    public void close() {
      step.close();
      cache.closeAll();
    }
  }

  private final List<Model> models = new ArrayList<>();
  private final Workers workers = new Workers(Runnable::run, 3);
  private int number;

  /** Keeps what was planted from being optimised away. */
  byte[] planted = {};

  /**
   * Opens caches of different shapes and types, and takes steps until they are all compiled: before
   * that the Vector API makes objects of vectors. How long that takes is the machine's business.
   */
  @Setup(Level.Trial)
  public void open() {
    models.add(new Model(KvShape.uniform(1, 2, 64, DType.FP32), 8));
    models.add(new Model(KvShape.uniform(1, 2, 128, DType.BF16), 2));
    models.add(new Model(KvShape.uniform(1, 1, 80, DType.FP16).withBlockSize(32), 7));
    models.add(new Model(KvShape.uniform(1, 2, 40, DType.FP32).withBlockSize(5), 16));
    models.add(new Model(KvShape.uniform(1, 1, 64, DType.BF16).withBlockSize(8), 4));
    long start = System.nanoTime();
    long before;
    do {
      before = THREADS.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < QUIET_STEPS; i++) {
        step();
      }
    } while (THREADS.getCurrentThreadAllocatedBytes() > before
        && System.nanoTime() - start < PATIENCE_NANOS);
  }

  /** Closes them. */
  @TearDown(Level.Trial)
  public void close() {
    models.forEach(Model::close);
    models.clear();
  }

  /** One step of the next shape. */
  @Benchmark
  public int step() {
    number = number == Integer.MAX_VALUE ? 0 : number + 1;
    models.get(number % models.size()).step(number / models.size(), workers);
    return number;
  }

  /** The same with the smallest object that there is: what the bound has to catch. */
  @Benchmark
  public int stepWithPlantedAllocation() {
    planted = new byte[0];
    return step();
  }
}
