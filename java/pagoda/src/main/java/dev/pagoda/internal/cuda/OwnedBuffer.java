package dev.pagoda.internal.cuda;

import dev.pagoda.cuda.DeviceBuffer;
import dev.pagoda.cuda.DevicePointer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Device memory that a caller asked for. */
final class OwnedBuffer implements DeviceBuffer {
  private final DeviceQueue queue;
  private final DevicePointer pointer;
  private boolean closed;

  OwnedBuffer(DeviceQueue queue, long address, long byteSize) {
    this.queue = queue;
    pointer = new DevicePointer(address, byteSize);
  }

  @Override
  public DevicePointer pointer() {
    return pointer;
  }

  @Override
  public void copyFrom(MemorySegment source) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment host = scratch.allocate(requireFits(source.byteSize()), 8).copyFrom(source);
      copy(host.address(), pointer.address(), source.byteSize(), scratch);
    }
  }

  @Override
  public void copyTo(MemorySegment target) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment host = scratch.allocate(requireFits(target.byteSize()), 8);
      copy(pointer.address(), host.address(), target.byteSize(), scratch);
      target.copyFrom(host);
    }
  }

  private synchronized void copy(long source, long target, long byteSize, Arena scratch) {
    requireOpen();
    CallMemory memory = CallMemory.allocate(scratch);
    queue.enter(memory);
    try {
      queue.copyEntered(source, target, byteSize, memory);
      queue.waitEntered(memory);
    } finally {
      queue.leave(memory);
    }
  }

  private long requireFits(long byteSize) {
    if (byteSize > pointer.byteSize()) {
      throw new IllegalArgumentException(
          "there are fewer bytes here: " + pointer + ", byteSize=" + byteSize);
    }
    return byteSize;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the memory was freed: " + pointer);
    }
  }

  @Override
  public synchronized void close() {
    requireOpen();
    closed = true;
    // What a lost device held is gone with it.
    if (queue.failure().isEmpty()) {
      try (Arena scratch = Arena.ofConfined()) {
        CallMemory memory = CallMemory.allocate(scratch);
        queue.synchronize(memory);
        queue.freeDevice(pointer.address(), memory);
      }
    }
  }
}
