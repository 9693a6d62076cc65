package dev.pagoda.internal.cuda;

import java.util.Locale;

/**
 * One CUDA device as the driver describes it.
 *
 * @param deviceIndex its number in this process, from 0
 * @param name as the driver spells it
 * @param computeCapability its generation
 * @param memory its memory when it was asked
 * @param numMultiprocessors its streaming multiprocessors
 * @param versions of the driver and of the library, the same for every device of a process
 */
record CudaDevice(
    int deviceIndex,
    String name,
    ComputeCapability computeCapability,
    DeviceMemory memory,
    int numMultiprocessors,
    CudaVersions versions) {

  /** The device in one phrase, for reasons and logs. */
  String describe() {
    return String.format(
        Locale.ROOT,
        "%s with compute capability %s, %d multiprocessors and %.1f GiB, %s",
        name,
        computeCapability,
        numMultiprocessors,
        memory.totalBytes() / (double) (1L << 30),
        versions);
  }
}
