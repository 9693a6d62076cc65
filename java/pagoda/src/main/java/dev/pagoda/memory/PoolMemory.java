package dev.pagoda.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A source of memory for pools other than the arena itself: page-locked memory for instance. */
@FunctionalInterface
public interface PoolMemory {
  /**
   * Allocates memory that is given back when an arena closes.
   *
   * @param byteSize bytes, at least 1
   * @param arena whose life the memory has
   * @return writable memory off the heap on a 64-byte line
   */
  MemorySegment allocate(long byteSize, Arena arena);
}
