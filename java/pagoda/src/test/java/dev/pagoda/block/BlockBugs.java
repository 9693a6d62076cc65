package dev.pagoda.block;

import dev.pagoda.HistoricalBug;
import dev.pagoda.LateCopies;
import dev.pagoda.block.QueuedCopiesTest.Fault;
import dev.pagoda.story.Stories;
import java.util.EnumSet;
import java.util.List;

/** Bugs of pools, and of copies that are queued, that other systems had. */
public final class BlockBugs {
  private static final String GITHUB = "https://github.com/";
  private static final String COPIES =
      "QueuedCopiesTest.whatIsPinnedStaysWhatItWasUntilItsCopiesHavePassed";
  private static final String SWAPS =
      "QueuedSwapsTest.whatAQueuedCopyUsesIsNobodyElsesUntilItHasPassed";
  private static final String POOLS =
      "PoolPropertyTest.blockPoolAndANaiveOneWithoutMistakesHaveAllProperties";
  private static final String PINNED =
      "a block becomes free when it has no owner and no work in flight uses it";
  private static final String STILL =
      "source and target of a queued copy are left alone until it has passed";

  private BlockBugs() {}

  public static List<HistoricalBug> all() {
    return List.of(
        // Used again while work in flight still uses it.
        copies(
            "TensorRT-LLM#15546",
            "NVIDIA/TensorRT-LLM/pull/15546",
            "a queued copy reads its staging buffer after the next step has overwritten it",
            STILL,
            Fault.STAGING_BUFFER_REUSED),
        copies(
            "vllm#51667",
            "vllm-project/vllm/pull/51667",
            "of two buffers the next read overwrites the one that is still being copied",
            STILL,
            Fault.DOUBLE_BUFFER_BY_TURNS),
        copies(
            "TensorRT-LLM#9056",
            "NVIDIA/TensorRT-LLM/pull/9056",
            "two offloads of one step go to the same host block",
            STILL,
            Fault.SAME_SLOT_TWICE),
        swaps(
            "vllm#45704",
            "vllm-project/vllm/issues/45704",
            "a copy is taken to have passed when the call that queued it returns",
            PINNED,
            LateCopies.Fault.PASSED_AT_ONCE),
        copies(
            "vllm#45357",
            "vllm-project/vllm/pull/45357",
            "blocks of a finished request go back to the pool while a copy still uses them",
            PINNED,
            Fault.SOURCE_FREED_IN_FLIGHT),
        copies(
            "vllm#32255",
            "vllm-project/vllm/pull/32255",
            "aborting a load frees the blocks that it still writes",
            PINNED,
            Fault.TARGET_FREED_ON_ABORT),
        copies(
            "sglang#28468",
            "sgl-project/sglang/pull/28468",
            "a host slot is given up while it is copied from",
            PINNED,
            Fault.HOST_SLOT_EVICTED_DURING_COPY),
        swaps(
            "sglang#20611",
            "sgl-project/sglang/pull/20611",
            "a block is read while it is still on its way",
            "content is visible after its copy has passed, never before",
            LateCopies.Fault.NOBODY_WAITS),
        copies(
            "vllm#46283",
            "vllm-project/vllm/issues/46283",
            "a completion that is dropped after an abort leaves blocks held for ever",
            "every hold ends",
            Fault.LOST_COMPLETION),
        copies(
            "vllm#20139",
            "vllm-project/vllm/pull/20139",
            "a completion that comes after its deadline drops the hold of somebody else",
            "a hold ends once; a handle of an earlier life is refused",
            Fault.LATE_COMPLETION),
        // Counts and lists.
        pools(
            "vllm#42571",
            "vllm-project/vllm/issues/42571",
            "a block given twice in one release is on the free list twice",
            "a release names each block once, or throws",
            "a mistake is not refused",
            PoolPropertyTest.Fault.BLOCK_TWICE_IN_ONE_RELEASE),
        pools(
            "vllm#1556",
            "vllm-project/vllm/issues/1556",
            "a block is freed by who freed it before, under its next owner",
            "a handle of an earlier life is refused",
            "a mistake is not refused",
            PoolPropertyTest.Fault.DOUBLE_FREE),
        pools(
            "sglang#35270",
            "sgl-project/sglang/issues/35270",
            "a block with two owners counts as two",
            "each block is in one state and counts once",
            "used blocks are miscounted",
            PoolPropertyTest.Fault.SHARED_COUNTED_TWICE),
        pools(
            "vllm#24228 (counter)",
            "vllm-project/vllm/pull/24228",
            "a counter moves before the check that throws",
            "a call that throws has changed nothing",
            "used blocks are miscounted",
            PoolPropertyTest.Fault.COUNTED_BEFORE_CHECKED));
  }

  private static HistoricalBug copies(
      String where, String path, String what, String invariant, Fault fault) {
    return new HistoricalBug(
        where,
        GITHUB + path,
        what,
        invariant,
        COPIES,
        fault == Fault.LOST_COMPLETION ? "held for ever" : "content of another",
        () -> QueuedCopiesTest.requireRight(EnumSet.noneOf(Fault.class)),
        () -> QueuedCopiesTest.requireRight(EnumSet.of(fault)));
  }

  private static HistoricalBug swaps(
      String where, String path, String what, String invariant, LateCopies.Fault fault) {
    return new HistoricalBug(
        where,
        GITHUB + path,
        what,
        invariant,
        SWAPS,
        "[content]",
        () -> Stories.queuedSwaps(LateCopies.Fault.NONE),
        () -> Stories.queuedSwaps(fault));
  }

  private static HistoricalBug pools(
      String where,
      String path,
      String what,
      String invariant,
      String harm,
      PoolPropertyTest.Fault fault) {
    return new HistoricalBug(
        where,
        GITHUB + path,
        what,
        invariant,
        POOLS,
        harm,
        () -> PoolPropertyTest.run(PoolPropertyTest::real),
        () -> PoolPropertyTest.requireRight(fault));
  }
}
