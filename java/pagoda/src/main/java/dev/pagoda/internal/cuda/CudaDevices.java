package dev.pagoda.internal.cuda;

import dev.pagoda.cuda.CudaPlace;
import dev.pagoda.cuda.NativeCallException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Which CUDA devices this process can use, and why it can use none.
 *
 * <p>Nothing here throws: without the library, the driver or a device the answer is a sentence. The
 * first question of a process loads the native library and, where there is a driver, starts it.
 */
public final class CudaDevices {
  private CudaDevices() {}

  private static final Path DRIVER_DEVICE = Path.of("/dev/nvidiactl");
  private static final Path DRIVER_DEVICE_OF_WSL = Path.of("/dev/dxg");

  /**
   * Why there is no CUDA backend; found out once per process, which loads the native library.
   *
   * @return one sentence, or empty if there is a device that runs the library's kernels
   */
  public static Optional<String> unavailabilityReason() {
    return Holder.REASON;
  }

  /**
   * Why it is not worth asking, found without loading anything.
   *
   * @return one sentence, or empty if there is a library and an NVIDIA driver
   */
  public static Optional<String> absence() {
    return absence(
        LibrarySearch.fromSystemProperties(),
        Files.exists(DRIVER_DEVICE) || Files.exists(DRIVER_DEVICE_OF_WSL));
  }

  static Optional<String> absence(LibrarySearch search, boolean hasDriver) {
    if (!NativeLibrary.isThere(search)) {
      return Optional.of("the native library is not on the class path");
    }
    return hasDriver
        ? Optional.empty()
        : Optional.of("this machine has no NVIDIA driver: missing=" + DRIVER_DEVICE);
  }

  private static final class Holder {
    static final Optional<String> REASON = reason(query());
  }

  static Optional<String> reason(DeviceAnswer answer) {
    return switch (answer) {
      case DeviceAnswer.None(String reason) -> Optional.of(reason);
      case DeviceAnswer.Present present -> Optional.empty();
    };
  }

  /** The device of a place: that of its context if it has one. */
  static int deviceOf(CudaPlace place) {
    if (place.context() == 0) {
      return place.deviceIndex();
    }
    try (DeviceQueue queue = DeviceQueue.open(place)) {
      return queue.deviceIndex();
    }
  }

  /** Asks library and driver anew. */
  static DeviceAnswer query() {
    return switch (NativeLibrary.state()) {
      case LibraryState.Absent(String reason) -> new DeviceAnswer.None(reason);
      case LibraryState.Loaded loaded -> queryDriver();
    };
  }

  private static DeviceAnswer queryDriver() {
    int numDevices;
    try {
      numDevices = DeviceCalls.count();
    } catch (NativeCallException e) {
      return new DeviceAnswer.None(e.text());
    }
    List<CudaDevice> usable = new ArrayList<>();
    List<String> refusals = new ArrayList<>();
    for (int deviceIndex = 0; deviceIndex < numDevices; deviceIndex++) {
      try {
        CudaDevice device = DeviceCalls.describe(deviceIndex);
        DeviceCalls.check(deviceIndex);
        usable.add(device);
      } catch (NativeCallException e) {
        refusals.add(e.text() + ", deviceIndex=" + deviceIndex);
      }
    }
    return usable.isEmpty()
        ? new DeviceAnswer.None(String.join("; ", refusals))
        : new DeviceAnswer.Present(usable);
  }
}
