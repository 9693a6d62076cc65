package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.Rows;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Not one byte on the heap per step, once the largest batch has been seen. */
class ZeroAllocationTest {
  private static final int SEQUENCES = 6;
  private static final int TOKENS_MAX = 4_000;
  private static final int WARM_UP_STEPS = 3_000;
  private static final int MEASURED_STEPS = 500;
  private static final int WINDOWS = 5;
  private static final KvShape SHAPE = KvShape.uniform(2, 2, 4, DType.BF16);
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** A cache in the middle of its work, and one step of it. */
  private static final class Decoding implements AutoCloseable {
    final PagedKvCache cache;
    final List<KvSequence> sequences = new ArrayList<>();
    final Step step;
    private final AttentionSpec spec = AttentionSpec.causal(4, 0.5f);
    private final Rows keys = Rows.of(new float[64 * 8]);
    private final Rows values = Rows.of(new float[64 * 8]);
    private final Rows queries = Rows.of(new float[64 * 16]);
    private final Rows output = Rows.of(new float[64 * 16]);
    private final AttentionRows rows =
        new AttentionRows(queries, output, Rows.of(new float[64 * 4]));
    private final HeadRange firstHead = new HeadRange(0, 1);
    private final HeadRange secondHead = new HeadRange(1, 2);
    private final Workers workers;

    Decoding(PagedKvCache cache, int numThreads) {
      this.cache = cache;
      workers = new Workers(Runnable::run, numThreads);
      step = cache.newStep();
      for (int i = 0; i < SEQUENCES; i++) {
        sequences.add(cache.newSequence(TOKENS_MAX));
      }
    }

    static Decoding open(int numThreads) {
      int numBlocks = SEQUENCES * SHAPE.blocksFor(TOKENS_MAX);
      return new Decoding(
          PagedKvCache.open(SHAPE, Backend.SCALAR, Capacity.blocks(numBlocks)), numThreads);
    }

    /** Another number of sequences and of tokens each time, decode rows and chunks mixed. */
    void step(int number) {
      int numSequences = 1 + number % SEQUENCES;
      for (int i = 0; i < numSequences; i++) {
        step.append(sequences.get(i), number % 7 == 0 ? 1 + (number + i) % 5 : 1);
      }
      step.begin();
      for (int layer = 0; layer < SHAPE.numLayers(); layer++) {
        if (number % 3 == 0) {
          rowByRow(layer);
        } else {
          step.write(layer, keys, values);
          step.attend(layer, spec, queries, output);
          step.attend(layer, spec, rows, workers);
        }
      }
      if (number % 5 == 0) {
        step.rollback();
      } else {
        step.commit();
      }
      if (number % 97 == 0) {
        for (int i = 0; i < SEQUENCES; i++) {
          sequences.get(i).truncate(Math.min(sequences.get(i).length(), 20 + i));
        }
      }
    }

    private void rowByRow(int layer) {
      for (int row = 0; row < step.numTokens(); row++) {
        step.writeToken(layer, row, keys, values);
      }
      for (int row = 0; row < step.numTokens(); row++) {
        step.attendToken(layer, spec, rows, row, firstHead);
        step.attendToken(layer, spec, rows, row, secondHead);
      }
    }

    /** Once in vain and once for good. */
    void copyAndWrite(KvSequence fork) {
      step.append(fork, 1).begin();
      step.rollback();
      step.append(fork, 1).begin();
      for (int layer = 0; layer < SHAPE.numLayers(); layer++) {
        step.write(layer, keys, values);
      }
      step.commit();
    }

    @Override
    public void close() {
      step.close();
      cache.closeAll();
    }
  }

  private interface Work {
    void step(int number);
  }

  /**
   * Bytes that the calling thread allocates for measured steps, after a warm-up: the least of a few
   * windows, because the JVM itself now and then makes an object on a thread of ours, when it links
   * or compiles something. What steps allocate is in every window.
   */
  private static long allocatedBytes(Work work) {
    for (int i = 0; i < WARM_UP_STEPS; i++) {
      work.step(i);
    }
    long least = Long.MAX_VALUE;
    for (int window = 0; window < WINDOWS && least > 0; window++) {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < MEASURED_STEPS; i++) {
        work.step(i);
      }
      least = Math.min(least, THREADS.getCurrentThreadAllocatedBytes() - before);
    }
    return least;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void stepsOfChangingShapeAllocateNothing(int numThreads) {
    try (Decoding decoding = Decoding.open(numThreads)) {
      assertThat(allocatedBytes(decoding::step)).isZero();
      assertThat(decoding.cache.statistics().numTokens()).isPositive();
    }
  }

  /** Forks are new objects; the copies of their blocks, and rolling them back, are none. */
  @Test
  void copyOnWriteAllocatesNothing() {
    try (Decoding decoding = Decoding.open(1)) {
      KvSequence prompt = decoding.sequences.getFirst();
      for (int i = 0; i < 30; i++) {
        decoding.step(6); // so that a block is begun and not full
      }
      assertThat(prompt.length() % SHAPE.blockSize()).isPositive();
      long least = Long.MAX_VALUE;
      for (int window = 0; window < 10 + WINDOWS; window++) {
        List<KvSequence> forks = new ArrayList<>();
        for (int i = 0; i < MEASURED_STEPS; i++) {
          forks.add(prompt.fork());
        }
        long copies = decoding.cache.statistics().numBlockCopies();
        long before = THREADS.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < MEASURED_STEPS; i++) {
          decoding.copyAndWrite(forks.get(i));
        }
        least = Math.min(least, THREADS.getCurrentThreadAllocatedBytes() - before);
        copies = decoding.cache.statistics().numBlockCopies() - copies;
        assertThat(copies).isEqualTo(2L * MEASURED_STEPS);
        forks.forEach(KvSequence::close);
      }
      assertThat(least).isZero();
    }
  }

  // The measurement itself: planted allocations, and found.

  /** The interposed kernels describe each call in an object of its own. */
  @Test
  void anObjectPerCallIsFound() {
    InterposedKernels kernels = new InterposedKernels();
    HostStorage host = HostStorage.allocate(new KvLayout(SHAPE, kernels.keyOrder()), 64);
    PagedKvCache cache = new PagedKvCache(Backend.SCALAR, kernels, host, Checks.STANDARD);
    try (Decoding decoding = new Decoding(cache, 1)) {
      assertThat(
              allocatedBytes(number -> {
                decoding.step.append(decoding.sequences.getFirst(), 1).begin();
                decoding.step.write(0, decoding.keys, decoding.values);
                decoding.step.rollback();
              }))
          .isGreaterThanOrEqualTo(16L * MEASURED_STEPS);
    }
  }

  /** A sequence that was not told how long it would become. */
  @Test
  void aTableThatGrowsOnceIsFound() {
    KvShape tokenBlocks = KvShape.uniform(1, 1, 1, DType.FP32).withBlockSize(1);
    int tokens = WARM_UP_STEPS + WINDOWS * MEASURED_STEPS;
    try (PagedKvCache cache =
            PagedKvCache.open(tokenBlocks, Backend.SCALAR, Capacity.blocks(tokens + 5));
        KvSequence prepared = cache.newSequence(tokens);
        KvSequence unprepared = cache.newSequence()) {
      Rows one = Rows.of(new float[1]);
      Step step = cache.newStep();
      Work work =
          number -> {
            step.append(prepared, 1).begin();
            step.write(0, one, one);
            step.commit();
          };
      assertThat(allocatedBytes(work)).isZero();

      long before = THREADS.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 5; i++) { // there is room for 4
        step.append(unprepared, 1).begin();
        step.write(0, one, one);
        step.commit();
      }
      assertThat(THREADS.getCurrentThreadAllocatedBytes() - before)
          .isGreaterThanOrEqualTo(8L * Long.BYTES);
    }
  }
}
