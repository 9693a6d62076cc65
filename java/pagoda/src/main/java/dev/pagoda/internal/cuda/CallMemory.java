package dev.pagoda.internal.cuda;

import dev.pagoda.internal.cuda.abi.pagoda_copy_memory_params;
import dev.pagoda.internal.cuda.abi.pagoda_error;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;

/**
 * Small memory that the native calls of one thread at a time fill: made once, so that a call
 * allocates nothing.
 */
final class CallMemory {
  private final MemorySegment error;
  private final MemorySegment previous;
  private final MemorySegment result;
  private final MemorySegment copy;

  private MemorySegment previousContext = MemorySegment.NULL;

  /** How many frames of {@link DeviceQueue#enter} the thread is inside. */
  int depth;

  private CallMemory(SegmentAllocator allocator) {
    error = pagoda_error.allocate(allocator);
    previous = allocator.allocate(ValueLayout.JAVA_LONG);
    result = allocator.allocate(ValueLayout.JAVA_LONG);
    copy = pagoda_copy_memory_params.allocate(allocator);
  }

  static CallMemory allocate(SegmentAllocator allocator) {
    return new CallMemory(allocator);
  }

  /** What a failing call says. */
  MemorySegment error() {
    return error;
  }

  /** Where the context that was current before is kept. */
  MemorySegment previous() {
    return previous;
  }

  /**
   * The context that was current before. The object lives as long as the context stays the same
   * one: a new one at each call would be garbage wherever the compiler does not see it off.
   */
  MemorySegment previousContext() {
    long address = previous.get(ValueLayout.JAVA_LONG, 0);
    if (previousContext.address() != address) {
      previousContext = MemorySegment.ofAddress(address);
    }
    return previousContext;
  }

  /** Where a call puts an address, a handle or a number. */
  MemorySegment result() {
    return result;
  }

  long resultLong() {
    return result.get(ValueLayout.JAVA_LONG, 0);
  }

  int resultInt() {
    return result.get(ValueLayout.JAVA_INT, 0);
  }

  /** Params of a copy. */
  MemorySegment copy() {
    return copy;
  }
}
