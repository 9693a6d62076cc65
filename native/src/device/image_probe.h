// The smallest kernel there can be: which of the library's images runs on a device?
#ifndef PAGODA_DEVICE_IMAGE_PROBE_H
#define PAGODA_DEVICE_IMAGE_PROBE_H

#include <cuda_runtime_api.h>

#include <cstdint>

namespace pagoda {

/// Queues a kernel that writes the architecture it was compiled for: 90 for sm_90a, 80 for
/// compute_80.
///
///   architecture  // device, [1]
cudaError_t launch_image_probe(int32_t* architecture, cudaStream_t stream);

/// Says the same without running anything.
cudaError_t query_image_architecture(int32_t* architecture);

}  // namespace pagoda

#endif
