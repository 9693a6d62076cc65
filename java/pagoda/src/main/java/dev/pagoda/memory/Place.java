package dev.pagoda.memory;

/**
 * Where a cache keeps its blocks, for backends that leave a choice: {@code
 * dev.pagoda.cuda.CudaPlace} names a device, and a context and stream of the caller's.
 */
public interface Place {
  /**
   * The backend that computes there.
   *
   * @return its name as users write it
   */
  String backend();
}
