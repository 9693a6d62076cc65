package dev.pagoda.lab.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Rows;
import org.junit.jupiter.api.Test;

class ShuffledBlocksTest {
  private static final KvShape SHAPE = KvShape.uniform(2, 1, 4, DType.FP32).withBlockSize(2);

  private static int[] blocksAfterShuffle(long seed) {
    try (PagedKvCache cache = PagedKvCache.open(SHAPE, Backend.SCALAR, Capacity.blocks(40))) {
      ShuffledBlocks.shuffle(cache, seed);
      assertThat(cache.statistics().blocks().numFree()).isEqualTo(40);
      cache.checkConservation();
      try (KvSequence sequence = cache.newSequence();
          Step step = cache.newStep()) {
        step.append(sequence, 80).begin();
        Rows rows = Rows.of(new float[4], 0, 0);
        step.write(0, rows, rows);
        step.write(1, rows, rows);
        step.commit();
        return sequence.blockIds();
      }
    }
  }

  @Test
  void handsOutEveryBlockOnceInRandomOrder() {
    int[] blocks = blocksAfterShuffle(1);
    assertThat(blocks).hasSize(40).doesNotHaveDuplicates();
    int numNeighbours = 0;
    for (int i = 1; i < blocks.length; i++) {
      numNeighbours += Math.abs(blocks[i] - blocks[i - 1]) == 1 ? 1 : 0;
    }
    assertThat(numNeighbours).isLessThan(10);
  }

  @Test
  void oneSeedGivesOneOrder() {
    assertThat(blocksAfterShuffle(1)).isEqualTo(blocksAfterShuffle(1));
    assertThat(blocksAfterShuffle(1)).isNotEqualTo(blocksAfterShuffle(2));
  }

  @Test
  void leavesAFullCacheAlone() {
    try (PagedKvCache cache = PagedKvCache.open(SHAPE, Backend.SCALAR, Capacity.blocks(1));
        KvSequence sequence = cache.newSequence();
        Step step = cache.newStep()) {
      step.append(sequence, 1).begin();
      Rows rows = Rows.of(new float[4], 0, 0);
      step.write(0, rows, rows);
      step.write(1, rows, rows);
      step.commit();
      ShuffledBlocks.shuffle(cache, 1);
      assertThat(cache.statistics().blocks().numUsed()).isEqualTo(1);
    }
  }
}
