package dev.pagoda.lab.simulation;

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
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.SwappedGroup;
import dev.pagoda.tier.TransferModel;
import dev.pagoda.tier.TransferSample;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleConsumer;

/**
 * Measures what this library does on this machine, on one thread: reading keys and values in decode
 * steps, attention of prompts, and moves to the host, for one layer, times the layers of a model.
 *
 * <p>Matrix products are not the library's. Their share of a step is bounded from below: the
 * weights are read once per step, at the rate at which this thread reads memory, and a prompt token
 * costs its multiplications at the rate that reading leaves for decode, one token being the unit
 * that a read of all weights computes.
 */
final class Calibration {
  /** What is planned for: Llama 3.1 8B, of which one layer is measured. */
  static final int NUM_LAYERS = 32;

  static final long WEIGHT_BYTES = 16L << 30;
  static final int NUM_KV_HEADS = 8;
  static final int HEAD_DIM = 128;
  static final int NUM_QUERY_HEADS = 32;
  static final int[] BLOCK_SIZES = {16, 8, 32, 64, 128};

  /** Prompt tokens that share one read of the weights before arithmetic takes over, assumed. */
  static final int TOKENS_PER_WEIGHT_READ = 16;

  private static final int ROW = NUM_QUERY_HEADS * HEAD_DIM;
  private static final int KV_ROW = NUM_KV_HEADS * HEAD_DIM;
  private static final AttentionSpec ATTENTION = AttentionSpec.causal(NUM_QUERY_HEADS, 0.088f);
  private static final int REPETITIONS = 15;
  private static final long WARM_UP_NANOS = 1_500_000_000L;

  private final Backend backend;
  private final List<Decode> decodes = new ArrayList<>();
  private final List<Prefill> prefills = new ArrayList<>();

  Calibration(Backend backend) {
    this.backend = backend;
  }

  /** One layer of a decode step. */
  record Decode(int blockSize, int numSequences, int contextTokens, double nanos) {}

  /** Attention of one chunk of a prompt, one layer. */
  record Prefill(int fromPosition, int tokens, double nanos) {}

  List<Decode> decodes() {
    return decodes;
  }

  List<Prefill> prefills() {
    return prefills;
  }

  Machine measure(long poolBytes, DoubleConsumer progress) {
    // What the JVM has not compiled yet is not what is to be measured.
    for (int blockSize : BLOCK_SIZES) {
      long start = System.nanoTime();
      while (System.nanoTime() - start < WARM_UP_NANOS) {
        var _ = decode(blockSize, 4, 512);
        var _ = prefill(128, 128);
      }
    }
    int done = 0;
    for (int blockSize : BLOCK_SIZES) {
      for (int numSequences : new int[] {1, 4, 8}) {
        for (int context : new int[] {256, 1024, 3072}) {
          decodes.add(decode(blockSize, numSequences, context));
          done++;
          progress.accept(0.8 * done / (9 * BLOCK_SIZES.length));
        }
      }
    }
    for (int from : new int[] {0, 512, 1536}) {
      prefills.add(prefill(from, 128));
    }
    progress.accept(0.9);
    List<TransferSample> out = new ArrayList<>();
    List<TransferSample> in = new ArrayList<>();
    for (int blockSize : new int[] {8, 128}) {
      swap(blockSize, out, in);
    }
    double readNanosPerByte = readNanosPerByte();
    progress.accept(1);
    return machine(poolBytes, readNanosPerByte, TransferModel.fit(out), TransferModel.fit(in));
  }

  private Machine machine(
      long poolBytes, double readNanosPerByte, TransferModel out, TransferModel in) {
    double[] base = fit(decodes.stream().filter(d -> d.blockSize() == 16).toList());
    List<Machine.BlockCost> costs = new ArrayList<>();
    for (int blockSize : BLOCK_SIZES) {
      double[] other = fit(decodes.stream().filter(d -> d.blockSize() == blockSize).toList());
      costs.add(new Machine.BlockCost(blockSize, other[1] / base[1]));
    }
    double weightsNanos = WEIGHT_BYTES * readNanosPerByte;
    double pairNanos =
        prefills.stream().mapToDouble(Prefill::nanos).sum()
            / prefills.stream()
                .mapToDouble(p -> p.tokens() * (p.fromPosition() + (p.tokens() + 1) / 2.0))
                .sum();
    long kvBytesPerToken = 2L * NUM_KV_HEADS * HEAD_DIM * 2 * NUM_LAYERS;
    return new Machine(
        "calibrated",
        kvBytesPerToken,
        Math.clamp(poolBytes / kvBytesPerToken, 1, Integer.MAX_VALUE),
        new LatencyModel(
            weightsNanos,
            NUM_LAYERS * base[0],
            NUM_LAYERS * base[1],
            weightsNanos / TOKENS_PER_WEIGHT_READ,
            NUM_LAYERS * pairNanos),
        costs,
        out,
        in,
        String.format(
            "Llama 3.1 8B in BF16 on this machine, one thread, backend %s: attention and moves"
                + " measured on one layer, times 32. Weights: 16 GiB read once per step at the"
                + " measured %.1f GB/s; %d prompt tokens per read of the weights assumed.",
            backend.label(), 1 / readNanosPerByte, TOKENS_PER_WEIGHT_READ));
  }

  /** Least squares of relative errors: nanos = a * sequences + b * tokens, neither negative. */
  static double[] fit(List<Decode> samples) {
    double ss = 0;
    double st = 0;
    double tt = 0;
    double s = 0;
    double t = 0;
    for (Decode sample : samples) {
      double x = sample.numSequences() / sample.nanos();
      double y = (double) sample.numSequences() * sample.contextTokens() / sample.nanos();
      ss += x * x;
      st += x * y;
      tt += y * y;
      s += x;
      t += y;
    }
    double determinant = ss * tt - st * st;
    double perSequence = (s * tt - t * st) / determinant;
    double perToken = (t * ss - s * st) / determinant;
    return perSequence < 0 ? new double[] {0, t / tt} : new double[] {perSequence, perToken};
  }

  private static KvShape shape(int blockSize) {
    return KvShape.uniform(1, NUM_KV_HEADS, HEAD_DIM, DType.BF16).withBlockSize(blockSize);
  }

  private Decode decode(int blockSize, int numSequences, int context) {
    KvShape shape = shape(blockSize);
    Capacity capacity = Capacity.blocks(numSequences * (shape.blocksFor(context) + 1));
    try (PagedKvCache cache = PagedKvCache.open(shape, backend, capacity)) {
      List<KvSequence> sequences = new ArrayList<>();
      try (Step step = cache.newStep()) {
        for (int i = 0; i < numSequences; i++) {
          sequences.add(cache.newSequence());
        }
        for (int filled = 0; filled < context; filled += 128) {
          for (KvSequence sequence : sequences) {
            step.append(sequence, 128);
          }
          write(step.begin());
          step.commit();
        }
        double[] nanos = new double[REPETITIONS];
        for (int i = 0; i < REPETITIONS; i++) {
          sequences.forEach(sequence -> step.append(sequence, 1));
          step.begin();
          write(step);
          AttentionRows attended = attentionRows(step);
          long start = System.nanoTime();
          step.attend(0, ATTENTION, attended, Workers.caller());
          nanos[i] = System.nanoTime() - start;
          step.rollback();
        }
        Arrays.sort(nanos);
        return new Decode(blockSize, numSequences, context, nanos[REPETITIONS / 2]);
      } finally {
        sequences.forEach(KvSequence::close);
      }
    }
  }

  private Prefill prefill(int from, int tokens) {
    KvShape shape = shape(16);
    Capacity capacity = Capacity.blocks(shape.blocksFor(from + tokens) + 1);
    try (PagedKvCache cache = PagedKvCache.open(shape, backend, capacity);
        KvSequence sequence = cache.newSequence();
        Step step = cache.newStep()) {
      for (int filled = 0; filled < from; filled += 128) {
        write(step.append(sequence, 128).begin());
        step.commit();
      }
      double[] nanos = new double[REPETITIONS];
      for (int i = 0; i < REPETITIONS; i++) {
        write(step.append(sequence, tokens).begin());
        AttentionRows attended = attentionRows(step);
        long start = System.nanoTime();
        step.attend(0, ATTENTION, attended, Workers.caller());
        nanos[i] = System.nanoTime() - start;
        step.rollback();
      }
      Arrays.sort(nanos);
      return new Prefill(from, tokens, nanos[REPETITIONS / 2]);
    }
  }

  private static void write(Step step) {
    float[] rows = new float[step.numTokens() * KV_ROW];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = (i % 13 - 6) / 6f;
    }
    step.write(0, Rows.of(rows), Rows.of(rows));
  }

  private static AttentionRows attentionRows(Step step) {
    float[] queries = new float[step.numTokens() * ROW];
    Arrays.fill(queries, 0.5f);
    return AttentionRows.of(Rows.of(queries), Rows.of(new float[queries.length]));
  }

  private void swap(int blockSize, List<TransferSample> out, List<TransferSample> in) {
    KvShape shape = KvShape.uniform(NUM_LAYERS, NUM_KV_HEADS, HEAD_DIM, DType.BF16);
    shape = shape.withBlockSize(blockSize);
    int numBlocks = 256 / blockSize;
    try (PagedKvCache cache = PagedKvCache.open(shape, backend, Capacity.blocks(numBlocks));
        SwapSpace space = SwapSpace.open(cache, Capacity.blocks(numBlocks));
        KvSequence sequence = cache.newSequence();
        Step step = cache.newStep()) {
      step.append(sequence, 256).begin();
      float[] rows = new float[256 * KV_ROW];
      for (int layer = 0; layer < NUM_LAYERS; layer++) {
        step.write(layer, Rows.of(rows), Rows.of(rows));
      }
      step.commit();
      long[] outNanos = new long[REPETITIONS];
      long[] inNanos = new long[REPETITIONS];
      for (int i = 0; i < REPETITIONS; i++) {
        long start = System.nanoTime();
        SwappedGroup group = space.swapOut(List.of(sequence));
        long between = System.nanoTime();
        space.swapIn(group);
        inNanos[i] = System.nanoTime() - between;
        outNanos[i] = between - start;
      }
      Arrays.sort(outNanos);
      Arrays.sort(inNanos);
      long bytes = numBlocks * cache.layout().blockBytes();
      out.add(new TransferSample(bytes, numBlocks, outNanos[REPETITIONS / 2]));
      in.add(new TransferSample(bytes, numBlocks, inNanos[REPETITIONS / 2]));
    }
  }

  /** A plain read of memory that no cache holds. */
  private static double readNanosPerByte() {
    long[] memory = new long[1 << 24];
    Arrays.fill(memory, 3);
    double best = Double.POSITIVE_INFINITY;
    long sum = 0;
    for (int i = 0; i < REPETITIONS; i++) {
      long start = System.nanoTime();
      for (long value : memory) {
        sum += value;
      }
      best = Math.min(best, (double) (System.nanoTime() - start) / (8L * memory.length));
    }
    if (sum != 3L * memory.length * REPETITIONS) {
      throw new IllegalStateException("memory does not hold what was written: sum=" + sum);
    }
    return best;
  }
}
