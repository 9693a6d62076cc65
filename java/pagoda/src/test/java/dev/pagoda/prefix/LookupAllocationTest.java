package dev.pagoda.prefix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvShape;
import dev.pagoda.testing.AllocationMeter;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/**
 * What a lookup allocates depends on its prompt, not on how many blocks are cached: among 200,000,
 * or as many as {@code dev.pagoda.test.lookup.blocks} says.
 */
class LookupAllocationTest {
  private static final int BLOCK_SIZE = 4;
  private static final int PROMPT_TOKENS = 256 * BLOCK_SIZE;
  private static final int ROUNDS = 300;
  private static final int TURNS = 4;

  /** Of some 50,000: a sibling more on the way to a neighbour, never one per block. */
  private static final long TOLERANCE_BYTES = 500;

  private record Bytes(long probe, long open) {
    Bytes least(Bytes other) {
      return new Bytes(Math.min(probe, other.probe), Math.min(open, other.open));
    }
  }

  /** A cache that is full of prompts of one length. */
  private record Full(PagedKvCache cache, PrefixCache prefixes, Step step)
      implements AutoCloseable {
    static Full of(int numBlocks, PrefixIndex index) {
      KvShape shape = KvShape.uniform(1, 1, 1, DType.FP32).withBlockSize(BLOCK_SIZE);
      PagedKvCache cache =
          PagedKvCache.open(shape, Backend.SCALAR, Capacity.counted(numBlocks + 1_000));
      PrefixSettings settings = PrefixSettings.of("model");
      PrefixCache.Parts right = PrefixCache.Parts.of(cache, settings, System::nanoTime);
      PrefixCache.Parts parts = new PrefixCache.Parts(right.encoding(), index, right.order());
      Full full = new Full(cache, new PrefixCache(cache, settings, parts), cache.newStep());
      for (int i = 0; full.prefixes.statistics().numBlocks() < numBlocks; i++) {
        full.publish(i);
      }
      return full;
    }

    private void publish(int number) {
      try (TokenSequence tokens = prefixes.open(prompt(number), Namespace.COMMON)) {
        step.append(tokens.sequence(), tokens.numMissing()).begin();
        step.commit();
      }
    }

    /** What the calls for a prompt that is cached allocate at least. */
    Bytes measured() {
      int[] known = prompt(3);
      assertThat(prefixes.probe(known, Namespace.COMMON).cachedTokens())
          .isEqualTo(PROMPT_TOKENS - 1);
      return new Bytes(
          least(() -> prefixes.probe(known, Namespace.COMMON).cachedTokens()),
          least(() -> {
            try (TokenSequence tokens = prefixes.open(known, Namespace.COMMON)) {
              return tokens.length();
            }
          }));
    }

    @Override
    public void close() {
      step.close();
      prefixes.close();
      cache.close();
    }
  }

  private interface Lookup {
    int cachedTokens();
  }

  private static int[] prompt(int number) {
    return new SplittableRandom(number).ints(PROMPT_TOKENS, 0, 128_000).toArray();
  }

  private static long least(Lookup lookup) {
    long least = Long.MAX_VALUE;
    for (int i = 0; i < ROUNDS; i++) {
      long before = AllocationMeter.allocatedBytes();
      assertThat(lookup.cachedTokens()).isPositive();
      least = Math.min(least, AllocationMeter.allocatedBytes() - before);
    }
    return least;
  }

  /** Two caches in turns, because compiled code allocates less than code that is not yet. */
  private static String requireAlike(int numFew, int numMany, Supplier<PrefixIndex> index) {
    try (Full fewBlocks = Full.of(numFew, index.get());
        Full manyBlocks = Full.of(numMany, index.get())) {
      Bytes few = fewBlocks.measured();
      Bytes many = manyBlocks.measured();
      for (int turn = 0; turn < TURNS; turn++) {
        few = few.least(fewBlocks.measured());
        many = many.least(manyBlocks.measured());
      }
      String both = "few=" + few + ", many=" + many;
      assertThat(many.probe).as(both).isLessThanOrEqualTo(few.probe + TOLERANCE_BYTES);
      assertThat(many.open).as(both).isLessThanOrEqualTo(few.open + TOLERANCE_BYTES);
      return both;
    }
  }

  @Test
  void aLookupAllocatesAsMuchAmongAllBlocksAsAmongATenthOfThem(TestReporter reporter) {
    int numBlocks = Integer.getInteger("dev.pagoda.test.lookup.blocks", 200_000);
    reporter.publishEntry(
        "lookup among " + numBlocks + " blocks",
        requireAlike(numBlocks / 10, numBlocks, PrefixIndex::new));
  }

  /** Lists something of every tenth block per lookup. */
  private static final class ListingIndex extends PrefixIndex {
    private byte[] list = {}; // a field, or it would be compiled away

    @Override
    Head longestHead(CachedEntry prefix, int[] tokens) {
      list = new byte[size() / 10];
      Arrays.fill(list, (byte) 1);
      return super.longestHead(prefix, tokens);
    }

    @Override
    public String toString() {
      return "ListingIndex[" + list.length + "]";
    }
  }

  @Test
  void aLookupThatListsSomethingPerBlockIsFound() {
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() -> requireAlike(10_000, 100_000, ListingIndex::new))
        .withMessageContaining("few=Bytes");
  }
}
