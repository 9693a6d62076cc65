package dev.pagoda.prefix;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class FirstBlocksTest {
  private static final long SEED =
      Long.getLong("dev.pagoda.test.seed", new SplittableRandom().nextLong());

  private static int[] ids(int number) {
    return new int[] {number, -number, number >>> 3, 7};
  }

  private static List<Integer> listed(int number) {
    return IntStream.of(ids(number)).boxed().toList();
  }

  @Test
  void whatIsAddedMoreOftenThanRemovedIsThere() {
    SplittableRandom random = new SplittableRandom(SEED);
    FirstBlocks blocks = new FirstBlocks();
    Map<List<Integer>, Integer> counts = new HashMap<>();
    for (int i = 0; i < 200_000; i++) {
      int range = i / 20_000 % 2 == 0 ? 3_000 : 30; // many, and then few of them
      int number = random.nextInt(range);
      if (random.nextInt(3) > 0 && range > 30) {
        blocks.makeRoom();
        blocks.add(ids(number));
        counts.merge(listed(number), 1, Integer::sum);
      } else {
        int numMore = random.nextInt(3_000);
        for (int each : new int[] {number, numMore}) {
          if (counts.getOrDefault(listed(each), 0) > 0) {
            blocks.remove(ids(each));
            counts.merge(listed(each), -1, Integer::sum);
          }
        }
      }
      int looked = random.nextInt(3_100);
      assertThat(blocks.contains(ids(looked)))
          .as("seed=%d, i=%d", SEED, i)
          .isEqualTo(counts.getOrDefault(listed(looked), 0) > 0);
    }
    assertThat(blocks.total()).isEqualTo(counts.values().stream().mapToLong(n -> n).sum());
    blocks.clear();
    assertThat(blocks.total()).isZero();
    assertThat(blocks.contains(ids(1))).isFalse();
  }

  @Test
  void theTableDoesNotGrowWithWhatHasGone() {
    FirstBlocks blocks = new FirstBlocks();
    for (int i = 0; i < 100_000; i++) {
      blocks.makeRoom();
      blocks.add(ids(i));
      if (i >= 100) {
        blocks.remove(ids(i - 100));
      }
    }
    assertThat(blocks.total()).isEqualTo(100);
    assertThat(blocks.length()).isLessThanOrEqualTo(16 * 100);
  }

  @Test
  void oneTokenMoreOrLessIsAnotherBlock() {
    FirstBlocks blocks = new FirstBlocks();
    blocks.makeRoom();
    blocks.add(new int[] {1, 2});
    assertThat(blocks.contains(new int[] {1, 2})).isTrue();
    assertThat(blocks.contains(new int[] {2, 1})).isFalse();
    assertThat(blocks.contains(new int[] {1})).isFalse();
    assertThat(blocks.contains(new int[] {1, 2, 0})).isFalse();
  }
}
