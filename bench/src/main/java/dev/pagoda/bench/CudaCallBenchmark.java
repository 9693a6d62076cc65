package dev.pagoda.bench;

import dev.pagoda.AttentionRows;
import dev.pagoda.Capacity;
import dev.pagoda.Checks;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.Workers;
import dev.pagoda.cuda.CudaCache;
import dev.pagoda.cuda.CudaPlace;
import dev.pagoda.cuda.CudaStep;
import dev.pagoda.cuda.DeviceBuffer;
import dev.pagoda.cuda.DeviceRows;
import dev.pagoda.cuda.StepRoom;
import dev.pagoda.layout.AttentionSpec;
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
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What does a call on the CUDA backend cost the host? Calls are queued {@value #CALLS} at a time,
 * and the device catches up outside the measured time, so that nothing waits for it.
 *
 * <p>{@code bareWrite} and {@code bareAttend} are the native library's own functions through FFM,
 * see {@link BareCalls}; what {@code write} and {@code attend} take above them is the cache's.
 * {@code begin} plans, reserves and queues the update of the step's arrays, and rolls back.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 10, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(3)
public class CudaCallBenchmark {
  /** Calls per invocation; a stream takes about a thousand before it makes the host wait. */
  public static final int CALLS = 64;

  private static final int CONTEXT = 1024;
  private static final AttentionSpec SPEC = AttentionSpec.causal(32, 0.0884f);

  /** Sequences per step. */
  @Param({"1", "256"})
  public int numSeqs = 1;

  private PagedKvCache cache;
  private CudaCache cuda;
  private Step step;
  private Step planned;
  private final List<KvSequence> inStep = new ArrayList<>();
  private final List<KvSequence> toPlan = new ArrayList<>();
  private final List<DeviceBuffer> buffers = new ArrayList<>();
  private Rows keys = Rows.none();
  private Rows values = Rows.none();
  private AttentionRows attention = AttentionRows.of(Rows.none(), Rows.none());
  private BareCalls bare;

  /** A step that has begun, with one new token for each of its sequences, and one that has not. */
  @Setup(Level.Trial)
  public void open() {
    KvShape shape = KvShape.uniform(1, 8, 128, DType.BF16);
    CudaPlace place = CudaPlace.firstDevice().withRoom(new StepRoom(numSeqs, numSeqs, 2 * CONTEXT));
    int numBlocks = 2 * numSeqs * shape.blocksFor(CONTEXT + 1);
    cache = PagedKvCache.open(shape, place, Capacity.blocks(numBlocks), Checks.STANDARD);
    cuda = cache.unwrap(CudaCache.class);
    bare = new BareCalls(cuda, numSeqs);
    keys = rows(numSeqs * 8 * 128);
    values = rows(numSeqs * 8 * 128);
    attention = AttentionRows.of(rows(numSeqs * 32 * 128), rows(numSeqs * 32 * 128));
    step = cache.newStep();
    planned = cache.newStep();
    fill(step, inStep, 1); // short, so that the device keeps up
    fill(planned, toPlan, CONTEXT);
    inStep.forEach(sequence -> step.append(sequence, 1));
    step.begin();
    write();
    attend();
    cuda.synchronize();
  }

  private Rows rows(int numElements) {
    DeviceBuffer buffer = cuda.allocate(2L * numElements);
    buffers.add(buffer);
    return DeviceRows.of(buffer.pointer(), DType.BF16);
  }

  private void fill(Step filling, List<KvSequence> filled, int numTokens) {
    for (int i = 0; i < numSeqs; i++) {
      filled.add(cache.newSequence(numTokens + 1));
      filling.append(filled.get(i), numTokens);
    }
    filling.begin();
    filling.unwrap(CudaStep.class).declareWritten(); // what the tokens hold does not matter here
    filling.commit();
  }

  /** Frees everything. */
  @TearDown(Level.Trial)
  public void close() {
    step.rollback();
    bare.close();
    buffers.forEach(DeviceBuffer::close);
    cache.closeAll();
  }

  /** Lets the device catch up. */
  @TearDown(Level.Invocation)
  public void catchUp() {
    cuda.synchronize();
  }

  /** Keys and values of one layer. */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void write() {
    for (int i = 0; i < CALLS; i++) {
      step.write(0, keys, values);
    }
  }

  /** Attention of one layer. */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void attend() {
    for (int i = 0; i < CALLS; i++) {
      step.attend(0, SPEC, attention, Workers.caller());
    }
  }

  /**
   * The native write alone.
   *
   * @return its status
   */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public int bareWrite() {
    int status = 0;
    for (int i = 0; i < CALLS; i++) {
      status |= bare.write();
    }
    return status;
  }

  /**
   * The native attention alone.
   *
   * @return its status
   */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public int bareAttend() {
    int status = 0;
    for (int i = 0; i < CALLS; i++) {
      status |= bare.decode();
    }
    return status;
  }

  /**
   * A step's plan, blocks and arrays.
   *
   * @return its rows
   */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public int begin() {
    int numTokens = 0;
    for (int i = 0; i < CALLS; i++) {
      for (int j = 0; j < numSeqs; j++) {
        planned.append(toPlan.get(j), 1);
      }
      numTokens += planned.begin().numTokens();
      planned.rollback();
    }
    return numTokens;
  }
}
