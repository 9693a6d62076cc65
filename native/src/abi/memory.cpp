// Contexts and memory: whose they are, and what CUDA says when there is not enough.

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <thread>

#include "abi/checks.h"
#include "abi/device_failures.h"
#include "abi/failure.h"
#include "device/driver_functions.h"
#include "pagoda/pagoda.h"

namespace {

using namespace pagoda;

pagoda_status require_result(const char* name, const void* result, pagoda_error* error) {
  if (result == nullptr) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                "the result to fill is missing: %s=NULL", name);
  }
  return PAGODA_STATUS_OK;
}

pagoda_status done(cudaError_t answer, const char* operation, pagoda_error* error) {
  return answer == cudaSuccess ? PAGODA_STATUS_OK : fail_to_do(answer, operation, error);
}

/// The driver's own functions about contexts.
struct DriverContexts {
  CUresult(CUDAAPI* get_current)(CUcontext*) = nullptr;
  CUresult(CUDAAPI* set_current)(CUcontext) = nullptr;
};

cudaError_t find_driver_contexts(DriverContexts* contexts) {
  static const struct Found {
    DriverContexts contexts;
    cudaError_t answer;
    Found() {
      answer = find_driver_function("cuCtxGetCurrent", &contexts.get_current);
      if (answer == cudaSuccess) {
        answer = find_driver_function("cuCtxSetCurrent", &contexts.set_current);
      }
    }
  } found;
  *contexts = found.contexts;
  return found.answer;
}

pagoda_status refused_by_driver(CUresult answer, const char* operation, pagoda_error* error) {
  // Both APIs number their errors alike where they share them.
  return fail_to_do(static_cast<cudaError_t>(answer), operation, error);
}

pagoda_status require_bytes(int64_t num_bytes, const void* address, pagoda_error* error) {
  PAGODA_RETURN_UNLESS_OK(require_range({"num_bytes", num_bytes}, 1, int64_t{1} << 48, error));
  return require_result("address", address, error);
}

uint64_t address_of(void* pointer) {
  return static_cast<uint64_t>(reinterpret_cast<uintptr_t>(pointer));
}

void* pointer_to(uint64_t address) {
  return reinterpret_cast<void*>(static_cast<uintptr_t>(address));
}

pagoda_status fail_to_allocate(cudaError_t answer, int64_t num_bytes, pagoda_error* error) {
  if (answer != cudaErrorMemoryAllocation) {
    return fail_to_do(answer, "allocate memory", error);
  }
  cudaGetLastError();
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  cudaMemGetInfo(&free_bytes, &total_bytes);
  return fail(error, PAGODA_STATUS_CUDA_FAILURE, answer,
              "the device has not so much memory left: free_bytes=%zu, total_bytes=%zu, "
              "num_bytes=%lld",
              free_bytes, total_bytes, static_cast<long long>(num_bytes));
}

}  // namespace

pagoda_status pagoda_context_open(int32_t device_idx, void** context, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_result("context", context, error));
    PAGODA_RETURN_UNLESS_OK(require_range({"device_idx", device_idx}, 0, INT32_MAX, error));
    int32_t num_devices = 0;
    PAGODA_RETURN_UNLESS_OK(pagoda_device_count(&num_devices, error));
    PAGODA_RETURN_UNLESS_OK(
        require_range({"device_idx", device_idx}, 0, int64_t{num_devices} - 1, error));
    DriverContexts contexts;
    PAGODA_RETURN_UNLESS_OK(done(find_driver_contexts(&contexts), "find the driver", error));
    // The current context belongs to a thread, so the work gets a thread of its own.
    pagoda_status status = PAGODA_STATUS_INTERNAL_ERROR;
    std::thread worker([&] {
      status = guarded(error, [&]() -> pagoda_status {
        PAGODA_RETURN_UNLESS_OK(done(cudaSetDevice(device_idx), "use the device", error));
        CUcontext current = nullptr;
        const CUresult answer = contexts.get_current(&current);
        if (answer != CUDA_SUCCESS) {
          return refused_by_driver(answer, "name the context", error);
        }
        *context = current;
        return PAGODA_STATUS_OK;
      });
    });
    worker.join();
    return status;
  });
}

pagoda_status pagoda_context_enter(void* context, void** previous, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_result("previous", previous, error));
    DriverContexts contexts;
    PAGODA_RETURN_UNLESS_OK(done(find_driver_contexts(&contexts), "find the driver", error));
    CUcontext current = nullptr;
    CUresult answer = contexts.get_current(&current);
    if (answer == CUDA_SUCCESS && current != context) {
      answer = contexts.set_current(static_cast<CUcontext>(context));
    }
    if (answer != CUDA_SUCCESS) {
      return refused_by_driver(answer, "enter the context", error);
    }
    *previous = current;
    return PAGODA_STATUS_OK;
  });
}

pagoda_status pagoda_context_device(int32_t* device_idx, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_result("device_idx", device_idx, error));
    int32_t num_devices = 0;
    PAGODA_RETURN_UNLESS_OK(pagoda_device_count(&num_devices, error));
    int current = 0;
    PAGODA_RETURN_UNLESS_OK(done(cudaGetDevice(&current), "name the device", error));
    *device_idx = current;
    return PAGODA_STATUS_OK;
  });
}

pagoda_status pagoda_memory_allocate(int64_t num_bytes, uint64_t* address, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_bytes(num_bytes, address, error));
    void* allocated = nullptr;
    const cudaError_t answer = cudaMalloc(&allocated, static_cast<size_t>(num_bytes));
    if (answer != cudaSuccess) {
      return fail_to_allocate(answer, num_bytes, error);
    }
    *address = address_of(allocated);
    return PAGODA_STATUS_OK;
  });
}

pagoda_status pagoda_memory_free(uint64_t address, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    return address == 0 ? PAGODA_STATUS_OK
                        : done(cudaFree(pointer_to(address)), "free memory", error);
  });
}

pagoda_status pagoda_pinned_allocate(int64_t num_bytes, uint64_t* address, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_bytes(num_bytes, address, error));
    void* allocated = nullptr;
    const cudaError_t answer = cudaHostAlloc(&allocated, static_cast<size_t>(num_bytes),
                                             cudaHostAllocPortable | cudaHostAllocMapped);
    if (answer != cudaSuccess) {
      return fail_to_do(answer, "allocate pinned memory", error);
    }
    *address = address_of(allocated);
    return PAGODA_STATUS_OK;
  });
}

pagoda_status pagoda_pinned_free(uint64_t address, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    return address == 0 ? PAGODA_STATUS_OK
                        : done(cudaFreeHost(pointer_to(address)), "free pinned memory", error);
  });
}

pagoda_status pagoda_fill_memory(const pagoda_fill_memory_params* params, void* stream,
                                 pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_params(params, error));
    PAGODA_RETURN_UNLESS_OK(require_range({"num_bytes", params->num_bytes}, 0, INT64_MAX, error));
    PAGODA_RETURN_UNLESS_OK(require_range({"byte_value", params->byte_value}, 0, 255, error));
    if (params->num_bytes == 0) {
      return PAGODA_STATUS_OK;
    }
    PAGODA_RETURN_UNLESS_OK(require_address("target", params->target, 1, error));
    return done(
        cudaMemsetAsync(pointer_to(params->target), static_cast<int>(params->byte_value),
                        static_cast<size_t>(params->num_bytes), static_cast<cudaStream_t>(stream)),
        "fill memory", error);
  });
}

pagoda_status pagoda_copy_memory(const pagoda_copy_memory_params* params, void* stream,
                                 pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_params(params, error));
    PAGODA_RETURN_UNLESS_OK(require_range({"num_bytes", params->num_bytes}, 0, INT64_MAX, error));
    if (params->num_bytes == 0) {
      return PAGODA_STATUS_OK;
    }
    PAGODA_RETURN_UNLESS_OK(require_address("source", params->source, 1, error));
    PAGODA_RETURN_UNLESS_OK(require_address("target", params->target, 1, error));
    return done(cudaMemcpyAsync(pointer_to(params->target), pointer_to(params->source),
                                static_cast<size_t>(params->num_bytes), cudaMemcpyDefault,
                                static_cast<cudaStream_t>(stream)),
                "copy memory", error);
  });
}
