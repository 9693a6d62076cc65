package dev.pagoda.internal.cuda;

import dev.pagoda.cuda.NativeCallException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Which CUDA devices this process can use, and why it can use none.
 *
 * <p>Nothing here throws: without the library, the driver or a device the answer is a sentence. The
 * first question of a process loads the native library and, where there is a driver, starts it.
 */
public final class CudaDevices {
  private CudaDevices() {}

  /**
   * Why there is no CUDA backend, in one sentence; found out once per process.
   *
   * @return a reason always, for the CUDA kernels have no Java face yet
   */
  public static String unavailabilityReason() {
    return Holder.REASON;
  }

  private static final class Holder {
    static final String REASON = reason(query());
  }

  static String reason(DeviceAnswer answer) {
    return switch (answer) {
      case DeviceAnswer.None(String reason) -> reason;
      case DeviceAnswer.Present(List<CudaDevice> devices) ->
          "the CUDA backend has no Java face yet, though the native library could use "
              + devices.stream().map(CudaDevice::describe).collect(Collectors.joining("; "))
              + ": numDevices="
              + devices.size();
    };
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
