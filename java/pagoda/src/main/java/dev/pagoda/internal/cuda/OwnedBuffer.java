package dev.pagoda.internal.cuda;

import dev.pagoda.cuda.DeviceBuffer;
import dev.pagoda.cuda.DevicePointer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Device memory that a caller asked for. */
final class OwnedBuffer implements DeviceBuffer {
  private final DeviceQueue queue;
  private final DevicePointer pointer;
  private final QueueDoor door;

  OwnedBuffer(DeviceQueue queue, long address, long byteSize) {
    this.queue = queue;
    pointer = new DevicePointer(address, byteSize);
    door = new QueueDoor(queue, pointer);
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

  private void copy(long source, long target, long byteSize, Arena scratch) {
    CallMemory memory = CallMemory.allocate(scratch);
    door.enter(memory);
    try {
      queue.copyEntered(source, target, byteSize, memory);
      queue.waitEntered(memory);
    } finally {
      door.leave(memory);
    }
  }

  private long requireFits(long byteSize) {
    if (byteSize > pointer.byteSize()) {
      throw new IllegalArgumentException(
          "there are fewer bytes here: " + pointer + ", byteSize=" + byteSize);
    }
    return byteSize;
  }

  @Override
  public void close() {
    door.close(memory -> queue.freeDevice(pointer.address(), memory));
  }
}
