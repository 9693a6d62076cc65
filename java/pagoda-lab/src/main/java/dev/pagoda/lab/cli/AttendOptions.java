package dev.pagoda.lab.cli;

/**
 * How attention is to be computed.
 *
 * @param backend what computes
 * @param executorThreads threads of the executor that a step is given; 1 for the calling thread
 *     alone
 */
public record AttendOptions(BackendChoice backend, int executorThreads) {
  /** The most threads that make sense to ask for. */
  static final int EXECUTOR_THREADS_MAX = 1024;

  /** Refuses a number of threads that no machine wants. */
  public AttendOptions {
    if (executorThreads < 1 || executorThreads > EXECUTOR_THREADS_MAX) {
      throw new IllegalArgumentException(
          "the executor has 1 to %d threads, executor=%d"
              .formatted(EXECUTOR_THREADS_MAX, executorThreads));
    }
  }
}
