#include "device/image_probe.h"

namespace pagoda {

// Kernels are in no unnamed namespace: nvcc would put a hash of the path into their names, and two
// builds of the same sources would differ.

/// Writes the architecture that the running image was compiled for.
///
/// Launch    grid 1, CTA 1, no shared memory
/// Writes    architecture[0]
__global__ void image_probe_kernel(int32_t* architecture) {
#ifdef __CUDA_ARCH__
  *architecture = __CUDA_ARCH__ / 10;
#endif
}

cudaError_t launch_image_probe(int32_t* architecture, cudaStream_t stream) {
  image_probe_kernel<<<1, 1, 0, stream>>>(architecture);
  return cudaGetLastError();
}

cudaError_t query_image_architecture(int32_t* architecture) {
  cudaFuncAttributes attributes{};
  const cudaError_t answer = cudaFuncGetAttributes(&attributes, image_probe_kernel);
  if (answer == cudaSuccess) {
    // Of the code before the last compiler: machine code made at load time says the PTX's version.
    *architecture = attributes.ptxVersion;
  }
  return answer;
}

}  // namespace pagoda
