package dev.pagoda;

import java.util.Objects;
import java.util.concurrent.Executor;

/**
 * The threads a whole-step call may use. Which ones, and how many, never changes a bit of the
 * result.
 *
 * @param executor lends threads; may refuse or be slow, the calling thread then does the work
 * @param numThreads threads to use at most, the calling one included
 */
public record Workers(Executor executor, int numThreads) {
  private static final Workers CALLER = new Workers(Runnable::run, 1);

  /**
   * Checks the number.
   *
   * @throws IllegalArgumentException if there is not even the calling thread
   */
  public Workers {
    Objects.requireNonNull(executor, "executor");
    if (numThreads < 1) {
      throw new IllegalArgumentException(
          "the calling thread counts too, so at least 1: numThreads=" + numThreads);
    }
  }

  /**
   * The calling thread alone.
   *
   * @return workers that ask no executor
   */
  public static Workers caller() {
    return CALLER;
  }
}
