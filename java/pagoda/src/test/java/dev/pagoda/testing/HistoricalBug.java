package dev.pagoda.testing;

import java.lang.annotation.ElementType;
import java.lang.annotation.Repeatable;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Bugs that other systems have had, each of which is planted here by a test that must catch it.
 *
 * <p>{@code HistoricalBugsTest} finds the tests by their {@link Caught} annotation, and holds them
 * against the table in {@code HISTORICAL_BUGS.md}.
 */
public enum HistoricalBug {
  STAGING_BUFFER_REUSED(
      "TRT-LLM#15546",
      "a queued copy reads its staging buffer after the next step has overwritten it",
      "I-2 the source of a queued copy is left alone until it has passed"),
  SAME_SLOT_TWICE(
      "TRT-LLM#8813",
      "two offloads of one step go to the same host block",
      "I-2 the target of a queued copy is nobody else's until it has passed"),
  FREED_ONE_STEP_LATER(
      "vllm#45704",
      "a copy is taken to have passed after one step",
      "I-1 a block is free when all work has passed, not when some time has"),
  SOURCE_FREED_IN_FLIGHT(
      "vllm#45357",
      "blocks of a finished request go back to the pool while a copy still uses them",
      "I-1 free means no owner and no work in flight"),
  TARGET_FREED_ON_ABORT(
      "vllm#32255",
      "aborting a load frees the blocks that it still writes",
      "I-1 free means no owner and no work in flight"),
  DOUBLE_BUFFER_BY_TURNS(
      "vllm#51667",
      "the next read overwrites the buffer that is still being copied",
      "I-2 a buffer is used again when its copy has passed"),
  HOST_SLOT_EVICTED_DURING_COPY(
      "sglang#28468",
      "a host slot is given up while it is copied from",
      "I-1 free means no owner and no work in flight"),
  READ_BEFORE_ARRIVAL(
      "LMCache#207, TRT-LLM#9056",
      "a block is read while it is still being loaded",
      "I-5 content is visible after its copy, never before"),
  LOST_COMPLETION(
      "vllm#46283, vllm-ascend#16662",
      "a completion that is dropped after an abort leaves blocks held for ever",
      "I-11 every hold ends"),
  LATE_COMPLETION(
      "vllm#20139",
      "a completion that comes after its deadline drops the hold of somebody else",
      "I-11 late completions are known and ignored"),
  HELD_AFTER_REJECTION(
      "vllm#41269",
      "a request that is rejected keeps its blocks",
      "P3 what fails leaves nothing behind"),
  NO_DOMAIN_TAGS(
      "vllm#44701",
      "an adapter and a salt of the same name give the same key",
      "I-3 keys are tagged by domain"),
  KEY_WITHOUT_ADAPTER(
      "vllm#44250, vllm#44950",
      "the key leaves out the adapter",
      "I-3 the key has everything that content depends on"),
  NO_LENGTHS(
      "CVE-2025-46722",
      "fields without lengths: another split of the same bytes gives the same key",
      "I-3 the encoding is injective"),
  KEY_WITHOUT_WEIGHTS(
      "lmdeploy#4917, NeMo-RL#4018",
      "the cache outlives an update of the weights",
      "I-3 the key has everything that content depends on"),
  KEY_WITHOUT_LAYOUT(
      "LMCache#4463, vllm#55191",
      "another layout of the same size is read as if it were this one",
      "I-3 the key has everything that content depends on"),
  SHORT_HASH(
      "CVE-2026-10813, CVE-2025-25183",
      "a truncated hash stands for the tokens",
      "I-4 a hit is confirmed by token ids"),
  KEY_WITHOUT_PARENT(
      "vllm#12621",
      "equal blocks after different beginnings have one key",
      "I-3 the key has everything that content depends on"),
  HALF_WRITTEN_FILE_BELIEVED(
      "LMCache#4385, vllm#54363",
      "a file of the right length and other bytes is served",
      "I-6 verified or a miss"),
  VISIBLE_BEFORE_WRITTEN(
      "LMCache#4991",
      "a store that failed stays visible",
      "I-7 a store is there whole or not at all"),
  BLOCK_TWICE_IN_ONE_RELEASE(
      "vllm#42571, UCM#1053",
      "a block given twice in one release is on the free list twice",
      "I-9 a release names each block once, or throws"),
  DOUBLE_FREE(
      "vllm#1556, sglang#28702",
      "a block is freed by who freed it before, under its next owner",
      "I-10 a stale handle throws"),
  COUNTED_BEFORE_CHECKED(
      "vllm#24228",
      "a counter moves before the check that throws",
      "P3 a call that throws has changed nothing"),
  SHARED_COUNTED_TWICE(
      "sglang#35270",
      "a block with two owners counts as two",
      "I-8 each block is in one state and counts once"),
  VICTIM_IN_USE(
      "TRT-LLM#17926, vllm#33775",
      "eviction takes blocks that the same request is about to use",
      "I-8 only idle blocks are given up"),
  SHARED_TAIL_WRITTEN_IN_PLACE(
      "atlas#692, atlas#1193",
      "a partly filled block is shared and written without a copy",
      "I-10 a writer is the only owner"),
  SUSPENDED_HALF_WAY(
      "TRT-LLM#15931",
      "blocks are given up before there are host slots for them",
      "P3 slots are reserved before a byte moves"),
  INT_OFFSET(
      "vllm#50427, xpu-kernels#445",
      "the offset of a block is computed in 32 bits",
      "I-12 offsets are 64-bit"),
  BAD_ID_MADE_ZERO(
      "onnxruntime#32391",
      "an id out of range is read as block 0",
      "I-12 ids are checked, never corrected"),
  READ_PAST_THE_END(
      "vllm flash-attention#42",
      "the last tile reads past the end of the sequence",
      "I-12, I-13 nothing behind the length is read"),
  HIDDEN_TIMES_ZERO(
      "vllm#936, flash-attention#1745",
      "hidden values are multiplied by a weight of zero, and NaN times zero is NaN",
      "I-13 output does not depend on what is hidden");

  private final String elsewhere;
  private final String failure;
  private final String invariant;

  HistoricalBug(String elsewhere, String failure, String invariant) {
    this.elsewhere = elsewhere;
    this.failure = failure;
    this.invariant = invariant;
  }

  /** Where it happened: repositories with issue numbers, or CVEs. */
  public String elsewhere() {
    return elsewhere;
  }

  /** What went wrong. */
  public String failure() {
    return failure;
  }

  /** What holds here instead. */
  public String invariant() {
    return invariant;
  }

  /** This test plants a bug and fails unless it is caught. */
  @Target(ElementType.METHOD)
  @Retention(RetentionPolicy.RUNTIME)
  @Repeatable(CaughtAll.class)
  public @interface Caught {
    /** The bug that is planted. */
    HistoricalBug value();
  }

  /** Several bugs that one test plants. */
  @Target(ElementType.METHOD)
  @Retention(RetentionPolicy.RUNTIME)
  public @interface CaughtAll {
    /** The bugs that are planted. */
    Caught[] value();
  }
}
