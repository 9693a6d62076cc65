package dev.pagoda.internal.kernel;

import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Runs one attention call over a whole batch, on the caller's thread and on those an executor
 * lends.
 *
 * <p>The batch is cut into units of (query tile, KV head); threads take units until none is left.
 * How it is cut and who takes what does not change a bit of the result, see {@link CanonicalOrder}.
 *
 * <p>Assumptions: one thread at a time calls {@link #run}. Guarantees:
 *
 * <ol>
 *   <li>When {@code run} returns or throws, no other thread is inside this call's kernels.
 *   <li>An executor that runs its tasks late, never, or refuses them costs speed only: the caller
 *       does what nobody else took, and a late task finds the door closed.
 *   <li>Nothing is allocated once the batch size has been seen, save what the executor allocates.
 * </ol>
 */
public final class ParallelAttend implements Runnable {
  private static final int CLOSED = -1;

  private final Kernels kernels;
  private final AttendCall call;
  private final IdlePool<Scratch> scratches;

  // Number of lent threads inside, or CLOSED. Opening it publishes the fields below.
  private final AtomicInteger inside = new AtomicInteger(CLOSED);
  private final AtomicInteger nextUnit = new AtomicInteger();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private int[] tileStarts = new int[9]; // [numSeqs + 1] cumulative query tiles
  private int numUnits;
  private int queryTileTokens;
  private int unitsPerTile;
  private int kvHeadsPerUnit;
  private volatile Thread caller = Thread.currentThread();

  public ParallelAttend(Kernels kernels, AttendCall call, IdlePool<Scratch> scratches) {
    this.kernels = kernels;
    this.call = call;
    this.scratches = scratches;
  }

  /**
   * Computes every row of the call's batch.
   *
   * @param executor lends threads
   * @param numThreads threads to use, the caller's included; 1 does not ask the executor
   */
  public void run(Executor executor, int numThreads) {
    cut(numThreads);
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

  private void cut(int numThreads) {
    RaggedBatch batch = call.batch();
    int numSeqs = batch.numSeqs();
    if (tileStarts.length <= numSeqs) {
      tileStarts = new int[2 * numSeqs + 1];
    }
    queryTileTokens = kernels.queryTileTokens(call);
    for (int i = 0; i < numSeqs; i++) {
      tileStarts[i + 1] = tileStarts[i] + Math.ceilDiv(batch.queryLength(i), queryTileTokens);
    }
    int numKvHeads = call.storage().layout().shape().layer(call.layer()).numKvHeads();
    // All heads of a tile in one unit read a block while it is at hand; single heads spread better.
    boolean enoughTiles = numThreads == 1 || tileStarts[numSeqs] / 8 >= numThreads;
    kvHeadsPerUnit = enoughTiles ? numKvHeads : 1;
    unitsPerTile = numKvHeads / kvHeadsPerUnit;
    numUnits = Math.multiplyExact(tileStarts[numSeqs], unitsPerTile);
  }

  private void takeUnits() {
    Scratch scratch = scratches.take();
    try {
      for (int unit = nextUnit.getAndIncrement();
          unit < numUnits;
          unit = nextUnit.getAndIncrement()) {
        attend(unit / unitsPerTile, unit % unitsPerTile * kvHeadsPerUnit, scratch);
      }
    } catch (Throwable thrown) {
      failure.compareAndSet(null, thrown);
      nextUnit.set(numUnits);
    } finally {
      scratches.give(scratch);
    }
  }

  private void attend(int tile, int firstKvHead, Scratch scratch) {
    RaggedBatch batch = call.batch();
    int seqIndex = sequenceOfTile(tile, batch.numSeqs());
    int firstQuery = (tile - tileStarts[seqIndex]) * queryTileTokens;
    int endQuery = Math.min(firstQuery + queryTileTokens, batch.queryLength(seqIndex));
    int start = batch.queryStart(seqIndex);
    kernels.attend(
        call,
        start + firstQuery,
        start + endQuery,
        firstKvHead,
        firstKvHead + kvHeadsPerUnit,
        scratch);
  }

  private int sequenceOfTile(int tile, int numSeqs) {
    int low = 0;
    int high = numSeqs - 1;
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (tileStarts[middle] <= tile) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }
}
