package dev.pagoda.internal.cuda;

import dev.pagoda.internal.cuda.abi.pagoda_h;
import dev.pagoda.memory.Fence;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * An event in the stream of a queue.
 *
 * <p>What cannot be recorded, asked or waited for belongs to a context that is lost, where nothing
 * moves any more: that counts as passed. Threads: any number.
 */
final class QueueFence implements Fence {
  private final DeviceQueue queue;
  private final MemorySegment event;

  private QueueFence(DeviceQueue queue, MemorySegment event) {
    this.queue = queue;
    this.event = event;
  }

  /** Behind everything that was queued so far; the event is the queue's. */
  static Fence record(DeviceQueue queue) {
    CallMemory memory = CallMemory.allocate(Arena.ofAuto());
    try {
      MemorySegment event = queue.newEvent(memory);
      QueueFence fence = new QueueFence(queue, event);
      var _ =
          fence.ask(
              "pagoda_event_record",
              own -> pagoda_h.pagoda_event_record(event, queue.stream(), own.error()));
      return fence;
    } catch (RuntimeException lost) {
      return waited(queue, memory);
    }
  }

  /** Without an event: by waiting for all of it, as far as the device still answers. */
  private static Fence waited(DeviceQueue queue, CallMemory memory) {
    try {
      queue.synchronize(memory);
    } catch (RuntimeException lost) {
      assert queue.failure().isPresent() : lost;
    }
    return PASSED;
  }

  private interface Call {
    int status(CallMemory memory);
  }

  /** Returns what the call left as its result. */
  private int ask(String function, Call call) {
    CallMemory memory = CallMemory.allocate(Arena.ofAuto());
    queue.enter(memory);
    try {
      queue.check(function, call.status(memory), memory);
      return memory.resultInt();
    } finally {
      queue.leave(memory);
    }
  }

  @Override
  public boolean hasPassed() {
    try {
      return ask(
              "pagoda_event_query",
              memory -> pagoda_h.pagoda_event_query(event, memory.result(), memory.error()))
          != 0;
    } catch (RuntimeException refused) {
      return queue.failure().isPresent();
    }
  }

  @Override
  public void await() {
    try {
      var _ = ask("pagoda_event_wait", memory -> pagoda_h.pagoda_event_wait(event, memory.error()));
    } catch (IllegalStateException lost) {
      assert queue.failure().isPresent() : lost;
    }
  }
}
