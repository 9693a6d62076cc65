package dev.pagoda.bench;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Rows;
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
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What does a step cost apart from its bytes? Plan, reserve and describe one token for each of many
 * sequences, and roll it back.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 10, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(3)
public class StepOverheadBenchmark {
  /** Sequences per step. */
  @Param({"1", "256"})
  public int numSeqs = 1;

  /** Tokens each sequence has before. */
  @Param({"1024", "4096"})
  public int contextLength = 1024;

  private PagedKvCache cache;
  private Step step;
  private final List<KvSequence> sequences = new ArrayList<>();

  /** Fills the sequences; the smallest possible keys and values, so that only the step counts. */
  @Setup(Level.Trial)
  public void fill() {
    KvShape shape = KvShape.uniform(1, 1, 1, DType.BF16);
    int blocksPerSeq = shape.blocksFor(contextLength + 1);
    cache = PagedKvCache.open(shape, Backend.SCALAR, Capacity.blocks(numSeqs * blocksPerSeq));
    step = cache.newStep();
    float[] zeros = new float[numSeqs * contextLength];
    for (int i = 0; i < numSeqs; i++) {
      sequences.add(cache.newSequence(contextLength + 1));
      step.append(sequences.get(i), contextLength);
    }
    step.begin();
    step.write(0, Rows.of(zeros), Rows.of(zeros));
    step.commit();
  }

  /** Frees them. */
  @TearDown(Level.Trial)
  public void free() {
    cache.closeAll();
  }

  /** Plans, reserves and rolls back. */
  @Benchmark
  public int beginAndRollBack() {
    for (KvSequence sequence : sequences) {
      step.append(sequence, 1);
    }
    int numTokens = step.begin().numTokens();
    step.rollback();
    return numTokens;
  }
}
