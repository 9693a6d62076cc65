package dev.pagoda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.pagoda.block.OutOfBlocksException;
import dev.pagoda.internal.kernel.Kernels;
import dev.pagoda.internal.kernel.WriteCall;
import dev.pagoda.internal.scalar.ScalarKernels;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import dev.pagoda.memory.Rows;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Many threads on one cache, each with sequences of its own that share blocks with everybody
 * else's. Each finds its own tokens unharmed at all times; at the end nothing is lost.
 */
@SuppressWarnings("ThreadPriorityCheck") // yielding invites the races that are looked for
class ConcurrentSequencesTest {
  private static final int OPERATIONS = 100_000;
  private static final int SEQUENCES_PER_THREAD = 4;
  private static final int PROMPT_TOKENS = 7;
  private static final KvShape SHAPE = KvShape.uniform(2, 1, 2, DType.FP32).withBlockSize(4);

  @ParameterizedTest
  @CsvSource({"2, STANDARD, false", "8, STANDARD, false", "8, DEBUG, false", "64, STANDARD, true"})
  void everyThreadFindsItsOwnTokens(int numThreads, Checks checks, boolean virtual)
      throws InterruptedException, ExecutionException {
    Kernels kernels = new ScalarKernels();
    HostStorage host =
        HostStorage.allocate(new KvLayout(SHAPE, kernels.keyOrder()), 16 * numThreads);
    run(new PagedKvCache(Backend.SCALAR, kernels, host, checks), host, numThreads, virtual);
  }

  private static void run(PagedKvCache cache, HostStorage host, int numThreads, boolean virtual)
      throws InterruptedException, ExecutionException {
    TokenContent content = new TokenContent(cache.layout());
    long[] prompt = new long[PROMPT_TOKENS];
    for (int i = 0; i < PROMPT_TOKENS; i++) {
      prompt[i] = TokenContent.follow(i == 0 ? 0 : prompt[i - 1], i);
    }
    Own root = new Own(cache.newSequence(), new long[0]);
    new Worker(cache, host, content, root, 0).append(root, prompt);

    AtomicBoolean done = new AtomicBoolean();
    try (ExecutorService threads =
        virtual
            ? Executors.newVirtualThreadPerTaskExecutor()
            : Executors.newFixedThreadPool(numThreads + 1)) {
      final Future<?> observer = threads.submit(() -> observe(cache, done));
      List<Future<?>> workers = new ArrayList<>();
      for (int i = 0; i < numThreads; i++) {
        Own start = new Own(root.sequence.fork(), prompt);
        Worker worker = new Worker(cache, host, content, start, i + 1);
        workers.add(threads.submit(() -> worker.work(OPERATIONS / numThreads)));
      }
      try {
        for (Future<?> worker : workers) {
          worker.get();
        }
      } finally {
        done.set(true);
        observer.get();
      }
    }
    root.sequence.close();
    cache.checkConservation();
    assertThat(cache.statistics().numSequences()).isZero();
    assertThat(cache.statistics().blocks().numFree()).isEqualTo(host.numBlocks());
    cache.close();
  }

  /** Whenever one looks, the numbers fit together. */
  private static void observe(PagedKvCache cache, AtomicBoolean done) {
    while (!done.get()) {
      CacheStatistics s = cache.statistics();
      int used = s.blocks().numUsed();
      if (used < 0
          || s.blocks().numReferences() < used + s.blocks().numShared()
          || s.blocks().peakUsed() < used
          || s.numTokens() < 0) {
        throw new AssertionError("numbers do not fit together: " + s);
      }
      Thread.yield();
    }
  }

  private static final class Own {
    final KvSequence sequence;
    long[] history;

    Own(KvSequence sequence, long[] history) {
      this.sequence = sequence;
      this.history = history;
    }
  }

  /** One thread's business. */
  private static final class Worker {
    private final PagedKvCache cache;
    private final HostStorage host;
    private final TokenContent content;
    private final SplittableRandom random;
    private final HostStorage swap;
    private final Step step;
    private final List<Own> own = new ArrayList<>();

    Worker(PagedKvCache cache, HostStorage host, TokenContent content, Own start, long seed) {
      this.cache = cache;
      this.host = host;
      this.content = content;
      random = new SplittableRandom(seed);
      swap = HostStorage.allocate(cache.layout(), 32);
      step = cache.newStep();
      own.add(start);
    }

    void work(int operations) {
      try {
        for (int i = 0; i < operations; i++) {
          try {
            operate();
          } catch (OutOfBlocksException out) {
            while (own.size() > 1) { // a thread that gives nothing up could starve the others
              own.removeLast().sequence.close();
            }
            own.getFirst().sequence.truncate(0);
            own.getFirst().history = new long[0];
          }
          check(own.get(random.nextInt(own.size())));
        }
        for (Own each : own) {
          check(each);
          each.sequence.close();
        }
      } finally {
        step.close();
        swap.close();
      }
    }

    private void operate() {
      Own one = own.get(random.nextInt(own.size()));
      switch (random.nextInt(10)) {
        case 0, 1 -> {
          if (own.size() < SEQUENCES_PER_THREAD) {
            int length = random.nextInt(one.history.length + 1);
            own.add(new Own(one.sequence.fork(length), Arrays.copyOf(one.history, length)));
          }
        }
        case 2 -> {
          int length = random.nextInt(one.history.length + 1);
          one.sequence.truncate(length);
          one.history = Arrays.copyOf(one.history, length);
        }
        case 3 -> {
          if (own.size() > 1) {
            own.remove(one);
            one.sequence.close();
          }
        }
        case 4 -> {
          int[] numbers = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
          if (one.sequence.blockIds().length <= numbers.length) {
            ParkedGroup group =
                cache.park(
                    List.of(one.sequence), (s, ids) -> s.copyOut(ids, swap, numbers, ids.length));
            unpark(one, group, numbers);
          }
        }
        default -> grow(one);
      }
    }

    private void unpark(Own one, ParkedGroup group, int[] numbers) {
      try {
        cache.unpark(group, (s, ids) -> s.copyIn(swap, numbers, ids, ids.length));
      } catch (OutOfBlocksException out) {
        cache.unparkEmpty(group);
        one.history = new long[0];
      }
    }

    private void grow(Own one) {
      long[] added = new long[random.nextInt(4) == 0 ? random.nextInt(1, 9) : 1];
      long history = one.history.length == 0 ? 0 : one.history[one.history.length - 1];
      for (int i = 0; i < added.length; i++) {
        history = TokenContent.follow(history, random.nextLong());
        added[i] = history;
      }
      if (random.nextInt(8) == 0) {
        step.append(one.sequence, added.length).begin();
        write(added);
        step.rollback();
      } else {
        append(one, added);
      }
    }

    void append(Own one, long[] added) {
      step.append(one.sequence, added.length).begin();
      write(added);
      step.commit();
      long[] all = Arrays.copyOf(one.history, one.history.length + added.length);
      System.arraycopy(added, 0, all, one.history.length, added.length);
      one.history = all;
    }

    private void write(long[] added) {
      for (int layer = 0; layer < SHAPE.numLayers(); layer++) {
        step.write(
            layer, Rows.of(content.keys(layer, added)), Rows.of(content.values(layer, added)));
      }
    }

    private void check(Own one) {
      String difference = content.difference(host, one.sequence.blockIds(), one.history, 0);
      if (one.sequence.length() != one.history.length || !difference.isEmpty()) {
        throw new AssertionError("content of " + one.sequence + ": " + difference);
      }
    }
  }

  // The stress itself: races planted beneath a cache, and found.

  /** As if a call's description belonged to the kernels instead of to the call. */
  private static final class SharedCallKernels extends InterposedKernels {
    private volatile WriteCall current;

    @Override
    public void write(WriteCall call, int firstToken, int endToken) {
      WriteCall mine = new WriteCall(call.storage(), call.batch());
      mine.set(call.layer(), call.keys(), call.values());
      current = mine;
      Thread.yield();
      WriteCall seen = current; // perhaps another thread's
      if (seen.batch().numTokens() >= endToken) {
        super.write(seen, firstToken, endToken);
      }
    }
  }

  /** Copies when there is time, as a copy on a stream without a fence does. */
  private static final class LateStorage extends InterposedStorage {
    LateStorage(HostStorage host) {
      super(host);
    }

    @Override
    public void copyBlocks(int[] sources, int[] targets, int count) {
      int[] from = sources.clone();
      int[] to = targets.clone();
      CompletableFuture<Void> _ =
          CompletableFuture.runAsync(() -> {
            Thread.yield();
            super.copyBlocks(from, to, count);
          });
    }
  }

  private interface Plant {
    KvStorage storage(HostStorage host);
  }

  private static void assertThatFound(Kernels kernels, Plant plant) {
    HostStorage host = HostStorage.allocate(new KvLayout(SHAPE, kernels.keyOrder()), 128);
    PagedKvCache cache =
        new PagedKvCache(Backend.SCALAR, kernels, plant.storage(host), Checks.STANDARD);
    assertThatExceptionOfType(ExecutionException.class)
        .isThrownBy(() -> run(cache, host, 8, false))
        .withMessageContaining("content of");
  }

  @Test
  void kernelsThatShareStateBetweenThreadsAreFound() {
    assertThatFound(new SharedCallKernels(), host -> host);
  }

  @Test
  void copiesThatRunAfterTheCallAreFound() {
    assertThatFound(new InterposedKernels(), LateStorage::new);
  }
}
