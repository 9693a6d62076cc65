package dev.pagoda.internal.kernel;

import java.util.concurrent.Executor;

/**
 * What one step computes with. A step makes it once and uses it for every batch.
 *
 * <p>Made by {@link Kernels#newStep}: {@link HostStepKernels} cuts a call into rows for the kernels
 * of a CPU; a device takes the whole step's call at once.
 */
public interface StepKernels {
  /**
   * The batch holds new rows, whose slots are reserved. If this throws, nothing is held.
   *
   * @throws IllegalStateException if the device is lost
   */
  void begin();

  /** The step was committed or rolled back: nothing of the batch is needed any more. */
  void end();

  /**
   * Writes the keys and values of every row.
   *
   * @param executor lends threads, where threads are of use
   * @param numThreads threads to use at most, the caller's included
   */
  void write(WriteCall call, Executor executor, int numThreads);

  /** Writes one row; any number of threads at once, each for other rows. */
  void writeToken(WriteCall call, int token);

  /**
   * Attention of every row.
   *
   * @param executor lends threads, where threads are of use
   * @param numThreads threads to use at most, the caller's included
   */
  void attend(AttendCall call, Executor executor, int numThreads);

  /** Attention of one row over some KV heads; any number of threads at once. */
  void attendToken(AttendCall call, int token, int firstKvHead, int endKvHead);

  /** Whether the caller said that work of its own writes every layer of this batch. */
  default boolean writesEveryLayer() {
    return false;
  }
}
