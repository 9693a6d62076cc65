package dev.pagoda.lab.attention;

import dev.pagoda.AttentionRows;
import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.Workers;
import dev.pagoda.lab.cli.AttendAnswer;
import dev.pagoda.lab.cli.AttendEngine;
import dev.pagoda.lab.cli.AttendOptions;
import dev.pagoda.lab.cli.AttendProblem;
import dev.pagoda.lab.cli.Refusal;
import dev.pagoda.lab.safetensors.ElementType;
import dev.pagoda.layout.AttentionMask;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Answers {@code pagoda attend} through the library's public face: keys and values go into shuffled
 * blocks of a {@link PagedKvCache} of their own types, what stands before the queries in one step,
 * the queries' own tokens in a second one that attends.
 *
 * <p>Rows are read from the mapped file where they lie; nothing is copied but into the cache.
 */
public final class PagedAttendEngine implements AttendEngine {
  private static final long SHUFFLE_SEED = 1;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Backend backend;
  private final int numThreads;
  private final ExecutorService executor;

  private PagedAttendEngine(Backend backend, int numThreads) {
    this.backend = backend;
    this.numThreads = numThreads;
    // The calling thread works too. A pool of no threads starts none.
    executor =
        Executors.newFixedThreadPool(
            Math.max(1, numThreads - 1), Thread.ofPlatform().daemon().name("attend-", 1).factory());
  }

  /**
   * Opens an engine.
   *
   * @param options backend and threads
   * @return the engine, for the caller to close
   * @throws Refusal if the backend cannot be had, with the reason
   */
  public static PagedAttendEngine open(AttendOptions options) {
    return new PagedAttendEngine(ChosenBackend.of(options.backend()), options.executorThreads());
  }

  @Override
  public void attend(AttendProblem problem, AttendAnswer answer) {
    KvShape shape = shapeOf(problem);
    int numBlocks = 0;
    for (AttendProblem.Lengths lengths : problem.sequences()) {
      numBlocks = Math.addExact(numBlocks, shape.blocksFor(lengths.contextLength()));
    }
    if (numBlocks == 0) {
      return; // no token, hence no query and no output
    }
    try (PagedKvCache cache = PagedKvCache.open(shape, backend, Capacity.blocks(numBlocks))) {
      ShuffledBlocks.shuffle(cache, SHUFFLE_SEED);
      List<KvSequence> sequences = new ArrayList<>();
      try (Step step = cache.newStep()) {
        problem.sequences().forEach(lengths -> sequences.add(cache.newSequence()));
        appendWhatStandsBefore(problem, sequences, step);
        appendAndAttend(problem, sequences, step, answer);
      } finally {
        sequences.forEach(KvSequence::close);
      }
    }
  }

  private static KvShape shapeOf(AttendProblem problem) {
    LayerShape layer =
        new LayerShape(
            problem.key().numHeads(),
            problem.key().headDim(),
            problem.value().headDim(),
            dtypeOf(problem.key().type()),
            dtypeOf(problem.value().type()));
    return new KvShape(List.of(layer), problem.settings().blockSize());
  }

  private static AttentionSpec specOf(AttendProblem problem) {
    AttendProblem.Settings settings = problem.settings();
    return AttentionSpec.causal(problem.query().numHeads(), settings.softmaxScale())
        .withMask(new AttentionMask(settings.causal(), settings.slidingWindow()))
        .withLogitSoftCap(settings.logitsSoftCap())
        .withAlibiSlopes(array(problem.alibiSlopes()))
        .withSinks(array(problem.sinks()));
  }

  private static void appendWhatStandsBefore(
      AttendProblem problem, List<KvSequence> sequences, Step step) {
    int[] numTokens = new int[sequences.size()];
    int[] firstKvRows = new int[sequences.size()];
    int kvRow = 0;
    for (int i = 0; i < numTokens.length; i++) {
      AttendProblem.Lengths lengths = problem.sequences().get(i);
      numTokens[i] = lengths.contextLength() - lengths.queryLength();
      firstKvRows[i] = kvRow;
      kvRow += lengths.contextLength();
    }
    if (begin(step, sequences, numTokens)) {
      write(problem, step, numTokens, firstKvRows);
      step.commit();
    }
  }

  private void appendAndAttend(
      AttendProblem problem, List<KvSequence> sequences, Step step, AttendAnswer answer) {
    int[] numTokens = new int[sequences.size()];
    int[] firstKvRows = new int[sequences.size()];
    int kvRow = 0;
    for (int i = 0; i < numTokens.length; i++) {
      AttendProblem.Lengths lengths = problem.sequences().get(i);
      numTokens[i] = lengths.queryLength();
      firstKvRows[i] = kvRow + lengths.contextLength() - lengths.queryLength();
      kvRow += lengths.contextLength();
    }
    if (!begin(step, sequences, numTokens)) {
      return;
    }
    write(problem, step, numTokens, firstKvRows);
    int numQueryHeads = problem.query().numHeads();
    int numRows = step.numTokens();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment lse = arena.allocate((long) numRows * numQueryHeads * Float.BYTES, 64);
      AttentionRows rows =
          new AttentionRows(
              rowsOf(problem.query(), 0),
              Rows.of(answer.output(), DType.FP32),
              Rows.of(lse, DType.FP32));
      Workers workers = numThreads == 1 ? Workers.caller() : new Workers(executor, numThreads);
      step.attend(0, specOf(problem), rows, workers);
      transpose(lse, numRows, numQueryHeads, answer.lse());
    }
    step.commit();
  }

  /** Begins a step unless there is nothing to append. */
  private static boolean begin(Step step, List<KvSequence> sequences, int[] numTokens) {
    boolean any = false;
    for (int i = 0; i < numTokens.length; i++) {
      if (numTokens[i] > 0) {
        step.append(sequences.get(i), numTokens[i]);
        any = true;
      }
    }
    if (any) {
      step.begin();
    }
    return any;
  }

  /** A step's rows are packed; in the file they are runs, one per sequence. */
  private static void write(AttendProblem problem, Step step, int[] numTokens, int[] firstKvRows) {
    int token = 0;
    for (int i = 0; i < numTokens.length; i++) {
      // Contexts include queries, so a sequence's rows never come earlier in the file than here.
      int distance = firstKvRows[i] - token;
      Rows keys = rowsOf(problem.key(), distance);
      Rows values = rowsOf(problem.value(), distance);
      for (int end = token + numTokens[i]; token < end; token++) {
        step.writeToken(0, token, keys, values);
      }
    }
  }

  private static Rows rowsOf(AttendProblem.Rows rows, int firstRow) {
    DType dtype = dtypeOf(rows.type());
    long rowBytes = (long) rows.numHeads() * rows.headDim() * dtype.byteSize();
    return Rows.of(rows.data(), dtype, firstRow * rowBytes, Rows.PACKED);
  }

  private static DType dtypeOf(ElementType type) {
    return switch (type) {
      case F32 -> DType.FP32;
      case F16 -> DType.FP16;
      case BF16 -> DType.BF16;
      default -> throw new Refusal("keys are F32, F16 or BF16, dtype=" + type);
    };
  }

  private static float[] array(List<Float> numbers) {
    float[] array = new float[numbers.size()];
    for (int i = 0; i < array.length; i++) {
      array[i] = numbers.get(i);
    }
    return array;
  }

  private static void transpose(
      MemorySegment source, int numRows, int numColumns, MemorySegment target) {
    for (long row = 0; row < numRows; row++) {
      for (long column = 0; column < numColumns; column++) {
        target.setAtIndex(
            FLOAT, column * numRows + row, source.getAtIndex(FLOAT, row * numColumns + column));
      }
    }
  }

  @Override
  public void close() {
    executor.shutdown();
  }
}
