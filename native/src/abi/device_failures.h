// What CUDA's answers about drivers, devices and kernel images mean, as sentences.
//
// Plain functions of plain numbers: a machine without a GPU can test every case.
#ifndef PAGODA_ABI_DEVICE_FAILURES_H
#define PAGODA_ABI_DEVICE_FAILURES_H

#include <cuda_runtime_api.h>

#include "pagoda/pagoda.h"

namespace pagoda {

/// CUDA versions as 1000 * major + 10 * minor; a driver version of 0 means there is no driver.
struct CudaVersions {
  int32_t driver;
  int32_t runtime;
};

/// Asks CUDA for both versions; a version it does not tell is 0.
CudaVersions query_cuda_versions() noexcept;

/// Says why cudaGetDeviceCount yielded no device; `answer` may be cudaSuccess with a count of 0.
pagoda_status fail_without_devices(cudaError_t answer, CudaVersions versions,
                                   pagoda_error* maybe_error);

/// A device as far as the choice of a kernel image goes.
struct ImageTarget {
  int32_t compute_capability_major;
  int32_t compute_capability_minor;
  CudaVersions versions;
};

/// Says why a kernel of this library did not run on a device.
pagoda_status fail_to_run(cudaError_t answer, const ImageTarget& target, pagoda_error* maybe_error);

/// Whether an answer means that the context is broken for good: every later call gets it again.
bool breaks_the_context(cudaError_t answer);

/// Says what CUDA had against an operation; makes CUDA forget it, lest a later call reports it.
///
/// `operation` is a verb with its object: "allocate memory".
pagoda_status fail_to_do(cudaError_t answer, const char* operation, pagoda_error* maybe_error);

}  // namespace pagoda

#endif
