package dev.pagoda.lab.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Workers;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.layout.LayerShape;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class AttentionLayerTest {
  private static final LayerShape SHAPE = LayerShape.of(2, 16, DType.FP32);
  private static final AttentionSpec SPEC = AttentionSpec.causal(4, 0.25f);
  private static final int HIDDEN_SIZE = 48;

  private static float[] hidden(int numTokens, long seed) {
    Random random = new Random(seed);
    float[] hidden = new float[numTokens * HIDDEN_SIZE];
    for (int i = 0; i < hidden.length; i++) {
      hidden[i] = (float) random.nextGaussian();
    }
    return hidden;
  }

  @Test
  void isTheSameLayerOverPagedAndContiguousMemory() {
    AttentionLayer layer = new AttentionLayer(HIDDEN_SIZE, 4, SHAPE, 1);
    KvShape kvShape = new KvShape(List.of(SHAPE), 4);
    ContiguousKvStore store =
        new ContiguousKvStore(SHAPE, 40, ContiguousKvStore.Placement.FIRST_FIT);
    try (PagedKvCache cache =
            PagedKvCache.open(kvShape, Backend.SCALAR, Capacity.blocks(2 * kvShape.blocksFor(20)));
        SequenceBatch paged = PagedBatch.open(cache, SPEC, 2, Workers.caller());
        SequenceBatch vanilla = new ContiguousBatch(store, SPEC, 2, 20)) {
      int[] pieces = {13, 1, 1, 3};
      for (int i = 0; i < pieces.length; i++) {
        float[] hidden = hidden(2 * pieces[i], i);
        float[] actual = layer.forward(hidden, pieces[i], paged);
        float[] expected = layer.forward(hidden, pieces[i], vanilla);
        assertThat(expected).hasSize(2 * pieces[i] * HIDDEN_SIZE).doesNotContain(0f);
        for (int j = 0; j < expected.length; j++) {
          assertThat(actual[j]).as("piece " + i + ", " + j).isCloseTo(expected[j], within(1e-5f));
        }
      }
    }
  }

  /**
   * One head that sees one token: the layer is then a product of two matrices, done here by hand.
   */
  @Test
  void projectsRowsWithItsWeights() {
    LayerShape one = LayerShape.of(1, 2, DType.FP32);
    AttentionLayer layer = new AttentionLayer(2, 1, one, 5);
    float[] unit0 = forward(layer, one, new float[] {1, 0});
    float[] unit1 = forward(layer, one, new float[] {0, 1});
    float[] both = forward(layer, one, new float[] {2, -3});
    for (int i = 0; i < 2; i++) {
      assertThat(both[i]).isCloseTo(2 * unit0[i] - 3 * unit1[i], within(1e-5f));
    }
  }

  private static float[] forward(AttentionLayer layer, LayerShape shape, float[] hidden) {
    ContiguousKvStore store =
        new ContiguousKvStore(shape, 2, ContiguousKvStore.Placement.FIRST_FIT);
    try (SequenceBatch batch = new ContiguousBatch(store, AttentionSpec.causal(1, 1f), 1, 2)) {
      return layer.forward(hidden, 1, batch);
    }
  }

  @Test
  void oneSeedGivesOneLayer() {
    float[] hidden = {1, 2};
    LayerShape one = LayerShape.of(1, 2, DType.FP32);
    float[] first = forward(new AttentionLayer(2, 1, one, 5), one, hidden);
    assertThat(forward(new AttentionLayer(2, 1, one, 5), one, hidden)).isEqualTo(first);
    assertThat(forward(new AttentionLayer(2, 1, one, 6), one, hidden)).isNotEqualTo(first);
  }
}
