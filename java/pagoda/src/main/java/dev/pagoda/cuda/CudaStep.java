package dev.pagoda.cuda;

/**
 * What a step on the CUDA backend has beyond any other: {@code step.unwrap(CudaStep.class)}.
 *
 * <p>Its arrays in device memory stay at one address as long as steps fit in them (see {@link
 * StepRoom}). {@code begin()} updates what has changed with one asynchronous copy; kernels of the
 * caller's on the cache's stream may read them between begin and commit.
 */
public interface CudaStep {
  /**
   * Block tables of the step's sequences.
   *
   * @return int32 {@code [numSeqs, blockTableStride]}
   */
  DevicePointer blockTables();

  /**
   * Entries from one sequence's block table to the next.
   *
   * @return the stride
   */
  int blockTableStride();

  /**
   * Context lengths, this step's tokens included.
   *
   * @return int32 {@code [numSeqs]}
   */
  DevicePointer contextLengths();

  /**
   * Cumulative query lengths.
   *
   * @return int32 {@code [numSeqs + 1]}
   */
  DevicePointer cumulativeQueryLengths();

  /**
   * Position of every row's token, for a rotary embedding on the device for instance.
   *
   * @return int32 {@code [numTokens]}
   */
  DevicePointer positions();

  /**
   * Slot of every row's token.
   *
   * @return int64 {@code [numTokens]}
   */
  DevicePointer slotMapping();

  /**
   * Records what the step queues, writes and attention with device rows and kernels of the caller's
   * own on the cache's stream, and then queues it as one graph. The same calls must have run once
   * before on this cache, so that what they allocate is there.
   *
   * <p>Meanwhile no other thread may use the cache's device: what it queued would become part of
   * the graph, and is refused with an {@link IllegalStateException}. Calls that other threads are
   * inside already are waited for.
   *
   * @param work calls on this step, on the calling thread
   * @return the graph, the caller's to close before the cache
   * @throws IllegalStateException if the step has not begun, or the work passes host rows or needs
   *     memory, which a graph cannot hold
   */
  CudaGraph capture(Runnable work);

  /**
   * Queues the work of a graph for this step's rows, which may have other lengths and blocks than
   * those it was captured with. Counts as having written what the graph writes: every layer.
   *
   * @param graph captured by this step with as many sequences and tokens
   * @throws IllegalArgumentException if numbers of sequences or tokens differ, or the arrays have
   *     moved since because they had to grow: capture it again
   * @throws IllegalStateException if the step has not begun
   */
  void replay(CudaGraph graph);

  /**
   * Says that work the caller queued itself, a graph of its own for instance, writes every layer of
   * this batch: commit then asks for no other write.
   *
   * @throws IllegalStateException if the step has not begun
   */
  void declareWritten();
}
