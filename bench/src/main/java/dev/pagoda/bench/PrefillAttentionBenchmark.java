package dev.pagoda.bench;

import dev.pagoda.Backend;
import dev.pagoda.layout.DType;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
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

/** How fast does one thread attend over a whole prompt at once? Bound by arithmetic, so hot. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 10, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 3, jvmArgsAppend = "-Xmx2g")
public class PrefillAttentionBenchmark {
  /** Row of shapes.csv. */
  @Param({"C5", "C6"})
  public String shape = "C5";

  /** Type of keys and values in the cache. */
  @Param({"FP32", "BF16", "FP16"})
  public DType dtype = DType.FP32;

  /** What computes. */
  @Param({"vector"})
  public String backend = "vector";

  private AttentionFixture fixture;
  private double fmaPeak;

  /** What the processor gives in the same JVM, measured before each iteration on one thread. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.EVENTS)
  public static class Ceiling {
    /** Multiply-adds in registers, GFLOP/s. */
    public double fmaPeak;
  }

  /** Fills the cache. */
  @Setup(Level.Trial)
  public void fill() {
    fixture = new AttentionFixture(Shape.named(shape), dtype, Backend.named(backend), 0);
  }

  /** Frees it. */
  @TearDown(Level.Trial)
  public void free() {
    fixture.close();
  }

  /** Measures the ceiling beside what is measured against it. */
  @Setup(Level.Iteration)
  public void measureCeiling() {
    fmaPeak = FmaPeak.gigaflopsPerSecond();
  }

  /** Causal attention of every token of the prompt. */
  @Benchmark
  public float[] attend(Ceiling ceiling) {
    ceiling.fmaPeak = fmaPeak;
    return fixture.attend();
  }
}
