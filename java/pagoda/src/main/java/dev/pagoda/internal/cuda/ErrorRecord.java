package dev.pagoda.internal.cuda;

import dev.pagoda.cuda.NativeCallException;
import dev.pagoda.internal.cuda.abi.pagoda_error;
import dev.pagoda.internal.cuda.abi.pagoda_h;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/**
 * The {@code pagoda_error} that a call fills when it fails; its memory belongs to the allocator.
 */
record ErrorRecord(MemorySegment segment) {

  static ErrorRecord allocate(SegmentAllocator allocator) {
    return new ErrorRecord(pagoda_error.allocate(allocator));
  }

  /**
   * Looks at what a call returned.
   *
   * @throws NativeCallException if it was not success
   */
  void check(String function, int status) {
    if (status != pagoda_h.PAGODA_STATUS_OK()) {
      throw new NativeCallException(
          function,
          status,
          pagoda_error.cuda_error(segment),
          pagoda_error.text(segment).getString(0));
    }
  }
}
