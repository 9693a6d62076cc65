package dev.pagoda.tier;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.decoding.ForkGroup;
import dev.pagoda.decoding.PromptHandle;
import dev.pagoda.decoding.ReadableCache;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("any-backend")
class PreemptionModelTest {
  private static final PreemptionModel MACHINE =
      new PreemptionModel(
          new TransferModel(1e9, 1000),
          new TransferModel(2e9, 500),
          new PrefillModel(1e6, 5000, 0));

  @Test
  void sharedBlocksAndTokensCountOnce() {
    try (ReadableCache memory = ReadableCache.open(16, 32)) {
      ForkGroup group = ForkGroup.of(memory.counting(50), 4, PromptHandle.MOVE);
      memory.commit(group.appendTo(memory.cache().newStep()), 101, 102, 103, 104);

      PreemptionLoad load = PreemptionLoad.of(memory.cache(), group.sequences());

      assertThat(load.numBlocks()).isEqualTo(3 + 4);
      assertThat(load.bytes()).isEqualTo(7 * memory.cache().layout().blockBytes());
      assertThat(load.numTokens()).isEqualTo(51 + 3 * 3);
      assertThat(load.numFeeds()).isEqualTo(4);
      assertThat(load.numAttended()).isEqualTo(51 * 52 / 2 + 3 * (49 + 50 + 51));
    }
  }

  @Test
  void whatIsMeasuredIsWhatTheLoadSays() {
    try (ReadableCache memory = ReadableCache.open(16, 32);
        SwapSpace space = SwapSpace.open(memory.cache(), Capacity.blocks(32))) {
      List<KvSequence> group = List.of(memory.counting(50), memory.counting(20));
      PreemptionLoad load = PreemptionLoad.of(memory.cache(), group);

      space.swapIn(space.swapOut(group));

      assertThat(space.statistics().out().bytes()).isEqualTo(load.bytes());
      assertThat(space.statistics().in().numTransfers()).isEqualTo(load.numBlocks());
    }
  }

  @Test
  void swappingPaysBothWays() {
    PreemptionCost cost = MACHINE.cost(new PreemptionLoad(10, 40_000, 160, 2, 6480));

    assertThat(cost.swapNanos()).isCloseTo(40_000 + 10_000 + 20_000 + 5_000, within(1e-6));
    assertThat(cost.recomputeNanos()).isCloseTo(160_000 + 10_000, within(1e-6));
    assertThat(cost.cheaper()).isEqualTo(PreemptionCost.Preemption.SWAP);
    assertThat(cost.describe())
        .isEqualTo(
            "swap: swapping 10 blocks (40000 bytes) out and in takes 0.075 ms, computing 160 tokens"
                + " in 2 feeds takes 0.170 ms");
  }

  @Test
  void manySmallBlocksMakeRecomputingCheaper() {
    // The same 128 tokens and bytes, in blocks of 16 and of 1.
    PreemptionCost large = MACHINE.cost(new PreemptionLoad(8, 32_768, 128, 1, 8256));
    PreemptionCost small = MACHINE.cost(new PreemptionLoad(128, 32_768, 128, 1, 8256));

    assertThat(large.cheaper()).isEqualTo(PreemptionCost.Preemption.SWAP);
    assertThat(small.cheaper()).isEqualTo(PreemptionCost.Preemption.RECOMPUTE);
    assertThat(small.recomputeNanos()).isEqualTo(large.recomputeNanos());
    assertThat(small.describe()).startsWith("recompute: ");
  }
}
