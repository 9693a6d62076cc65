package dev.pagoda.lab.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.lab.workload.PromptContent;
import dev.pagoda.lab.workload.Trace;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BeladyTest {
  private static final long SEED = Long.getLong("dev.pagoda.test.seed", 1);

  @Test
  void hasTheMostHitsOfAllWaysToEvict() {
    Random random = new Random(SEED);
    for (int i = 0; i < 3_000; i++) {
      int numIds = 1 + random.nextInt(5);
      int[] accesses = random.ints(1 + random.nextInt(10), 0, numIds).toArray();
      int capacity = random.nextInt(4);

      assertThat(Belady.hits(accesses, numIds, capacity))
          .as("seed=%d, case=%d", SEED, i)
          .isEqualTo(bestOfAll(accesses, 0, 0, capacity));
    }
  }

  /** Tries everything: what to keep after each access, as a set of bits. */
  private static int bestOfAll(int[] accesses, int from, int kept, int capacity) {
    if (from == accesses.length) {
      return 0;
    }
    int id = 1 << accesses[from];
    int hit = (kept & id) == 0 ? 0 : 1;
    int candidates = kept | id;
    int best = 0;
    for (int subset = candidates; ; subset = subset - 1 & candidates) {
      if (Integer.bitCount(subset) <= capacity) {
        best = Math.max(best, bestOfAll(accesses, from + 1, subset, capacity));
      }
      if (subset == 0) {
        return hit + best;
      }
    }
  }

  @Test
  void neverHasFewerHitsThanLru() {
    Random random = new Random(SEED);
    int[] accesses = random.ints(20_000, 0, 3_000).map(id -> id * id / 3_000).toArray();
    for (int capacity : new int[] {1, 10, 100, 1_000}) {
      long best = Belady.hits(accesses, 3_000, capacity);
      assertThat(best).isGreaterThan(lruHits(accesses, capacity));
    }
  }

  private static long lruHits(int[] accesses, int capacity) {
    Map<Integer, Boolean> kept = new LinkedHashMap<>(16, 0.75f, true);
    long hits = 0;
    for (int id : accesses) {
      hits += kept.put(id, true) == null ? 0 : 1;
      if (kept.size() > capacity) {
        kept.remove(kept.keySet().iterator().next());
      }
    }
    return hits;
  }

  /** Blocks are the same only behind the same beginning, and the last token never counts. */
  @Test
  void promptsAskForTheirFullBlocks() {
    int[][] prompts = {
      {1, 2, 3, 4, 5}, {1, 2, 3, 4, 9}, {9, 9, 3, 4, 5}, {1, 2, 3, 4}, {1, 2},
    };
    int[] lengths = {5, 5, 5, 4, 2};
    Trace trace =
        new Trace("t", new double[5], lengths, lengths, new PromptContent.TokenIds(prompts));

    PrefixAccesses accesses = PrefixAccesses.of(trace, 2);

    assertThat(accesses.ids()).containsExactly(0, 1, 0, 1, 2, 3, 0);
    assertThat(accesses.numIds()).isEqualTo(4);
    assertThat(accesses.boundWithoutLimit()).isEqualTo(3 * 2 / 21.0);
    assertThat(accesses.bound(1)).isEqualTo(2 * 2 / 21.0);
  }
}
