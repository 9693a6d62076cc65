package dev.pagoda.internal.cuda;

import dev.pagoda.internal.cuda.abi.pagoda_device_description;
import dev.pagoda.internal.cuda.abi.pagoda_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The calls about devices. Only for a process whose library is loaded: {@link NativeLibrary#state}
 * comes first.
 *
 * <p>Each throws {@link dev.pagoda.cuda.NativeCallException} when the library refuses. Any thread
 * may call; each call allocates what it needs and frees it before it returns.
 */
final class DeviceCalls {
  private DeviceCalls() {}

  /** The number of devices, at least 1: having none is a refusal that says why. */
  static int count() {
    try (Arena arena = Arena.ofConfined()) {
      ErrorRecord error = ErrorRecord.allocate(arena);
      MemorySegment numDevices = arena.allocate(ValueLayout.JAVA_INT);
      int status = pagoda_h.pagoda_device_count(numDevices, error.segment());
      error.check("pagoda_device_count", status);
      return numDevices.get(ValueLayout.JAVA_INT, 0);
    }
  }

  /** What a device is; creates its primary context when nobody has yet. */
  static CudaDevice describe(int deviceIndex) {
    try (Arena arena = Arena.ofConfined()) {
      ErrorRecord error = ErrorRecord.allocate(arena);
      MemorySegment description = pagoda_device_description.allocate(arena);
      int status = pagoda_h.pagoda_device_describe(deviceIndex, description, error.segment());
      error.check("pagoda_device_describe", status);
      return new CudaDevice(
          pagoda_device_description.device_idx(description),
          pagoda_device_description.name(description).getString(0),
          new ComputeCapability(
              pagoda_device_description.compute_capability_major(description),
              pagoda_device_description.compute_capability_minor(description)),
          new DeviceMemory(
              pagoda_device_description.total_memory_bytes(description),
              pagoda_device_description.free_memory_bytes(description)),
          pagoda_device_description.num_multiprocessors(description),
          new CudaVersions(
              pagoda_device_description.driver_version(description),
              pagoda_device_description.runtime_version(description)));
    }
  }

  /**
   * Runs a kernel on a device, which proves that the library has machine code or PTX for it.
   *
   * @return the architecture of the kernel image that ran, {@code 10 * major + minor}
   */
  static int check(int deviceIndex) {
    try (Arena arena = Arena.ofConfined()) {
      ErrorRecord error = ErrorRecord.allocate(arena);
      MemorySegment imageArchitecture = arena.allocate(ValueLayout.JAVA_INT);
      int status = pagoda_h.pagoda_device_check(deviceIndex, imageArchitecture, error.segment());
      error.check("pagoda_device_check", status);
      return imageArchitecture.get(ValueLayout.JAVA_INT, 0);
    }
  }
}
