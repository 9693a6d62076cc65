package dev.pagoda.internal.cuda;

import dev.pagoda.cuda.CudaGraph;
import dev.pagoda.internal.cuda.abi.pagoda_h;
import dev.pagoda.internal.kernel.RaggedBatch;
import java.lang.foreign.MemorySegment;

/** A graph, and what a batch must have in common with the one it was captured with. */
final class CapturedGraph implements CudaGraph {
  private final DeviceQueue queue;
  private final MemorySegment graph;
  private final int numSeqs;
  private final int numTokens;
  private final StepArrays arrays;
  private final long generation;
  private final QueueDoor door;

  private CapturedGraph(
      DeviceQueue queue, MemorySegment graph, RaggedBatch batch, StepArrays arrays) {
    this.queue = queue;
    this.graph = graph;
    this.arrays = arrays;
    numSeqs = batch.numSeqs();
    numTokens = batch.numTokens();
    generation = arrays.generation();
    door = new QueueDoor(queue, this);
  }

  static CapturedGraph capture(
      DeviceQueue queue, RaggedBatch batch, StepMemory memory, Runnable work) {
    queue.beginCapture();
    try {
      return captureAlone(queue, batch, memory, work);
    } finally {
      queue.endCapture();
    }
  }

  private static CapturedGraph captureAlone(
      DeviceQueue queue, RaggedBatch batch, StepMemory memory, Runnable work) {
    CallMemory call = memory.call;
    queue.enter(call);
    try {
      queue.check(
          "pagoda_capture_begin",
          pagoda_h.pagoda_capture_begin(queue.stream(), call.error()),
          call);
      try {
        work.run();
      } catch (Throwable refused) {
        endInVain(queue, call);
        throw refused;
      }
      queue.check(
          "pagoda_capture_end",
          pagoda_h.pagoda_capture_end(queue.stream(), call.result(), call.error()),
          call);
      MemorySegment graph = MemorySegment.ofAddress(call.resultLong());
      return new CapturedGraph(queue, graph, batch, memory.arrays);
    } finally {
      queue.leave(call);
    }
  }

  /** Leaves the stream usable; what was recorded goes. */
  private static void endInVain(DeviceQueue queue, CallMemory call) {
    int status = pagoda_h.pagoda_capture_end(queue.stream(), call.result(), MemorySegment.NULL);
    if (status == pagoda_h.PAGODA_STATUS_OK()) {
      status =
          pagoda_h.pagoda_graph_destroy(
              MemorySegment.ofAddress(call.resultLong()), MemorySegment.NULL);
    }
    assert status >= 0; // the failure that brought us here is the one to report
  }

  void requireFits(RaggedBatch batch, StepMemory memory) {
    if (batch.numSeqs() != numSeqs || batch.numTokens() != numTokens) {
      throw new IllegalArgumentException(
          "the graph was captured with other numbers: "
              + this
              + ", numSeqs="
              + batch.numSeqs()
              + ", numTokens="
              + batch.numTokens());
    }
    if (memory.arrays != arrays || arrays.generation() != generation) {
      throw new IllegalArgumentException(
          "the step's arrays have moved since, capture the graph again: " + this);
    }
  }

  /** Queues the work. */
  void launch(StepMemory memory) {
    door.enter(memory.call);
    try {
      queue.check(
          "pagoda_graph_launch",
          pagoda_h.pagoda_graph_launch(graph, queue.stream(), memory.call.error()),
          memory.call);
    } finally {
      door.leave(memory.call);
    }
  }

  @Override
  public int numSeqs() {
    return numSeqs;
  }

  @Override
  public int numTokens() {
    return numTokens;
  }

  @Override
  public void close() {
    door.close(call ->
        queue.check(
            "pagoda_graph_destroy", pagoda_h.pagoda_graph_destroy(graph, call.error()), call));
  }

  @Override
  public String toString() {
    return "CudaGraph[numSeqs=" + numSeqs + ", numTokens=" + numTokens + "]";
  }
}
