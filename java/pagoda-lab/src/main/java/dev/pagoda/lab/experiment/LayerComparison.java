package dev.pagoda.lab.experiment;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Workers;
import dev.pagoda.lab.attention.AttentionLayer;
import dev.pagoda.lab.attention.ContiguousBatch;
import dev.pagoda.lab.attention.ContiguousKvStore;
import dev.pagoda.lab.attention.PagedBatch;
import dev.pagoda.lab.attention.SequenceBatch;
import dev.pagoda.lab.attention.ShuffledBlocks;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import java.util.List;
import java.util.Random;

/**
 * One attention layer, with the same weights over vanilla attention and over the paged cache: a
 * prompt at once, then tokens one by one.
 *
 * @param shape the layer
 * @param backend what computes the paged attention
 * @param blockSize tokens per block
 * @param dtype element type in the cache
 */
record LayerComparison(Shape shape, Backend backend, int blockSize, DType dtype) {
  private static final int NUM_SEQUENCES = 3;
  private static final int PROMPT_TOKENS = 67;
  private static final int NEW_TOKENS = 6;

  /**
   * An attention layer.
   *
   * @param words heads and head dim for readers
   * @param hiddenSize elements per hidden state
   * @param numQueryHeads query heads
   * @param layer KV heads and head dims
   */
  record Shape(String words, int hiddenSize, int numQueryHeads, LayerShape layer) {}

  CorrectnessResult.Layer run(Conditions conditions) {
    AttentionLayer layer =
        new AttentionLayer(
            shape.hiddenSize(), shape.numQueryHeads(), shape.layer(), conditions.seed());
    AttentionSpec spec =
        AttentionSpec.causal(
            shape.numQueryHeads(), (float) (1 / Math.sqrt(shape.layer().keyHeadDim())));
    int longest = PROMPT_TOKENS + NEW_TOKENS;
    ContiguousKvStore store =
        new ContiguousKvStore(
            shape.layer(), NUM_SEQUENCES * longest, ContiguousKvStore.Placement.FIRST_FIT);
    KvShape kvShape =
        new KvShape(
            List.of(
                new LayerShape(
                    shape.layer().numKvHeads(),
                    shape.layer().keyHeadDim(),
                    shape.layer().valueHeadDim(),
                    dtype,
                    dtype)),
            blockSize);
    Capacity capacity = Capacity.blocks(NUM_SEQUENCES * kvShape.blocksFor(longest));
    try (PagedKvCache cache = PagedKvCache.open(kvShape, backend, capacity);
        SequenceBatch vanilla = new ContiguousBatch(store, spec, NUM_SEQUENCES, longest);
        SequenceBatch paged = openPaged(cache, spec, conditions.seed())) {
      Random random = new Random(conditions.seed());
      Difference difference = step(layer, PROMPT_TOKENS, random, vanilla, paged);
      for (int i = 0; i < NEW_TOKENS; i++) {
        difference = difference.and(step(layer, 1, random, vanilla, paged));
      }
      return new CorrectnessResult.Layer(
          new CorrectnessResult.LayerCase(shape.words(), blockSize, dtype),
          backend.label(),
          difference);
    }
  }

  private static SequenceBatch openPaged(PagedKvCache cache, AttentionSpec spec, long seed) {
    ShuffledBlocks.shuffle(cache, seed);
    return PagedBatch.open(cache, spec, NUM_SEQUENCES, Workers.caller());
  }

  private Difference step(
      AttentionLayer layer,
      int numTokens,
      Random random,
      SequenceBatch vanilla,
      SequenceBatch paged) {
    float[] hidden = new float[NUM_SEQUENCES * numTokens * shape.hiddenSize()];
    for (int i = 0; i < hidden.length; i++) {
      hidden[i] = (float) random.nextGaussian();
    }
    return Difference.between(
        layer.forward(hidden, numTokens, paged), layer.forward(hidden, numTokens, vanilla));
  }
}
