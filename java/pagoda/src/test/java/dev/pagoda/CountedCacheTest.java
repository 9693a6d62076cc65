package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.Rows;
import dev.pagoda.testing.Seeds;
import dev.pagoda.tier.SwapSpace;
import dev.pagoda.tier.SwappedGroup;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

/** A cache without memory counts what one with memory counts, and admits that it has none. */
class CountedCacheTest {
  private static final KvShape SMALL = KvShape.uniform(1, 1, 2, DType.FP32).withBlockSize(4);

  @Test
  void countsWhatACacheWithMemoryCounts() {
    long seed = Long.getLong("dev.pagoda.test.seed", 1);
    try (PagedKvCache real = open(Capacity.blocks(24));
        PagedKvCache counted = open(Capacity.counted(24));
        SwapSpace realSpace = SwapSpace.open(real, Capacity.blocks(8));
        SwapSpace countedSpace = SwapSpace.open(counted, Capacity.counted(8))) {
      List<String> expected = story(real, realSpace, Seeds.generator(seed, "counted cache"));
      List<String> actual = story(counted, countedSpace, Seeds.generator(seed, "counted cache"));

      assertThat(actual).as("seed=%d", seed).isEqualTo(expected);
      assertThat(expected).anyMatch(line -> line.contains("OutOfBlocksException"));
      assertThat(expected).anyMatch(line -> line.contains("swapped"));
      assertThat(counted.statistics().numBlockCopies()).isPositive();
    }
  }

  /** Random growth, forks, truncation, swaps and ends; one line of numbers after each. */
  private static List<String> story(PagedKvCache cache, SwapSpace space, RandomGenerator random) {
    List<String> lines = new ArrayList<>();
    List<KvSequence> sequences = new ArrayList<>();
    Step step = cache.newStep();
    for (int i = 0; i < 2_000; i++) {
      String what = "";
      try {
        what = operation(cache, space, sequences, step, random);
      } catch (RuntimeException refused) {
        what = refused.getClass().getSimpleName();
      }
      List<String> tables = new ArrayList<>();
      sequences.forEach(s -> tables.add(Arrays.toString(s.blockIds())));
      lines.add(what + " " + cache.statistics() + " " + tables);
      cache.checkConservation();
    }
    sequences.forEach(KvSequence::close);
    return lines;
  }

  private static String operation(
      PagedKvCache cache,
      SwapSpace space,
      List<KvSequence> sequences,
      Step step,
      RandomGenerator random) {
    if (sequences.isEmpty() || random.nextInt(8) == 0) {
      sequences.add(cache.newSequence());
      return "opened";
    }
    KvSequence one = sequences.get(random.nextInt(sequences.size()));
    return switch (random.nextInt(8)) {
      case 0 -> {
        sequences.add(one.fork(random.nextInt(one.length() + 1)));
        yield "forked";
      }
      case 1 -> {
        one.truncate(random.nextInt(one.length() + 1));
        yield "truncated";
      }
      case 2 -> {
        sequences.remove(one);
        one.close();
        yield "closed";
      }
      case 3 -> {
        SwappedGroup group = space.swapOut(List.of(one));
        try {
          space.swapIn(group);
        } catch (OutOfBlocksException full) { // what was shared with others is now its own
          sequences.remove(one);
          space.discard(group);
        }
        yield "swapped " + space.statistics().in().numTransfers();
      }
      default -> {
        int count = 1 + random.nextInt(9);
        step.append(one, count).begin();
        if (cache.storage().hasMemory()) {
          float[] rows = new float[2 * count];
          step.write(0, Rows.of(rows), Rows.of(rows));
        }
        if (random.nextInt(4) == 0) {
          step.rollback();
          yield "rolled back";
        }
        step.commit();
        yield "grew";
      }
    };
  }

  @Test
  void refusesToWriteAndToAttendByName() {
    try (PagedKvCache cache = open(Capacity.counted(4));
        KvSequence sequence = cache.newSequence();
        Step step = cache.newStep()) {
      step.append(sequence, 1).begin();
      Rows row = Rows.of(new float[2]);

      assertThatThrownBy(() -> step.write(0, row, row))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("counts blocks without memory");
      assertThatThrownBy(() -> step.writeToken(0, 0, row, row))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("counts blocks without memory");
      assertThatThrownBy(() -> step.attend(0, AttentionSpec.causal(1, 1f), row, row))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("counts blocks without memory");
      step.commit();
      assertThat(sequence.length()).isEqualTo(1);
      assertThat(cache.describe()).endsWith("counted without memory");
    }
  }

  @Test
  void holdsPoolsThatNoMachineHas() {
    KvShape opt = KvShape.uniform(96, 96, 128, DType.FP16);
    try (PagedKvCache cache =
        PagedKvCache.open(opt, Backend.SCALAR, Capacity.counted(1_000_000), Checks.DEBUG)) {
      assertThat(cache.statistics().poolBytes()).isGreaterThan(64L << 40);
    }
    assertThatThrownBy(() -> Capacity.counted(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageEndingWith("numBlocks=0");
  }

  @Test
  void doesNotMixWithBlocksThatHaveMemory() {
    try (PagedKvCache counted = open(Capacity.counted(4));
        SwapSpace space = SwapSpace.open(counted, Capacity.blocks(4));
        KvSequence sequence = counted.newSequence();
        Step step = counted.newStep()) {
      step.append(sequence, 5).begin().commit();

      assertThatThrownBy(() -> space.swapOut(List.of(sequence)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("do not mix");
      assertThat(sequence.blockIds()).hasSize(2);
      space.checkConservation();
    }
    KvLayout layout = new KvLayout(SMALL, KeyOrder.TOKEN_MAJOR);
    try (HostStorage storage = HostStorage.counted(layout, 2)) {
      assertThatThrownBy(storage::segment).hasMessageContaining("counted without memory");
      assertThatThrownBy(() -> storage.copyBlocks(new int[] {2}, new int[] {0}, 1))
          .hasMessageContaining("blockId=2");
    }
  }

  private static PagedKvCache open(Capacity capacity) {
    return PagedKvCache.open(SMALL, Backend.SCALAR, capacity);
  }
}
