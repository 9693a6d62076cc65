package dev.pagoda.prefix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pagoda.Backend;
import dev.pagoda.Capacity;
import dev.pagoda.KvSequence;
import dev.pagoda.PagedKvCache;
import dev.pagoda.Step;
import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Many threads open, compute, publish and close over a pool that is too small for all, while others
 * probe and clear. What anybody reads is a chain hash of the tokens it belongs to.
 */
class PrefixConcurrencyTest {
  private static final int BLOCK_SIZE = 4;
  private static final int NUM_BLOCKS = 40;
  private static final int ROUNDS = Integer.getInteger("dev.pagoda.test.prefixRounds", 1_500);

  @ParameterizedTest
  @ValueSource(ints = {2, 8})
  void nobodyReadsWhatIsNotItsOwn(int numThreads) throws Exception {
    KvShape shape = KvShape.uniform(1, 1, 1, DType.FP32).withBlockSize(BLOCK_SIZE);
    try (Arena arena = Arena.ofShared()) {
      long bytes;
      try (PagedKvCache one = PagedKvCache.open(shape, Backend.SCALAR, Capacity.blocks(1))) {
        bytes = one.layout().poolBytes(NUM_BLOCKS);
      }
      MemorySegment memory = arena.allocate(bytes, 64);
      try (PagedKvCache cache = PagedKvCache.open(shape, Backend.SCALAR, Capacity.within(memory));
          PrefixCache prefixes =
              PrefixCache.open(cache, PrefixSettings.of("model").withTier(new HeapTier()));
          ExecutorService threads = Executors.newFixedThreadPool(numThreads + 2)) {
        AtomicBoolean done = new AtomicBoolean();
        AtomicLong hits = new AtomicLong();
        List<Future<?>> workers = new ArrayList<>();
        for (int i = 0; i < numThreads; i++) {
          long seed = i;
          workers.add(threads.submit(worker(cache, prefixes, memory, seed, hits)));
        }
        Future<?> prober = threads.submit(meanwhile(done, () -> probe(prefixes)));
        Future<?> clearer = threads.submit(meanwhile(done, () -> clear(prefixes)));
        for (Future<?> worker : workers) {
          worker.get();
        }
        done.set(true);
        prober.get();
        clearer.get();
        assertThat(hits.get()).isPositive();
        prefixes.checkConservation();
        cache.checkConservation();
      }
    }
  }

  private static Callable<Void> meanwhile(AtomicBoolean done, Runnable task) {
    return () -> {
      while (!done.get()) {
        task.run();
      }
      return null;
    };
  }

  private static void probe(PrefixCache prefixes) {
    for (int i = 0; i < 8; i++) {
      int[] prompt = prompt(new SplittableRandom(i));
      assertThat(prefixes.probe(prompt, Namespace.COMMON).cachedTokens()).isLessThan(prompt.length);
    }
    for (int id = 0; id < NUM_BLOCKS; id++) {
      assertThat(prefixes.explain(id).toString()).isNotEmpty();
    }
  }

  private static void clear(PrefixCache prefixes) {
    try {
      Thread.sleep(3);
    } catch (InterruptedException interrupted) {
      throw new AssertionError(interrupted);
    }
    prefixes.clear(Namespace.COMMON);
  }

  private static int[] prompt(SplittableRandom random) {
    int[] prompt = new int[1 + random.nextInt(6 * BLOCK_SIZE)];
    for (int i = 0; i < prompt.length; i++) {
      prompt[i] = random.nextInt(8) == 0 ? 1 : 0;
    }
    return prompt;
  }

  private static Callable<Void> worker(
      PagedKvCache cache, PrefixCache prefixes, MemorySegment memory, long seed, AtomicLong hits) {
    return () -> {
      SplittableRandom random = new SplittableRandom(seed);
      try (Step step = cache.newStep()) {
        for (int round = 0; round < ROUNDS; round++) {
          int[] prompt = prompt(random);
          try (TokenSequence tokens = prefixes.open(prompt, Namespace.COMMON)) {
            hits.addAndGet(tokens.length());
            step.append(tokens.sequence(), tokens.numMissing()).begin();
            float[] rows = chain(prompt);
            Rows missing =
                Rows.of(Arrays.copyOfRange(rows, prompt.length - step.numTokens(), prompt.length));
            step.write(0, missing, missing);
            step.commit();
            requireContent(cache, tokens.sequence(), memory, rows);
          } catch (OutOfBlocksException others) {
            Thread.onSpinWait(); // they have it all
          }
        }
      }
      return null;
    };
  }

  /** Per token a number that depends on all tokens before it, exact in FP32. */
  private static float[] chain(int[] prompt) {
    float[] rows = new float[prompt.length];
    int hash = 17;
    for (int i = 0; i < prompt.length; i++) {
      hash = (hash * 31 + prompt[i] + 1) & 0xffffff;
      rows[i] = hash;
    }
    return rows;
  }

  private static void requireContent(
      PagedKvCache cache, KvSequence sequence, MemorySegment memory, float[] expected) {
    KvLayout layout = cache.layout();
    int[] ids = sequence.blockIds();
    for (int i = 0; i < expected.length; i++) {
      long tile = layout.valueTileOffset(ids[i / BLOCK_SIZE], 0, 0);
      long offset = tile + i % BLOCK_SIZE * layout.valueTokenStrideBytes(0);
      float actual = memory.get(ValueLayout.JAVA_FLOAT, offset);
      if (actual != expected[i]) {
        throw new AssertionError("another token's value: position=" + i + ", value=" + actual);
      }
    }
  }
}
