// Which devices there are, what they are, and whether our kernels run on them.

#include <cuda_runtime_api.h>

#include <cstring>
#include <memory>
#include <thread>

#include "abi/device_failures.h"
#include "abi/failure.h"
#include "device/image_probe.h"
#include "pagoda/pagoda.h"

namespace {

using pagoda::fail;

/// Makes CUDA forget an error that was reported, lest a later call in this thread reports it again.
cudaError_t taken(cudaError_t answer) {
  if (answer != cudaSuccess) {
    cudaGetLastError();
  }
  return answer;
}

pagoda_status count_devices(int32_t* num_devices, pagoda_error* error) {
  int count = 0;
  const cudaError_t answer = taken(cudaGetDeviceCount(&count));
  if (answer != cudaSuccess || count == 0) {
    *num_devices = 0;
    return pagoda::fail_without_devices(answer, pagoda::query_cuda_versions(), error);
  }
  *num_devices = count;
  return PAGODA_STATUS_OK;
}

/// Refuses an index that no device has. A negative one is refused on any machine.
pagoda_status require_device(int32_t device_idx, pagoda_error* error) {
  if (device_idx < 0) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                "devices are counted from 0: device_idx=%d", device_idx);
  }
  int32_t num_devices = 0;
  const pagoda_status status = count_devices(&num_devices, error);
  if (status != PAGODA_STATUS_OK) {
    return status;
  }
  if (device_idx >= num_devices) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                "there are %d devices, counted from 0: device_idx=%d", num_devices, device_idx);
  }
  return PAGODA_STATUS_OK;
}

/// Runs `body` with `device_idx` as the current device and leaves the caller's own alone.
///
/// The current device belongs to a thread, so the work gets a thread of its own. Setting the
/// caller's device back instead would create a context on it, if there was none.
template <typename Body>
pagoda_status on_device(int32_t device_idx, pagoda_error* error, Body body) {
  pagoda_status status = PAGODA_STATUS_INTERNAL_ERROR;
  std::thread worker([&] {
    status = pagoda::guarded(error, [&]() -> pagoda_status {
      const cudaError_t answer = cudaSetDevice(device_idx);
      if (answer != cudaSuccess) {
        return fail(error, PAGODA_STATUS_CUDA_FAILURE, answer,
                    "CUDA could not use the device, %s: device_idx=%d", cudaGetErrorString(answer),
                    device_idx);
      }
      return body();
    });
  });
  worker.join();
  return status;
}

struct DeviceMemoryFree {
  void operator()(void* pointer) const { cudaFree(pointer); }
};

cudaError_t run_image_probe(int32_t* architecture) {
  void* allocated = nullptr;
  cudaError_t answer = cudaMalloc(&allocated, sizeof(int32_t));
  if (answer != cudaSuccess) {
    return answer;
  }
  const std::unique_ptr<void, DeviceMemoryFree> owned(allocated);
  auto* written = static_cast<int32_t*>(allocated);
  // All bits set is no architecture: a kernel that silently did not run is told from one that did.
  answer = cudaMemset(written, 0xff, sizeof(int32_t));
  if (answer != cudaSuccess) {
    return answer;
  }
  answer = pagoda::launch_image_probe(written, nullptr);
  if (answer != cudaSuccess) {
    return answer;
  }
  return cudaMemcpy(architecture, written, sizeof(int32_t), cudaMemcpyDeviceToHost);
}

cudaError_t query_image_target(int32_t device_idx, pagoda::ImageTarget* target) {
  cudaError_t answer = cudaDeviceGetAttribute(&target->compute_capability_major,
                                              cudaDevAttrComputeCapabilityMajor, device_idx);
  if (answer != cudaSuccess) {
    return answer;
  }
  answer = cudaDeviceGetAttribute(&target->compute_capability_minor,
                                  cudaDevAttrComputeCapabilityMinor, device_idx);
  target->versions = pagoda::query_cuda_versions();
  return answer;
}

cudaError_t query_description(int32_t device_idx, pagoda_device_description* description) {
  cudaDeviceProp properties{};
  cudaError_t answer = cudaGetDeviceProperties(&properties, device_idx);
  if (answer != cudaSuccess) {
    return answer;
  }
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  answer = cudaMemGetInfo(&free_bytes, &total_bytes);
  if (answer != cudaSuccess) {
    return answer;
  }
  const pagoda::CudaVersions versions = pagoda::query_cuda_versions();
  static_assert(sizeof(description->name) == sizeof(properties.name), "names are copied whole");
  std::memcpy(description->name, properties.name, sizeof(description->name));
  description->total_memory_bytes = static_cast<int64_t>(total_bytes);
  description->free_memory_bytes = static_cast<int64_t>(free_bytes);
  description->device_idx = device_idx;
  description->compute_capability_major = properties.major;
  description->compute_capability_minor = properties.minor;
  description->num_multiprocessors = properties.multiProcessorCount;
  description->driver_version = versions.driver;
  description->runtime_version = versions.runtime;
  return cudaSuccess;
}

}  // namespace

pagoda_status pagoda_device_count(int32_t* num_devices, pagoda_error* error) {
  return pagoda::guarded(error, [&]() -> pagoda_status {
    if (num_devices == nullptr) {
      return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                  "the count to fill is missing: num_devices=NULL");
    }
    return count_devices(num_devices, error);
  });
}

pagoda_status pagoda_device_describe(int32_t device_idx, pagoda_device_description* description,
                                     pagoda_error* error) {
  return pagoda::guarded(error, [&]() -> pagoda_status {
    if (description == nullptr) {
      return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                  "the description to fill is missing: description=NULL");
    }
    const pagoda_status status = require_device(device_idx, error);
    if (status != PAGODA_STATUS_OK) {
      return status;
    }
    return on_device(device_idx, error, [&]() -> pagoda_status {
      const cudaError_t answer = query_description(device_idx, description);
      if (answer != cudaSuccess) {
        return fail(error, PAGODA_STATUS_CUDA_FAILURE, answer,
                    "CUDA could not describe the device, %s: device_idx=%d",
                    cudaGetErrorString(answer), device_idx);
      }
      return PAGODA_STATUS_OK;
    });
  });
}

pagoda_status pagoda_device_check(int32_t device_idx, int32_t* image_architecture,
                                  pagoda_error* error) {
  return pagoda::guarded(error, [&]() -> pagoda_status {
    if (image_architecture == nullptr) {
      return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                  "the architecture to fill is missing: image_architecture=NULL");
    }
    const pagoda_status status = require_device(device_idx, error);
    if (status != PAGODA_STATUS_OK) {
      return status;
    }
    return on_device(device_idx, error, [&]() -> pagoda_status {
      pagoda::ImageTarget target{};
      cudaError_t answer = query_image_target(device_idx, &target);
      int32_t architecture = -1;
      if (answer == cudaSuccess) {
        answer = run_image_probe(&architecture);
      }
      if (answer != cudaSuccess) {
        return pagoda::fail_to_run(answer, target, error);
      }
      if (architecture == -1) {
        return fail(error, PAGODA_STATUS_CUDA_FAILURE, cudaSuccess,
                    "the trial kernel wrote nothing: device_idx=%d", device_idx);
      }
      *image_architecture = architecture;
      return PAGODA_STATUS_OK;
    });
  });
}
