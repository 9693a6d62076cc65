package dev.pagoda.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pagoda.layout.AttentionSpec;
import dev.pagoda.layout.DType;
import dev.pagoda.layout.KeyOrder;
import dev.pagoda.layout.KvLayout;
import dev.pagoda.layout.KvShape;
import dev.pagoda.memory.HostStorage;
import dev.pagoda.memory.KvStorage;
import dev.pagoda.memory.Rows;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(120)
class ParallelAttendTest {
  private static final int THREADS_MAX = 16;

  private final ExecutorService platform = Executors.newFixedThreadPool(THREADS_MAX);
  private final ExecutorService virtual = Executors.newVirtualThreadPerTaskExecutor();

  private final List<HostStorage> storages = new ArrayList<>();

  @AfterEach
  void noThreadIsLeft() {
    platform.close();
    virtual.close();
    storages.forEach(HostStorage::close);
  }

  // What is run: kernels that compute nothing and write down what they were asked for.

  /** Counts how often each (row, KV head) is computed, and who is inside. */
  private static class RecordingKernels implements Kernels {
    final AtomicInteger inside = new AtomicInteger();
    final AtomicInteger scratchesMade = new AtomicInteger();
    private volatile AtomicIntegerArray computed = new AtomicIntegerArray(0);
    private volatile int tileTokens = 1;
    private volatile int numKvHeads;

    private static final class BorrowedScratch implements Scratch {
      final AtomicInteger users = new AtomicInteger();
    }

    void expect(int numTokens, int newNumKvHeads, int newTileTokens) {
      numKvHeads = newNumKvHeads;
      tileTokens = newTileTokens;
      computed = new AtomicIntegerArray(numTokens * newNumKvHeads);
    }

    /** Right after run has returned: all done, once each, and nobody is inside. */
    void requireDone() {
      if (inside.get() != 0) {
        throw new AssertionError("a thread is still inside: inside=" + inside.get());
      }
      for (int i = 0; i < computed.length(); i++) {
        if (computed.get(i) != 1) {
          throw new AssertionError(
              "row="
                  + i / numKvHeads
                  + ", kvHead="
                  + i % numKvHeads
                  + ", times="
                  + computed.get(i));
        }
      }
    }

    int numComputed() {
      int sum = 0;
      for (int i = 0; i < computed.length(); i++) {
        sum += computed.get(i);
      }
      return sum;
    }

    @Override
    public String name() {
      return "recording";
    }

    @Override
    public String describe() {
      return "computes nothing";
    }

    @Override
    public KeyOrder keyOrder() {
      return KeyOrder.DIM_MAJOR;
    }

    @Override
    public KvStorage openStorage(KvLayout layout, int numBlocks) {
      return HostStorage.allocate(layout, numBlocks);
    }

    @Override
    public Scratch newScratch(KvLayout layout) {
      scratchesMade.incrementAndGet();
      return new BorrowedScratch();
    }

    @Override
    public void write(WriteCall call, int firstToken, int endToken) {
      throw new UnsupportedOperationException("nothing is written here");
    }

    @Override
    public int queryTileTokens(AttendCall call) {
      return tileTokens;
    }

    @Override
    public void attend(
        AttendCall call,
        int firstToken,
        int endToken,
        int firstKvHead,
        int endKvHead,
        Scratch scratch) {
      BorrowedScratch mine = (BorrowedScratch) scratch;
      inside.incrementAndGet();
      try {
        if (mine.users.incrementAndGet() != 1) {
          throw new AssertionError("two threads have the same scratch");
        }
        requireOneTile(call.batch(), firstToken, endToken);
        work();
        for (int token = firstToken; token < endToken; token++) {
          for (int kvHead = firstKvHead; kvHead < endKvHead; kvHead++) {
            computed.incrementAndGet(token * numKvHeads + kvHead);
          }
        }
      } finally {
        mine.users.decrementAndGet();
        inside.decrementAndGet();
      }
    }

    private void requireOneTile(RaggedBatch batch, int firstToken, int endToken) {
      int sequence = batch.sequenceOf(firstToken);
      if (endToken <= firstToken
          || endToken - firstToken > tileTokens
          || batch.sequenceOf(endToken - 1) != sequence) {
        throw new AssertionError("a unit of several sequences or none: first=" + firstToken);
      }
    }

    void work() {}
  }

  /** A layer of some KV heads and a batch that changes from call to call. */
  private static final class Attention {
    private final RecordingKernels kernels;
    private final HostStorage storage;
    private final RaggedBatch batch = new RaggedBatch(1);
    private final ParallelAttend parallel;
    private final int numKvHeads;

    Attention(RecordingKernels kernels, int numKvHeads, HostStorage storage) {
      this.kernels = kernels;
      this.numKvHeads = numKvHeads;
      this.storage = storage;
      KvLayout layout = storage.layout();
      AttendCall call = new AttendCall(storage, batch);
      call.set(0, AttentionSpec.causal(numKvHeads, 1f), Rows.none(), Rows.none(), Rows.none());
      parallel =
          new ParallelAttend(kernels, call, new IdlePool<>(() -> kernels.newScratch(layout)));
    }

    /** A batch of so many query rows per sequence. */
    Attention batch(int tileTokens, int... queryLengths) {
      batch.clear();
      for (int queryLength : queryLengths) {
        batch.addSequence(queryLength, queryLength, 0);
      }
      kernels.expect(batch.numTokens(), numKvHeads, tileTokens);
      return this;
    }

    Attention randomBatch(SplittableRandom random) {
      int[] queryLengths = random.ints(random.nextInt(0, 20), 1, 40).toArray();
      return batch(random.nextInt(1, 20), queryLengths);
    }

    void run(Executor executor, int numThreads) {
      parallel.run(executor, numThreads);
    }
  }

  private Attention attention(RecordingKernels kernels, int numKvHeads) {
    KvShape shape = KvShape.uniform(1, numKvHeads, 1, DType.FP32);
    HostStorage storage = HostStorage.allocate(new KvLayout(shape, KeyOrder.DIM_MAJOR), 1);
    storages.add(storage);
    return new Attention(kernels, numKvHeads, storage);
  }

  // Executors, decent and otherwise.

  private enum Lender {
    PLATFORM,
    VIRTUAL,
    FORK_JOIN,
    INLINE,
    REFUSES,
    REFUSES_AFTER_TWO,
    DROPS,
    RUNS_AT_THE_NEXT_CALL,
    RUNS_EVERYTHING_TWICE
  }

  private Executor executor(Lender lender) {
    Deque<Runnable> late = new ArrayDeque<>();
    AtomicInteger lent = new AtomicInteger();
    return switch (lender) {
      case PLATFORM -> platform;
      case VIRTUAL -> virtual;
      case FORK_JOIN -> ForkJoinPool.commonPool();
      case INLINE -> Runnable::run;
      case REFUSES ->
          task -> {
            throw new RejectedExecutionException("planted");
          };
      case REFUSES_AFTER_TWO ->
          task -> {
            if (lent.incrementAndGet() % 4 == 3) {
              throw new RejectedExecutionException("planted");
            }
            platform.execute(task);
          };
      case DROPS -> task -> {};
      case RUNS_AT_THE_NEXT_CALL ->
          task -> {
            late.add(task);
            if (late.size() > 3) {
              platform.execute(late.removeFirst());
              late.removeFirst().run();
            }
          };
      case RUNS_EVERYTHING_TWICE ->
          task -> {
            platform.execute(task);
            platform.execute(task);
          };
    };
  }

  @ParameterizedTest
  @EnumSource
  void everyRowAndHeadIsComputedOnceWhateverTheExecutorDoes(Lender lender) {
    SplittableRandom random = new SplittableRandom(lender.name().hashCode());
    Executor executor = executor(lender);
    for (int numKvHeads : new int[] {1, 2, 3, 8}) {
      RecordingKernels kernels = new RecordingKernels();
      Attention attention = attention(kernels, numKvHeads);
      for (int i = 0; i < 400; i++) {
        attention.randomBatch(random).run(executor, random.nextInt(1, THREADS_MAX + 1));
        kernels.requireDone();
      }
      assertThat(kernels.scratchesMade.get()).isLessThanOrEqualTo(2 * THREADS_MAX);
    }
  }

  @Test
  void oneThreadAsksNoExecutor() {
    RecordingKernels kernels = new RecordingKernels();
    Executor never =
        task -> {
          throw new AssertionError("it was asked");
        };
    attention(kernels, 2).batch(4, 5, 1, 9).run(never, 1);
    kernels.requireDone();
  }

  @Test
  void noMoreThreadsAreAskedForThanThereIsWorkFor() {
    RecordingKernels kernels = new RecordingKernels();
    AtomicInteger asked = new AtomicInteger();
    Attention attention = attention(kernels, 2);
    attention.batch(1, 1).run(task -> asked.incrementAndGet(), Integer.MAX_VALUE);
    kernels.requireDone();
    assertThat(asked).as("two heads, one of which the caller computes").hasValue(1);
    attention.batch(1).run(task -> asked.incrementAndGet(), 8);
    assertThat(asked).as("an empty batch").hasValue(1);
  }

  @Test
  void aTaskThatComesAfterTheCallFindsTheDoorClosed() {
    RecordingKernels kernels = new RecordingKernels();
    Attention attention = attention(kernels, 4);
    List<Runnable> late = new ArrayList<>();
    attention.batch(2, 7, 3).run(late::add, 8);
    kernels.requireDone();
    assertThat(late).hasSize(7);
    int done = kernels.numComputed();
    late.forEach(Runnable::run);
    assertThat(kernels.numComputed()).isEqualTo(done);
    kernels.requireDone();
  }

  /** Tasks of a call that is over keep coming in while the next ones run, with other batches. */
  @Test
  void lateTasksHelpALaterCallOrStayOutButNeverSpoilIt() throws InterruptedException {
    RecordingKernels kernels = new RecordingKernels();
    Attention attention = attention(kernels, 3);
    AtomicInteger over = new AtomicInteger();
    List<Thread> latecomers = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      Thread thread =
          new Thread(() -> {
            while (over.get() == 0) {
              attention.parallel.run();
            }
          });
      latecomers.add(thread);
      thread.start();
    }
    SplittableRandom random = new SplittableRandom(8);
    try {
      for (int i = 0; i < 5_000; i++) {
        attention.randomBatch(random).run(task -> {}, random.nextInt(1, 9));
        kernels.requireDone();
      }
    } finally {
      over.set(1);
      for (Thread thread : latecomers) {
        thread.join();
      }
    }
  }

  // Waiting for those inside.

  /** The caller's own share is done, and a lent thread is in the middle of its unit. */
  private static class HeldKernels extends RecordingKernels {
    final Thread caller = Thread.currentThread();
    final CountDownLatch lentThreadIsInside = new CountDownLatch(1);
    final CountDownLatch release = new CountDownLatch(1);

    @Override
    void work() {
      try {
        if (Thread.currentThread() == caller) {
          lentThreadIsInside.await();
        } else {
          lentThreadIsInside.countDown();
          release.await();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Test
  void runReturnsOnlyWhenNoLentThreadIsInside() throws InterruptedException {
    HeldKernels kernels = new HeldKernels();
    Attention attention = attention(kernels, 2);
    Thread caller = Thread.currentThread();
    Thread releaser =
        new Thread(() -> {
          awaitWaiting(caller, kernels.lentThreadIsInside);
          kernels.release.countDown();
        });
    releaser.start();
    attention.batch(1, 1).run(platform, 2);
    kernels.requireDone();
    assertThat(kernels.release.getCount()).as("it was released before run returned").isZero();
    releaser.join();
  }

  @Test
  void noMoreThreadsAreInsideThanWereAskedFor() throws InterruptedException {
    HeldKernels kernels = new HeldKernels();
    Attention attention = attention(kernels, 4);
    Executor lendsFour =
        task -> {
          for (int i = 0; i < 4; i++) {
            platform.execute(task);
          }
          kernels.release.countDown();
        };
    for (int i = 0; i < 200; i++) {
      attention.batch(1, 1).run(lendsFour, 2);
      kernels.requireDone();
    }
    assertThat(kernels.scratchesMade).hasValueLessThanOrEqualTo(2);
  }

  private static void awaitWaiting(Thread thread, CountDownLatch first) {
    try {
      first.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    while (thread.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
  }

  @Test
  void anInterruptWhileWaitingNeitherEndsTheWaitNorIsLost() throws InterruptedException {
    HeldKernels kernels = new HeldKernels();
    Attention attention = attention(kernels, 2);
    Thread caller = Thread.currentThread();
    Thread interrupter =
        new Thread(() -> {
          for (int i = 0; i < 3; i++) {
            awaitWaiting(caller, kernels.lentThreadIsInside);
            caller.interrupt();
          }
          kernels.release.countDown();
        });
    interrupter.start();
    attention.batch(1, 1).run(platform, 2);
    assertThat(Thread.interrupted()).isTrue();
    kernels.requireDone();
    interrupter.join();
  }

  @Test
  void aCallerThatWasInterruptedBeforeStaysSoAndAllIsComputed() {
    RecordingKernels kernels = new RecordingKernels();
    Attention attention = attention(kernels, 2);
    SplittableRandom random = new SplittableRandom(2);
    for (int i = 0; i < 200; i++) {
      Thread.currentThread().interrupt();
      attention.randomBatch(random).run(platform, 4);
      assertThat(Thread.interrupted()).isTrue();
      kernels.requireDone();
    }
  }

  // Failures.

  private static final class FailingKernels extends RecordingKernels {
    private volatile boolean failing = true;
    private volatile Throwable failure = new IllegalStateException("planted");
    private volatile boolean onlyLentThreads;
    private final Thread caller = Thread.currentThread();
    private volatile CountDownLatch lentThreadFails = new CountDownLatch(1);

    @Override
    void work() {
      if (!failing) {
        return;
      }
      if (onlyLentThreads && Thread.currentThread() == caller) {
        try {
          lentThreadFails.await();
        } catch (InterruptedException e) {
          throw new AssertionError(e);
        }
        return;
      }
      lentThreadFails.countDown();
      if (failure instanceof Error error) {
        throw error;
      }
      throw (RuntimeException) failure;
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Lender.class,
      names = {"PLATFORM", "VIRTUAL", "INLINE", "REFUSES", "DROPS"})
  void aFailureIsThrownWithNobodyLeftInsideAndTheNextCallIsWhole(Lender lender) {
    SplittableRandom random = new SplittableRandom(77);
    Executor executor = executor(lender);
    for (int i = 0; i < 200; i++) {
      FailingKernels kernels = new FailingKernels();
      Attention attention = attention(kernels, 2);
      kernels.failure =
          i % 2 == 0 ? new IllegalStateException("planted") : new StackOverflowError();
      attention.batch(3, 9, 1, 8);
      assertThatThrownBy(() -> attention.run(executor, 4)).isSameAs(kernels.failure);
      assertThat(kernels.inside).hasValue(0);
      kernels.failing = false;
      attention.randomBatch(random).run(executor, 4);
      kernels.requireDone();
    }
  }

  @Test
  void aFailureOfALentThreadAloneReachesTheCaller() {
    for (Executor executor : List.of(platform, virtual)) {
      FailingKernels kernels = new FailingKernels();
      kernels.onlyLentThreads = true;
      Attention attention = attention(kernels, 4);
      attention.batch(1, 6);
      assertThatThrownBy(() -> attention.run(executor, 3)).isSameAs(kernels.failure);
      assertThat(kernels.inside).hasValue(0);
    }
  }

  @Test
  void theSameObjectIsUsableAfterAFailure() {
    FailingKernels kernels = new FailingKernels();
    Attention attention = attention(kernels, 2);
    attention.batch(1, 5);
    assertThatThrownBy(() -> attention.run(platform, 3)).isSameAs(kernels.failure);
    kernels.failing = false;
    for (int i = 0; i < 50; i++) {
      attention.batch(1, 5, 2).run(platform, 1 + i % 4);
      kernels.requireDone();
    }
  }

  /** Scratch runs out for the caller while a lent thread is in the middle of its unit. */
  private static final class NoScratchForTheCaller extends HeldKernels {
    @Override
    public Scratch newScratch(KvLayout layout) {
      if (Thread.currentThread() == caller) {
        super.work(); // until the lent thread is inside
        throw new IllegalStateException("planted");
      }
      return super.newScratch(layout);
    }
  }

  @Test
  void runWaitsForLentThreadsAlsoWhereTheCallerHasNoScratch() throws InterruptedException {
    NoScratchForTheCaller kernels = new NoScratchForTheCaller();
    Attention attention = attention(kernels, 2);
    AtomicInteger thrown = new AtomicInteger();
    Thread caller = Thread.currentThread();
    Thread releaser =
        new Thread(() -> {
          while (kernels.lentThreadIsInside.getCount() > 0
              || (caller.getState() != Thread.State.WAITING && thrown.get() == 0)) {
            Thread.onSpinWait();
          }
          kernels.release.countDown();
        });
    releaser.start();
    attention.batch(1, 1);
    assertThatThrownBy(
            () -> {
              try {
                attention.run(platform, 2);
              } finally {
                thrown.set(1 + kernels.inside.get());
              }
            })
        .hasMessage("planted");
    assertThat(thrown).as("one more than were inside").hasValue(1);
    releaser.join();
    kernels.requireDone();
  }

  @Test
  void anExecutorThatBreaksIsReportedAfterTheWorkIsDone() {
    RecordingKernels kernels = new RecordingKernels();
    Attention attention = attention(kernels, 2);
    Executor broken =
        task -> {
          platform.execute(task);
          throw new ArithmeticException("planted");
        };
    attention.batch(1, 9, 9);
    assertThatExceptionOfType(ArithmeticException.class).isThrownBy(() -> attention.run(broken, 4));
    kernels.requireDone();
  }

  // The recorder itself: ways to compute a batch that are wrong, and found.

  @Test
  void rowsLeftOutAndRowsDoneTwiceAreFound() {
    RecordingKernels kernels = new RecordingKernels();
    Attention attention = attention(kernels, 2);
    attention.batch(2, 5);
    assertThatThrownBy(kernels::requireDone).hasMessageContaining("row=0, kvHead=0, times=0");
    attention.run(platform, 2);
    kernels.requireDone();
    attention.run(platform, 2);
    assertThatThrownBy(kernels::requireDone).hasMessageContaining("times=2");
  }

  /** As run would be if it did not wait. */
  @Test
  void aThreadThatIsStillInsideIsFound() throws InterruptedException {
    HeldKernels kernels = new HeldKernels();
    Attention attention = attention(kernels, 1);
    attention.batch(1, 1);
    AttendCall call = new AttendCall(attention.storage, attention.batch);
    Scratch scratch = kernels.newScratch(attention.storage.layout());
    platform.execute(() -> kernels.attend(call, 0, 1, 0, 1, scratch));
    kernels.lentThreadIsInside.await();
    assertThatThrownBy(kernels::requireDone).hasMessageContaining("inside=1");
    kernels.release.countDown();
  }
}
