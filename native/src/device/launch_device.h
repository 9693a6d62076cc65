// A device as far as launchers go.
#ifndef PAGODA_DEVICE_LAUNCH_DEVICE_H
#define PAGODA_DEVICE_LAUNCH_DEVICE_H

#include <cuda_runtime_api.h>

#include <cstdint>

namespace pagoda {

struct LaunchDevice {
  int32_t num_multiprocessors;
  int32_t shared_bytes_per_multiprocessor;
  int32_t reserved_shared_bytes_per_cta;
  int32_t most_shared_bytes_per_cta;
  /// What the library's kernels were compiled for that run here: 90 for Hopper's machine code, 80
  /// for PTX. The device's own capability would not do: a library may lack the image for it, and
  /// the kernel of another image is there under the same name and does nothing.
  int32_t image_architecture;

  bool has_bulk_copies() const { return image_architecture >= 90; }
};

/// Asks CUDA about the current device, once for each device.
cudaError_t query_launch_device(LaunchDevice* device);

}  // namespace pagoda

#endif
