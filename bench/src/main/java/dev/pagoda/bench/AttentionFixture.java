package dev.pagoda.bench;

import dev.pagoda.AttentionRows;
import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.Workers;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.HugePages;
import dev.pagoda.memory.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;

/**
 * A cache filled for one shape, with an open step whose attention can be computed again and again.
 *
 * <p>Has as many layers as it takes to hold more than the caches of the processor, each with the
 * same block tables; calls go round them. Blocks are shuffled, which is the hardest case for the
 * memory.
 */
final class AttentionFixture implements AutoCloseable {
  final Shape shape;
  final PagedKvCache cache;
  final MemorySegment pool;
  final List<KvSequence> sequences = new ArrayList<>();
  final AttentionSpec spec;
  final Rows queries;
  final Rows output;
  final float[] outputArray;
  final Step step;
  private final AttentionRows rows;
  final HugePages.Outcome hugePages;
  private final Arena arena = Arena.ofShared();
  private final int numLayers;
  private int layer;

  AttentionFixture(Shape shape, DType dtype, Backend backend, long coldBytes) {
    this(shape, dtype, backend, coldBytes, true);
  }

  AttentionFixture(
      Shape shape, DType dtype, Backend backend, long coldBytes, boolean hugePagesWanted) {
    this.shape = shape;
    long layerBytes = shape.kvElements() * dtype.byteSize();
    numLayers = (int) Math.max(1, Math.ceilDiv(coldBytes, layerBytes));
    KvShape kvShape =
        KvShape.uniform(numLayers, shape.numKvHeads(), shape.headDim(), dtype)
            .withBlockSize(shape.blockSize());
    int blocksPerSeq = kvShape.blocksFor(shape.contextLength());
    // The fixture owns the memory, so that a plain read of the same bytes can be timed beside.
    long blockBytes = new KvLayout(kvShape, KeyOrder.DIM_MAJOR).blockBytes();
    pool = arena.allocate((long) shape.numSeqs() * blocksPerSeq * blockBytes, 1 << 21);
    // As a cache does with memory of its own.
    hugePages = hugePagesWanted ? HugePages.request(pool) : HugePages.Outcome.NOT_REQUESTED;
    cache = PagedKvCache.open(kvShape, backend, Capacity.within(pool));
    spec = AttentionSpec.causal(shape.numQueryHeads(), (float) (1 / Math.sqrt(shape.headDim())));
    int numTokens = shape.numSeqs() * shape.queryLength();
    SplittableRandom random = new SplittableRandom(1);
    queries = Rows.of(randoms(random, numTokens * shape.numQueryHeads() * shape.headDim()));
    outputArray = new float[numTokens * shape.numQueryHeads() * shape.headDim()];
    output = Rows.of(outputArray);
    rows = AttentionRows.of(queries, output);
    step = cache.newStep();
    fill(random);
  }

  private void fill(SplittableRandom random) {
    shuffleFreeBlocks();
    for (int i = 0; i < shape.numSeqs(); i++) {
      sequences.add(cache.newSequence(shape.contextLength()));
    }
    int before = shape.contextLength() - shape.queryLength();
    if (before > 0) {
      // One sequence at a time, so that the rows of a whole prompt fit on the heap.
      for (KvSequence sequence : sequences) {
        step.append(sequence, before).begin();
        writeAllLayers(random, before);
        step.commit();
      }
    }
    sequences.forEach(s -> step.append(s, shape.queryLength()));
    step.begin();
    writeAllLayers(random, shape.numSeqs() * shape.queryLength());
  }

  private void writeAllLayers(SplittableRandom random, int numTokens) {
    int rowWidth = shape.numKvHeads() * shape.headDim();
    Rows keys = Rows.of(randoms(random, numTokens * rowWidth));
    Rows values = Rows.of(randoms(random, numTokens * rowWidth));
    for (int i = 0; i < numLayers; i++) {
      step.write(i, keys, values);
    }
  }

  /** Takes all blocks one token each and gives them back in random order. */
  private void shuffleFreeBlocks() {
    int numBlocks = cache.statistics().blocks().numBlocks();
    List<KvSequence> holders = new ArrayList<>();
    try (Step shuffle = cache.newStep()) {
      for (int i = 0; i < numBlocks; i++) {
        holders.add(cache.newSequence());
        shuffle.append(holders.get(i), 1);
      }
      shuffle.begin();
      float[] zeros = new float[numBlocks * shape.numKvHeads() * shape.headDim()];
      for (int i = 0; i < numLayers; i++) {
        shuffle.write(i, Rows.of(zeros), Rows.of(zeros));
      }
      shuffle.commit();
    }
    Collections.shuffle(holders, new Random(2));
    holders.forEach(KvSequence::close);
  }

  private static float[] randoms(SplittableRandom random, int count) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = (float) random.nextDouble(-1, 1);
    }
    return numbers;
  }

  /** One attention call over the next layer. */
  float[] attend() {
    step.attend(nextLayer(), spec, queries, output);
    return outputArray;
  }

  /** The same on several threads. */
  float[] attendOn(Workers workers) {
    step.attend(nextLayer(), spec, rows, workers);
    return outputArray;
  }

  int layers() {
    return numLayers;
  }

  int nextLayer() {
    layer = layer + 1 == numLayers ? 0 : layer + 1;
    return layer;
  }

  @Override
  public void close() {
    step.close();
    cache.closeAll();
    arena.close();
  }
}
