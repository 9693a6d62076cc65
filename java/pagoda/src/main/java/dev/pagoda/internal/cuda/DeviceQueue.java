package dev.pagoda.internal.cuda;

import dev.pagoda.cuda.CudaPlace;
import dev.pagoda.cuda.NativeCallException;
import dev.pagoda.internal.cuda.abi.pagoda_copy_memory_params;
import dev.pagoda.internal.cuda.abi.pagoda_fill_memory_params;
import dev.pagoda.internal.cuda.abi.pagoda_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * The context and the stream that all work of one cache goes to, in the order of the calls, and the
 * memory that this work needs.
 *
 * <p>A call works in the current context of its thread, so each is framed by {@link #enter} and
 * {@link #leave}, which puts back what the caller had there.
 *
 * <p>A fault of work that ran breaks the context for good. The call that hears of it marks the
 * queue as failed, and every later one throws at once.
 *
 * <p>Threads: any, each with a {@link CallMemory} of its own. Whoever opens a queue closes it; all
 * memory it allocated goes with it.
 */
final class DeviceQueue implements AutoCloseable {
  private static final int CUDA_ERROR_MEMORY_ALLOCATION = 2;
  private static final long WAIT_NANOS = 20_000;

  private final int deviceIndex;
  private final MemorySegment context;
  private final MemorySegment stream;
  private final boolean ownsStream;
  private final Arena arena;

  private final AtomicLong capturingThread = new AtomicLong(); // its id, 0 while nobody captures
  private final AtomicInteger callsInside = new AtomicInteger(); // entered and not yet left

  // Guarded by itself.
  private final List<Allocation> allocations = new ArrayList<>();
  private volatile String failure = ""; // empty while all is well
  private volatile boolean closed;

  // Guarded by the allocations.
  private final List<MemorySegment> events = new ArrayList<>();

  private record Allocation(long address, boolean pinned) {}

  private DeviceQueue(
      int deviceIndex,
      MemorySegment context,
      MemorySegment stream,
      boolean ownsStream,
      Arena arena) {
    this.deviceIndex = deviceIndex;
    this.context = context;
    this.stream = stream;
    this.ownsStream = ownsStream;
    this.arena = arena;
  }

  /**
   * Opens the queue of a place.
   *
   * @throws NativeCallException if there is no such device, context or stream
   */
  @SuppressWarnings("MustBeClosedChecker") // close() closes the arena
  static DeviceQueue open(CudaPlace place) {
    Arena arena = Arena.ofShared();
    try {
      CallMemory memory = CallMemory.allocate(arena);
      MemorySegment context =
          MemorySegment.ofAddress(
              place.context() != 0 ? place.context() : primaryContext(place, memory));
      boolean ownsStream = place.stream() == 0;
      DeviceQueue borrowed =
          new DeviceQueue(
              place.deviceIndex(), context, MemorySegment.ofAddress(place.stream()), false, arena);
      borrowed.enter(memory);
      try {
        borrowed.check(
            "pagoda_context_device",
            pagoda_h.pagoda_context_device(memory.result(), memory.error()),
            memory);
        int deviceIndex = memory.resultInt();
        if (!ownsStream) {
          // A handle that is no stream is found now, not by the first step.
          borrowed.check(
              "pagoda_capture_query",
              pagoda_h.pagoda_capture_query(borrowed.stream, memory.result(), memory.error()),
              memory);
          return new DeviceQueue(deviceIndex, context, borrowed.stream, false, arena);
        }
        borrowed.check(
            "pagoda_stream_create",
            pagoda_h.pagoda_stream_create(memory.result(), memory.error()),
            memory);
        MemorySegment stream = MemorySegment.ofAddress(memory.resultLong());
        return new DeviceQueue(deviceIndex, context, stream, true, arena);
      } finally {
        borrowed.leave(memory);
      }
    } catch (Throwable refused) {
      arena.close();
      throw refused;
    }
  }

  private static long primaryContext(CudaPlace place, CallMemory memory) {
    int status = pagoda_h.pagoda_context_open(place.deviceIndex(), memory.result(), memory.error());
    new ErrorRecord(memory.error()).check("pagoda_context_open", status);
    return memory.resultLong();
  }

  int deviceIndex() {
    return deviceIndex;
  }

  MemorySegment context() {
    return context;
  }

  MemorySegment stream() {
    return stream;
  }

  /** For small memory that lives as long as the queue. */
  Arena arena() {
    return arena;
  }

  Optional<String> failure() {
    String reason = failure;
    return reason.isEmpty() ? Optional.empty() : Optional.of(reason);
  }

  void requireWhole() {
    if (closed) {
      throw new IllegalStateException("the cache was closed before what lives on its device");
    }
    String reason = failure;
    if (!reason.isEmpty()) {
      throw new IllegalStateException("the device is lost for this cache, " + reason);
    }
  }

  /**
   * Makes the queue's context current; {@link #leave} follows whatever happens between.
   *
   * @throws IllegalStateException if the device is lost, or another thread captures a graph
   */
  void enter(CallMemory memory) {
    requireWhole();
    if (memory.depth > 0) {
      memory.depth++;
      return;
    }
    // Counted first: whoever captures from here on waits for this call, or this call sees him.
    callsInside.incrementAndGet();
    try {
      requireNotCapturedElsewhere();
      int status = pagoda_h.pagoda_context_enter(context, memory.previous(), memory.error());
      if (status != pagoda_h.PAGODA_STATUS_OK()) {
        refuse("pagoda_context_enter", status, memory);
      }
      memory.depth = 1;
    } finally {
      if (memory.depth == 0) {
        callsInside.decrementAndGet();
      }
    }
  }

  /**
   * Says that this thread captures: what others queued would become part of its graph. From here on
   * they are refused; those who are inside already are waited for.
   *
   * @throws IllegalStateException if a thread captures already
   */
  void beginCapture() {
    if (!capturingThread.compareAndSet(0, Thread.currentThread().threadId())) {
      throw captured();
    }
    while (callsInside.get() > 0) {
      LockSupport.parkNanos(this, WAIT_NANOS);
    }
  }

  void endCapture() {
    capturingThread.set(0);
  }

  boolean isCapturedElsewhere() {
    long thread = capturingThread.get();
    return thread != 0 && thread != Thread.currentThread().threadId();
  }

  private void requireNotCapturedElsewhere() {
    if (isCapturedElsewhere()) {
      throw captured();
    }
  }

  private IllegalStateException captured() {
    return new IllegalStateException(
        "a graph is being captured on this cache's stream, and would hold this call too:"
            + " capturingThread="
            + capturingThread.get());
  }

  /** Puts back the context that was current before. */
  void leave(CallMemory memory) {
    memory.depth--;
    if (memory.depth > 0) {
      return;
    }
    callsInside.decrementAndGet(); // it queues no more
    MemorySegment previous = memory.previousContext();
    if (previous.address() != context.address()) {
      // Nobody could act on a failure here: the caller's next call of his own will tell him.
      int ignored = pagoda_h.pagoda_context_enter(previous, memory.previous(), MemorySegment.NULL);
      assert ignored >= 0;
    }
  }

  /** Looks at what a call returned; a fault of the device marks the queue as failed. */
  void check(String function, int status, CallMemory memory) {
    if (status != pagoda_h.PAGODA_STATUS_OK()) {
      refuse(function, status, memory);
    }
  }

  /**
   * Looks at what a call returned that takes the caller's own rows.
   *
   * @throws IllegalArgumentException if the library refuses them, with its words
   */
  void checkRows(String function, int status, CallMemory memory) {
    try {
      check(function, status, memory);
    } catch (NativeCallException refusal) {
      if (status == pagoda_h.PAGODA_STATUS_INVALID_ARGUMENT()) {
        throw new IllegalArgumentException(refusal.text(), refusal);
      }
      throw refusal;
    }
  }

  private void refuse(String function, int status, CallMemory memory) {
    try {
      new ErrorRecord(memory.error()).check(function, status);
    } catch (NativeCallException refusal) {
      if (status == pagoda_h.PAGODA_STATUS_DEVICE_FAULT()) {
        failure = refusal.text();
        throw new IllegalStateException(
            "the device is lost for this cache, " + refusal.text(), refusal);
      }
      throw refusal;
    }
  }

  /**
   * Allocates device memory that the queue frees when it closes.
   *
   * @throws IllegalArgumentException if the device has not so much left
   */
  long allocateDevice(long byteSize, CallMemory memory) {
    enter(memory);
    try {
      check(
          "pagoda_memory_allocate",
          pagoda_h.pagoda_memory_allocate(byteSize, memory.result(), memory.error()),
          memory);
      return owned(memory.resultLong(), false);
    } catch (NativeCallException refusal) {
      throw outOfMemory(refusal);
    } finally {
      leave(memory);
    }
  }

  /** Allocates pinned host memory that the queue frees when it closes. */
  MemorySegment allocatePinned(long byteSize, CallMemory memory) {
    enter(memory);
    try {
      check(
          "pagoda_pinned_allocate",
          pagoda_h.pagoda_pinned_allocate(byteSize, memory.result(), memory.error()),
          memory);
      return segment(owned(memory.resultLong(), true), byteSize, arena, ignored -> {});
    } catch (NativeCallException refusal) {
      throw outOfMemory(refusal);
    } finally {
      leave(memory);
    }
  }

  /** Allocates pinned host memory that is freed when another arena closes. */
  MemorySegment allocatePinned(long byteSize, Arena life) {
    CallMemory memory = CallMemory.allocate(Arena.ofAuto());
    enter(memory);
    try {
      check(
          "pagoda_pinned_allocate",
          pagoda_h.pagoda_pinned_allocate(byteSize, memory.result(), memory.error()),
          memory);
      long address = memory.resultLong();
      return segment(address, byteSize, life, ignored -> freePinned(context, address));
    } catch (NativeCallException refusal) {
      throw outOfMemory(refusal);
    } finally {
      leave(memory);
    }
  }

  /** Whatever became of the queue meanwhile: the context outlives it. */
  private static void freePinned(MemorySegment context, long address) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment previous = scratch.allocate(ValueLayout.ADDRESS);
      discard(pagoda_h.pagoda_context_enter(context, previous, MemorySegment.NULL));
      discard(pagoda_h.pagoda_pinned_free(address, MemorySegment.NULL));
      MemorySegment before = previous.get(ValueLayout.ADDRESS, 0);
      discard(pagoda_h.pagoda_context_enter(before, previous, MemorySegment.NULL));
    }
  }

  @SuppressWarnings("restricted") // CUDA says how long it is
  private static MemorySegment segment(
      long address, long byteSize, Arena life, Consumer<MemorySegment> cleanup) {
    return MemorySegment.ofAddress(address).reinterpret(byteSize, life, cleanup);
  }

  private static IllegalArgumentException outOfMemory(NativeCallException refusal) {
    if (refusal.cudaError() != CUDA_ERROR_MEMORY_ALLOCATION) {
      throw refusal;
    }
    return new IllegalArgumentException(refusal.text(), refusal);
  }

  private long owned(long address, boolean pinned) {
    synchronized (allocations) {
      allocations.add(new Allocation(address, pinned));
    }
    return address;
  }

  /** Makes an event that the queue destroys when it closes. */
  MemorySegment newEvent(CallMemory memory) {
    enter(memory);
    try {
      check(
          "pagoda_event_create",
          pagoda_h.pagoda_event_create(memory.result(), memory.error()),
          memory);
      MemorySegment event = MemorySegment.ofAddress(memory.resultLong());
      synchronized (allocations) {
        events.add(event);
      }
      return event;
    } finally {
      leave(memory);
    }
  }

  /** Frees device memory before the queue closes. */
  void freeDevice(long address, CallMemory memory) {
    synchronized (allocations) {
      allocations.remove(new Allocation(address, false));
    }
    enter(memory);
    try {
      check("pagoda_memory_free", pagoda_h.pagoda_memory_free(address, memory.error()), memory);
    } finally {
      leave(memory);
    }
  }

  /**
   * Refuses what a graph cannot hold: allocations, and copies from buffers that change.
   *
   * @throws IllegalStateException if the stream is captured
   */
  void requireNotCapturing(CallMemory memory) {
    enter(memory);
    try {
      check(
          "pagoda_capture_query",
          pagoda_h.pagoda_capture_query(stream, memory.result(), memory.error()),
          memory);
    } finally {
      leave(memory);
    }
    if (memory.resultInt() != 0) {
      throw new IllegalStateException(
          "a graph holds device rows only, and what an earlier step has used before: run the same"
              + " step once before it is captured: isCapturing=true");
    }
  }

  /** Queues a fill of device memory. */
  void fill(long address, long byteSize, int byteValue, CallMemory memory) {
    enter(memory);
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment params = pagoda_fill_memory_params.allocate(scratch);
      pagoda_fill_memory_params.target(params, address);
      pagoda_fill_memory_params.num_bytes(params, byteSize);
      pagoda_fill_memory_params.byte_value(params, byteValue);
      check(
          "pagoda_fill_memory",
          pagoda_h.pagoda_fill_memory(params, stream, memory.error()),
          memory);
    } finally {
      leave(memory);
    }
  }

  /** Queues a copy between any two memories; the context is entered. */
  void copyEntered(long source, long target, long byteSize, CallMemory m) {
    MemorySegment params = m.copy();
    pagoda_copy_memory_params.source(params, source);
    pagoda_copy_memory_params.target(params, target);
    pagoda_copy_memory_params.num_bytes(params, byteSize);
    check("pagoda_copy_memory", pagoda_h.pagoda_copy_memory(params, stream, m.error()), m);
  }

  /** Waits until everything queued so far has passed; the context is entered. */
  void waitEntered(CallMemory memory) {
    check("pagoda_stream_wait", pagoda_h.pagoda_stream_wait(stream, memory.error()), memory);
  }

  /** Waits until everything queued so far has passed. */
  void synchronize(CallMemory memory) {
    enter(memory);
    try {
      waitEntered(memory);
    } finally {
      leave(memory);
    }
  }

  /** Waits for the stream, then frees all memory; what a broken device refuses to free is gone. */
  @Override
  public void close() {
    closed = true;
    CallMemory memory = CallMemory.allocate(arena);
    discard(pagoda_h.pagoda_context_enter(context, memory.previous(), MemorySegment.NULL));
    callsInside.incrementAndGet();
    memory.depth = 1;
    try {
      discard(pagoda_h.pagoda_stream_wait(stream, MemorySegment.NULL));
      synchronized (allocations) {
        for (Allocation allocation : allocations) {
          discard(
              allocation.pinned()
                  ? pagoda_h.pagoda_pinned_free(allocation.address(), MemorySegment.NULL)
                  : pagoda_h.pagoda_memory_free(allocation.address(), MemorySegment.NULL));
        }
        allocations.clear();
        for (MemorySegment event : events) {
          discard(pagoda_h.pagoda_event_destroy(event, MemorySegment.NULL));
        }
        events.clear();
      }
      if (ownsStream) {
        discard(pagoda_h.pagoda_stream_destroy(stream, MemorySegment.NULL));
      }
    } finally {
      leave(memory);
    }
    arena.close();
  }

  /** At the end nobody could act on a refusal. */
  private static void discard(int status) {
    assert status >= 0;
  }
}
