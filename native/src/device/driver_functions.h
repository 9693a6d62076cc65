// Functions of the driver itself. They cannot be linked: without a driver the library must still
// load.
#ifndef PAGODA_DEVICE_DRIVER_FUNCTIONS_H
#define PAGODA_DEVICE_DRIVER_FUNCTIONS_H

#include <cuda.h>
#include <cuda_runtime_api.h>

namespace pagoda {

/// Fills in a pointer to the driver's function of that name, or null and why not.
template <typename Function>
cudaError_t find_driver_function(const char* name, Function* function) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result{};
  constexpr unsigned kCudaVersion = 12000;
  cudaError_t answer =
      cudaGetDriverEntryPointByVersion(name, &found, kCudaVersion, cudaEnableDefault, &result);
  if (answer == cudaSuccess && result != cudaDriverEntryPointSuccess) {
    answer = cudaErrorSymbolNotFound;
  }
  *function = reinterpret_cast<Function>(found);
  return answer;
}

}  // namespace pagoda

#endif
