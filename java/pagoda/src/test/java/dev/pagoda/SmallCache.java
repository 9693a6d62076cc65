package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.Rows;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * A cache of a few blocks and two layers, in debug mode, that knows what each of its sequences must
 * hold. Closes what is still open.
 */
final class SmallCache implements AutoCloseable {
  static final int NUM_LAYERS = 2;

  final HostStorage host;
  final PagedKvCache cache;
  private final KvShape shape;
  private final TokenContent content;
  private final Map<KvSequence, long[]> histories = new LinkedHashMap<>();
  private long nextToken = 1;

  SmallCache(int numBlocks, int blockSize) {
    this(numBlocks, blockSize, InterposedStorage::new, new InterposedKernels());
  }

  SmallCache(
      int numBlocks,
      int blockSize,
      Function<HostStorage, InterposedStorage> storage,
      Kernels kernels) {
    shape =
        new KvShape(
            List.of(
                new LayerShape(2, 3, 2, DType.FP32, DType.FP32),
                new LayerShape(1, 2, 3, DType.FP32, DType.BF16)),
            blockSize);
    KvLayout layout = new KvLayout(shape, kernels.keyOrder());
    host = HostStorage.allocate(layout, numBlocks);
    cache = new PagedKvCache(Backend.SCALAR, kernels, storage.apply(host), Checks.DEBUG);
    content = new TokenContent(layout);
  }

  /** How many tokens a sequence gets. */
  record Growth(KvSequence sequence, int numTokens) {
    static Growth of(KvSequence sequence, int numTokens) {
      return new Growth(sequence, numTokens);
    }
  }

  /** A step that has begun, and what it is about to write. */
  final class Begun {
    final Step step;
    private final Map<KvSequence, long[]> longer = new LinkedHashMap<>();
    private final long[] rows;

    private Begun(Step step, Growth... growths) {
      this.step = step;
      rows = new long[step.numTokens()];
      int row = 0;
      for (Growth growth : growths) {
        long[] old = histories.get(growth.sequence);
        long[] all = Arrays.copyOf(old, old.length + growth.numTokens);
        for (int i = old.length; i < all.length; i++) {
          all[i] = TokenContent.follow(i == 0 ? 0 : all[i - 1], nextToken++);
          rows[row++] = all[i];
        }
        longer.put(growth.sequence, all);
      }
    }

    Begun write() {
      for (int layer = 0; layer < NUM_LAYERS; layer++) {
        write(layer);
      }
      return this;
    }

    void write(int layer) {
      step.write(layer, keys(layer), values(layer));
    }

    Rows keys(int layer) {
      return Rows.of(content.keys(layer, rows));
    }

    Rows values(int layer) {
      return Rows.of(content.values(layer, rows));
    }

    void commit() {
      step.commit();
      histories.putAll(longer);
    }
  }

  /** An empty sequence. */
  KvSequence open() {
    return remembered(cache.newSequence(), new long[0]);
  }

  /** A sequence of a length. */
  KvSequence open(int length) {
    KvSequence sequence = open();
    if (length > 0) {
      grow(sequence, length);
    }
    return sequence;
  }

  KvSequence fork(KvSequence parent) {
    return remembered(parent.fork(), histories.get(parent));
  }

  KvSequence fork(KvSequence parent, int length) {
    return remembered(parent.fork(length), Arrays.copyOf(histories.get(parent), length));
  }

  private KvSequence remembered(KvSequence sequence, long[] history) {
    histories.put(sequence, history);
    return sequence;
  }

  void truncate(KvSequence sequence, int length) {
    sequence.truncate(length);
    histories.put(sequence, Arrays.copyOf(histories.get(sequence), length));
  }

  void close(KvSequence sequence) {
    sequence.close();
    histories.remove(sequence);
  }

  /** The content is gone but the sequence stays. */
  void emptied(KvSequence sequence) {
    histories.put(sequence, new long[0]);
  }

  Begun begin(Growth... growths) {
    return begin(cache.newStep(), growths);
  }

  Begun begin(Step step, Growth... growths) {
    for (Growth growth : growths) {
      step.append(growth.sequence, growth.numTokens);
    }
    return new Begun(step.begin(), growths);
  }

  void grow(KvSequence sequence, int numTokens) {
    grow(Growth.of(sequence, numTokens));
  }

  void grow(Growth... growths) {
    begin(growths).write().commit();
  }

  /** Every sequence has its length and every slot what belongs there. */
  void requireContent() {
    for (KvSequence sequence : histories.keySet()) {
      requireContent(sequence);
    }
  }

  void requireContent(KvSequence sequence) {
    long[] history = histories.get(sequence);
    assertThat(sequence.length()).as("length of %s", sequence).isEqualTo(history.length);
    assertThat(content.difference(host, sequence.blockIds(), history, 0))
        .as("content of %s", sequence)
        .isEmpty();
  }

  /** Blocks of all kinds, tables and contents, but none of the counters that only grow. */
  record Snapshot(
      int numFree,
      int numShared,
      long numReferences,
      long numTokens,
      Map<Long, List<Integer>> tables) {}

  /** What is there now; content must be right. */
  Snapshot snapshot() {
    requireContent();
    CacheStatistics statistics = cache.statistics();
    Map<Long, List<Integer>> tables = new HashMap<>();
    for (KvSequence sequence : histories.keySet()) {
      tables.put(sequence.id(), Arrays.stream(sequence.blockIds()).boxed().toList());
    }
    return new Snapshot(
        statistics.blocks().numFree(),
        statistics.blocks().numShared(),
        statistics.blocks().numReferences(),
        statistics.numTokens(),
        tables);
  }

  int numFree() {
    return cache.statistics().blocks().numFree();
  }

  long numCopies() {
    return cache.statistics().numBlockCopies();
  }

  /** Closes all sequences and finds every block free and, in debug mode, spoiled. */
  void requireNothingLeaks() {
    new ArrayList<>(histories.keySet()).forEach(this::close);
    cache.checkConservation();
    assertThat(numFree()).isEqualTo(host.numBlocks());
    for (int id = 0; id < host.numBlocks(); id++) {
      assertThat(content.isPoisoned(host, id)).as("free block %d is spoiled", id).isTrue();
    }
  }

  @Override
  public void close() {
    if (host.segment().scope().isAlive()) {
      host.close();
    }
  }
}
