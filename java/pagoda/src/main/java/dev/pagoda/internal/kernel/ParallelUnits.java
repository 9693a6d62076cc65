package dev.pagoda.internal.kernel;

import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Runs the units of one call on the caller's thread and on those an executor lends: threads take
 * units until none is left.
 *
 * <p>Assumptions: one thread at a time calls {@link #run(Executor, int, int)}. Guarantees:
 *
 * <ol>
 *   <li>When it returns or throws, no other thread is inside this call's kernels.
 *   <li>An executor that runs its tasks late, never, or refuses them costs speed only: the caller
 *       does what nobody else took, and a late task finds the door closed.
 *   <li>Nothing is allocated, save what the executor allocates.
 * </ol>
 */
abstract class ParallelUnits implements Runnable {
  private static final int CLOSED = -1;

  // Number of lent threads inside, or CLOSED. Opening it publishes the fields below.
  private final AtomicInteger inside = new AtomicInteger(CLOSED);
  private final AtomicInteger nextUnit = new AtomicInteger();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private int numUnits;
  private volatile Thread caller = Thread.currentThread();

  /** Takes units, by {@link #nextUnit}, until there is none. */
  abstract void takeUnits();

  /** The next unit that nobody has taken, or -1. */
  final int nextUnit() {
    int unit = nextUnit.getAndIncrement();
    return unit < numUnits ? unit : -1;
  }

  /**
   * Runs all units. The first failure of any thread stops the others and is thrown.
   *
   * @param executor lends threads
   * @param numThreads threads to use, the caller's included; 1 does not ask the executor
   * @param newNumUnits how many units there are
   */
  final void run(Executor executor, int numThreads, int newNumUnits) {
    numUnits = newNumUnits;
    failure.setPlain(null);
    nextUnit.setPlain(0);
    caller = Thread.currentThread();
    inside.set(0);
    try {
      for (int i = 1; i < Math.min(numThreads, numUnits); i++) {
        executor.execute(this);
      }
    } catch (RejectedExecutionException refused) {
      // The caller does the work alone.
    } finally {
      try {
        takeUnits();
      } finally {
        close();
      }
    }
    Throwable thrown = failure.getPlain();
    if (thrown instanceof Error error) {
      throw error;
    }
    if (thrown instanceof RuntimeException exception) {
      throw exception;
    }
  }

  /** A lent thread's part. */
  @Override
  public void run() {
    int present;
    do {
      present = inside.get();
      if (present == CLOSED) {
        return;
      }
    } while (!inside.compareAndSet(present, present + 1));
    try {
      takeUnits();
    } finally {
      if (inside.decrementAndGet() == 0) {
        LockSupport.unpark(caller);
      }
    }
  }

  private void close() {
    boolean interrupted = false;
    while (!inside.compareAndSet(0, CLOSED)) {
      LockSupport.park(this);
      interrupted |= Thread.interrupted();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Stops everybody, and has {@link #run(Executor, int, int)} throw the first failure. */
  final void fail(Throwable thrown) {
    failure.compareAndSet(null, thrown);
    nextUnit.set(numUnits);
  }
}
