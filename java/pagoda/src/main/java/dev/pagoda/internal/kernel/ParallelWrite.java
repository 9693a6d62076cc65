package dev.pagoda.internal.kernel;

import java.util.concurrent.Executor;

/**
 * Runs one write call over a whole batch, a piece of the rows per unit; see {@link ParallelUnits}.
 */
public final class ParallelWrite extends ParallelUnits {
  /** Rows of a unit: a few blocks, so that two threads seldom write into the same one. */
  private static final int UNIT_TOKENS = 64;

  private final Kernels kernels;
  private final WriteCall call;

  public ParallelWrite(Kernels kernels, WriteCall call) {
    this.kernels = kernels;
    this.call = call;
  }

  /**
   * Writes every row of the call's batch.
   *
   * @param executor lends threads
   * @param numThreads threads to use, the caller's included; 1 does not ask the executor
   */
  public void run(Executor executor, int numThreads) {
    run(executor, numThreads, Math.ceilDiv(call.batch().numTokens(), UNIT_TOKENS));
  }

  @Override
  void takeUnits() {
    try {
      int numTokens = call.batch().numTokens();
      for (int unit = nextUnit(); unit >= 0; unit = nextUnit()) {
        int first = unit * UNIT_TOKENS;
        kernels.write(call, first, Math.min(first + UNIT_TOKENS, numTokens));
      }
    } catch (Throwable thrown) {
      fail(thrown);
    }
  }
}
