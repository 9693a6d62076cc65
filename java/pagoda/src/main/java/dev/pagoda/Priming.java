package dev.pagoda;

import dev.pagoda.internal.kernel.AttendCall;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.Rows;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

/**
 * What {@link PagedKvCache#prime} did.
 *
 * @param rounds how often attention was computed, a decode step and a prompt each time
 * @param taken how long that took
 * @param firstRound time of the first round, mostly in the interpreter
 * @param lastRound time of the last one
 * @param isSteady whether rounds had stopped getting faster; else the budget ended first
 */
public record Priming(
    int rounds, Duration taken, Duration firstRound, Duration lastRound, boolean isSteady) {

  private static final int PROMPT_TOKENS = 40; // enough rows for the kernels of prompts
  private static final int BATCH = 3;
  // Without getting faster: compilers work beside us, and the first rounds take long.
  private static final long SETTLING_NANOS = 250_000_000;
  private static final int SETTLING_ROUNDS = 50;
  private static final double FASTER = 0.95;

  /** Computes attention over a small cache of its own until that gets no faster. */
  static Priming run(Backend backend, KvShape shape, AttentionSpec spec, Duration budget) {
    List<LayerShape> layers = shape.layers().stream().distinct().toList();
    KvShape small = new KvShape(layers, shape.blockSize());
    int uncached = uncachedTokens(small);
    int numBlocks =
        (BATCH + 2) * small.blocksFor(2 * PROMPT_TOKENS) + small.blocksFor(uncached + 1);
    PagedKvCache cache = PagedKvCache.open(small, backend, Capacity.blocks(numBlocks));
    Round round = new Round(small, spec);
    try (Step prompt = cache.newStep();
        Step one = cache.newStep();
        Step batch = cache.newStep();
        Step late = cache.newStep()) {
      round.open(cache, prompt, 1, PROMPT_TOKENS, PROMPT_TOKENS);
      round.open(cache, one, 1, PROMPT_TOKENS, 1);
      round.open(cache, batch, BATCH, PROMPT_TOKENS, 1);
      round.open(cache, late, 1, uncached, 1);
      return measured(round, List.of(prompt, one, batch, late), budget);
    } finally {
      cache.closeAll();
    }
  }

  /** Tokens that near caches do not hold: rows over them go through other kernels. */
  private static int uncachedTokens(KvShape shape) {
    long blockBytes = new KvLayout(shape, KeyOrder.DIM_MAJOR).blockBytes();
    long numBlocks = AttendCall.CACHED_BYTES_MAX / blockBytes + 1;
    return Math.toIntExact(numBlocks * shape.blockSize());
  }

  private static Priming measured(Round round, List<Step> steps, Duration budget) {
    long start = System.nanoTime();
    long first = 0;
    long best = Long.MAX_VALUE;
    long bestAt = start;
    int bestRound = 0;
    for (int rounds = 1; ; rounds++) {
      long before = System.nanoTime();
      round.run(steps);
      long after = System.nanoTime();
      long last = after - before;
      first = rounds == 1 ? last : first;
      if (last < FASTER * best) {
        best = last;
        bestAt = after;
        bestRound = rounds;
      }
      boolean isSteady = after - bestAt > SETTLING_NANOS && rounds - bestRound > SETTLING_ROUNDS;
      if (isSteady || after - start >= budget.toNanos()) {
        return new Priming(
            rounds,
            Duration.ofNanos(after - start),
            Duration.ofNanos(first),
            Duration.ofNanos(last),
            isSteady);
      }
    }
  }

  /** Rows of the largest size that is needed, and what is done with them. */
  private static final class Round {
    private final KvShape shape;
    private final AttentionSpec spec;
    private final Rows rows;
    private final Rows output;

    Round(KvShape shape, AttentionSpec spec) {
      this.shape = shape;
      this.spec = spec;
      int width = 0;
      for (LayerShape layer : shape.layers()) {
        int dim = Math.max(layer.keyHeadDim(), layer.valueHeadDim());
        width = Math.max(width, Math.max(spec.numQueryHeads(), layer.numKvHeads()) * dim);
      }
      rows = Rows.of(new float[PROMPT_TOKENS * width]);
      output = Rows.of(new float[PROMPT_TOKENS * width]);
    }

    /** Begins a step that has as many tokens of each of some sequences, which have a context. */
    void open(PagedKvCache cache, Step step, int numSequences, int contextTokens, int numTokens) {
      List<KvSequence> sequences = Stream.generate(cache::newSequence).limit(numSequences).toList();
      for (KvSequence sequence : sequences) {
        for (int left = contextTokens; left > 0; left -= PROMPT_TOKENS) {
          step.append(sequence, Math.min(left, PROMPT_TOKENS)).begin();
          write(step);
          step.commit();
        }
      }
      sequences.forEach(sequence -> step.append(sequence, numTokens));
      step.begin();
    }

    void write(Step step) {
      for (int layer = 0; layer < shape.numLayers(); layer++) {
        step.write(layer, rows, rows);
      }
    }

    void run(List<Step> steps) {
      for (Step step : steps) {
        for (int layer = 0; layer < shape.numLayers(); layer++) {
          step.write(layer, rows, rows);
          step.attend(layer, spec, rows, output);
        }
      }
    }
  }
}
