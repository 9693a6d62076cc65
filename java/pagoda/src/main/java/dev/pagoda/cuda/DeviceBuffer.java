package dev.pagoda.cuda;

import java.lang.foreign.MemorySegment;

/**
 * Device memory that Pagoda allocated for a caller. Copies are ordered with the cache's work, and
 * have happened when they return. Closing twice is an {@link IllegalStateException}.
 */
public interface DeviceBuffer extends AutoCloseable {
  /**
   * Where it lies.
   *
   * @return all of it
   */
  DevicePointer pointer();

  /**
   * Overwrites its beginning with bytes from the host.
   *
   * @param source at most as many bytes as there are here
   * @throws IllegalArgumentException if there are more
   */
  void copyFrom(MemorySegment source);

  /**
   * Reads its beginning, once all work queued before has passed.
   *
   * @param target at most as many bytes as there are here
   * @throws IllegalArgumentException if there are more
   */
  void copyTo(MemorySegment target);

  /** Frees it, once all work queued before has passed. */
  @Override
  void close();
}
