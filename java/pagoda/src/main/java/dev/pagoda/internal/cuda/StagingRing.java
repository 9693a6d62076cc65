package dev.pagoda.internal.cuda;

import dev.pagoda.internal.cuda.abi.pagoda_h;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Pinned buffers that asynchronous copies read from, used in turn.
 *
 * <p>A buffer is not written again before its copy has passed: an event behind each copy says so,
 * and taking a buffer waits for its event. With four buffers that has nearly always happened long
 * ago, so nothing waits.
 *
 * <p>Footprint: {@code 4 * bufferBytes} of pinned host memory, each rounded up to a page. One
 * thread at a time.
 */
final class StagingRing {
  private static final int NUM_BUFFERS = 4;

  /** Buffers begin where any element and any vector of a kernel may: pinned memory does too. */
  private static final long ALIGNMENT = 4096;

  private final DeviceQueue queue;
  private final List<MemorySegment> events = new ArrayList<>(NUM_BUFFERS);
  private final MemorySegment[] buffers = new MemorySegment[NUM_BUFFERS];
  private final boolean[] inFlight = new boolean[NUM_BUFFERS];
  private long bufferBytes;
  private int current;

  StagingRing(DeviceQueue queue, long bufferBytes, CallMemory memory) {
    this.queue = queue;
    for (int i = 0; i < NUM_BUFFERS; i++) {
      events.add(queue.newEvent(memory));
    }
    allocate(bufferBytes, memory);
  }

  private void allocate(long neededBytes, CallMemory memory) {
    long newBufferBytes = roundUp(neededBytes);
    MemorySegment all = queue.allocatePinned(NUM_BUFFERS * newBufferBytes, memory);
    for (int i = 0; i < NUM_BUFFERS; i++) {
      buffers[i] = all.asSlice(i * newBufferBytes, newBufferBytes);
    }
    bufferBytes = newBufferBytes;
  }

  long bufferBytes() {
    return bufferBytes;
  }

  /** Makes the buffers large enough. Older ones live as long as the queue: copies may read them. */
  void ensure(long neededBytes, CallMemory memory) {
    if (neededBytes > bufferBytes) {
      allocate(Math.max(neededBytes, 2 * bufferBytes), memory);
    }
  }

  private static long roundUp(long byteSize) {
    return Math.ceilDiv(byteSize, ALIGNMENT) * ALIGNMENT;
  }

  /** The next buffer, once its last copy has passed. The context is entered. */
  MemorySegment take(CallMemory memory) {
    current = (current + 1) % NUM_BUFFERS;
    if (inFlight[current]) {
      queue.check(
          "pagoda_event_wait",
          pagoda_h.pagoda_event_wait(events.get(current), memory.error()),
          memory);
      inFlight[current] = false;
    }
    return buffers[current];
  }

  /** Says that a copy from the buffer taken last was queued. The context is entered. */
  void queued(CallMemory memory) {
    inFlight[current] = true;
    queue.check(
        "pagoda_event_record",
        pagoda_h.pagoda_event_record(events.get(current), queue.stream(), memory.error()),
        memory);
  }
}
