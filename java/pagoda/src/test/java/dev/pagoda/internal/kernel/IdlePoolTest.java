package dev.pagoda.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@SuppressWarnings("ThreadPriorityCheck") // yielding invites the races that are looked for
class IdlePoolTest {
  @Test
  void whatWasGivenBackIsTakenBeforeAnythingIsMade() {
    AtomicInteger made = new AtomicInteger();
    IdlePool<Integer> pool = new IdlePool<>(made::incrementAndGet);
    Integer one = pool.take();
    Integer two = pool.take();
    assertThat(List.of(one, two)).containsExactly(1, 2);
    pool.give(one);
    assertThat(pool.take()).isSameAs(one);
    pool.give(two);
    pool.give(one);
    assertThat(List.of(pool.take(), pool.take())).containsExactlyInAnyOrder(1, 2);
    assertThat(made).hasValue(2);
  }

  @Test
  void aFactoryThatFailsLeavesThePoolUsable() {
    AtomicInteger calls = new AtomicInteger();
    IdlePool<Integer> pool =
        new IdlePool<>(() -> {
          if (calls.incrementAndGet() == 1) {
            throw new IllegalStateException("planted");
          }
          return 7;
        });
    assertThatIllegalStateException().isThrownBy(pool::take);
    assertThat(pool.take()).isEqualTo(7);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void noTwoThreadsHaveTheSameObjectAndNoMoreAreMadeThanWereInside(boolean virtual)
      throws InterruptedException, ExecutionException {
    int numThreads = 8;
    AtomicInteger made = new AtomicInteger();
    IdlePool<AtomicInteger> pool =
        new IdlePool<>(() -> {
          made.incrementAndGet();
          return new AtomicInteger();
        });
    try (ExecutorService threads =
        virtual
            ? Executors.newVirtualThreadPerTaskExecutor()
            : Executors.newFixedThreadPool(numThreads)) {
      List<Future<?>> borrowers = new ArrayList<>();
      for (int i = 0; i < numThreads; i++) {
        borrowers.add(
            threads.submit(() -> {
              for (int j = 0; j < 20_000; j++) {
                AtomicInteger mine = pool.take();
                if (mine.incrementAndGet() != 1) {
                  throw new AssertionError("two threads have the same object");
                }
                if (j % 64 == 0) {
                  Thread.yield();
                }
                mine.decrementAndGet();
                pool.give(mine);
              }
            }));
      }
      for (Future<?> borrower : borrowers) {
        borrower.get();
      }
    }
    assertThat(made.get()).isBetween(1, numThreads);
  }
}
