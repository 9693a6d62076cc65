package dev.pagoda.internal.cuda;

import java.util.List;

/** The answer to "which CUDA devices are there?". */
sealed interface DeviceAnswer {

  /** At least one device that runs this library's kernels; the others are left out. */
  record Present(List<CudaDevice> devices) implements DeviceAnswer {
    public Present {
      devices = List.copyOf(devices);
    }
  }

  /** None, and why. */
  record None(String reason) implements DeviceAnswer {}
}
