package dev.pagoda.block;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class BlockHandleTest {
  @Test
  void partsComeBackAsTheyWerePutIn() {
    SplittableRandom random = new SplittableRandom(11);
    int[] ids = {0, 1, Integer.MAX_VALUE - 1, random.nextInt(Integer.MAX_VALUE)};
    int[] generations = {0, 1, (1 << 21) - 1, 1 << 21, -1, Integer.MIN_VALUE, random.nextInt()};
    int[] tags = {0, 1, 2047, 2048, BlockHandle.POOL_TAGS - 1};
    for (int id : ids) {
      for (int generation : generations) {
        for (int tag : tags) {
          long handle = BlockHandle.of(tag, generation, id);
          assertThat(BlockHandle.blockId(handle)).isEqualTo(id);
          assertThat(BlockHandle.poolTag(handle)).isEqualTo(tag);
          assertThat(BlockHandle.hasGeneration(handle, generation)).isTrue();
          assertThat(BlockHandle.hasGeneration(handle, generation + 1)).isFalse();
          assertThat(BlockHandle.hasGeneration(handle, generation + (1 << 21))).isTrue();
        }
      }
    }
  }

  @Test
  void noneIsTheHandleOfNoBlockThatAPoolCanHave() {
    int largestId = Integer.MAX_VALUE - 1; // a pool has at most 2^31 - 1 blocks
    assertThat(BlockHandle.blockId(BlockHandle.NONE)).isGreaterThan(largestId);
  }

  @Test
  void itPrintsItsParts() {
    assertThat(BlockHandle.toString(BlockHandle.of(4095, 7, 12)))
        .isEqualTo("pool=4095, generation=7, blockId=12");
  }
}
