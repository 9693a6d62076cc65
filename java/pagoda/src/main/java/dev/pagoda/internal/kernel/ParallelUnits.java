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
 *       does what nobody else took, and a late task finds the door closed, or helps a later call.
 *   <li>No more threads than that call asked for are inside, whoever comes and how often.
 *   <li>Nothing is allocated, save what the executor allocates.
 * </ol>
 */
abstract class ParallelUnits implements Runnable {
  private static final int CLOSED = Integer.MIN_VALUE;

  // How many lent threads may still come in; plus CLOSED, nobody. Opening publishes the fields
  // below.
  private final AtomicInteger places = new AtomicInteger(CLOSED);
  private final AtomicInteger nextUnit = new AtomicInteger();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private int numUnits;
  private int numLent; // places when nobody is inside
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
    numLent = Math.max(0, Math.min(numThreads, numUnits) - 1);
    places.set(numLent);
    try {
      for (int i = 0; i < numLent; i++) {
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
    int left;
    do {
      left = places.get();
      if (left <= 0) {
        return;
      }
    } while (!places.compareAndSet(left, left - 1));
    try {
      takeUnits();
    } finally {
      if (places.incrementAndGet() == CLOSED + numLent) {
        LockSupport.unpark(caller);
      }
    }
  }

  /** Lets nobody in any more, and waits until nobody is inside. */
  private void close() {
    boolean interrupted = false;
    places.getAndAdd(CLOSED);
    while (places.get() != CLOSED + numLent) {
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
