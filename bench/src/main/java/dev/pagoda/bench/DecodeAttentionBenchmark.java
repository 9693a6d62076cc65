package dev.pagoda.bench;

import dev.pagoda.Backend;
import dev.pagoda.Workers;
import dev.pagoda.layout.DType;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
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

/**
 * How fast does one thread attend over keys and values that are in no cache of the processor?
 * Before each iteration, in the same JVM, the same bytes are only read.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 10, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(
    value = 3,
    jvmArgsAppend = {"-Xmx3g", "-XX:MaxDirectMemorySize=4g"})
public class DecodeAttentionBenchmark {
  /** Row of shapes.csv. */
  @Param({"C1", "C2", "C3"})
  public String shape = "C1";

  /** Type of keys and values in the cache. */
  @Param({"FP32", "BF16", "FP16"})
  public DType dtype = DType.FP32;

  /** What computes. */
  @Param({"vector"})
  public String backend = "vector";

  /** Threads that share a call, this one included. */
  @Param({"1"})
  public int threads = 1;

  /** Calls rotate over so much: 1024 keeps every read cold, 0 reads the same keys each time. */
  @Param({"1024"})
  public int coldMebibytes = 1024;

  private AttentionFixture fixture;
  private PoolReader reader;
  private double plainReadMicros;
  private double streamRead;
  private ExecutorService executor;
  private Workers workers = Workers.caller();

  /** What the memory gives in the same JVM, measured before each iteration on one thread. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.EVENTS)
  public static class Ceiling {
    /** A sum over what a call reads, block by block in the order of the block tables, us. */
    public double plainReadMicros;

    /** The pool from end to end, GB/s. */
    public double streamRead;
  }

  /** Fills the cache. */
  @Setup(Level.Trial)
  public void fill() {
    long coldBytes = (long) coldMebibytes << 20;
    fixture = new AttentionFixture(Shape.named(shape), dtype, Backend.named(backend), coldBytes);
    reader = new PoolReader(fixture);
    executor = Executors.newFixedThreadPool(threads);
    workers = new Workers(executor, threads);
  }

  /** Measures the ceilings beside what is measured against them. */
  @Setup(Level.Iteration)
  public void measureCeilings() {
    plainReadMicros = reader.layerMicros();
    streamRead = reader.streamGigabytesPerSecond();
  }

  /** Frees it. */
  @TearDown(Level.Trial)
  public void free() {
    executor.close();
    fixture.close();
  }

  /** Attention of every sequence over its whole context. */
  @Benchmark
  public float[] attend(Ceiling ceiling) {
    ceiling.plainReadMicros = plainReadMicros;
    ceiling.streamRead = streamRead;
    return fixture.attendOn(workers);
  }

  static Work work(String shape, DType dtype) {
    Shape s = Shape.named(shape);
    return new Work((double) s.kvElements() * dtype.byteSize(), s.operations());
  }
}
