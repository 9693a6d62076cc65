// Checks that several operations share. Each refuses by name, before CUDA is asked for anything.
#ifndef PAGODA_ABI_CHECKS_H
#define PAGODA_ABI_CHECKS_H

#include <cuda_runtime_api.h>

#include <cstdint>

#include "abi/failure.h"
#include "device/elements.h"
#include "device/launch_device.h"
#include "pagoda/pagoda.h"

namespace pagoda {

/// A field of a params struct, for messages.
struct NamedValue {
  const char* name;
  int64_t value;
};

pagoda_status require_params(const void* params, pagoda_error* error);

/// Refuses a value outside [least, most].
pagoda_status require_range(NamedValue field, int64_t least, int64_t most, pagoda_error* error);

/// Refuses 0, and an address that is no multiple of `alignment_bytes`.
pagoda_status require_address(const char* name, uint64_t address, uint64_t alignment_bytes,
                              pagoda_error* error);

/// Refuses an address other than 0 that is no multiple of `alignment_bytes`.
pagoda_status require_maybe_address(const char* name, uint64_t address, uint64_t alignment_bytes,
                                    pagoda_error* error);

/// Refuses rows in memory of another device that the current one has no access to: to read them
/// would break its context. Asks CUDA only where there are several devices; 0 is no address.
pagoda_status require_reachable(const char* name, uint64_t address, pagoda_error* error);

/// Refuses anything but the dtypes of the header.
pagoda_status require_dtype(const char* name, pagoda_dtype dtype, pagoda_error* error);

pagoda_status require_finite(const char* name, float value, pagoda_error* error);

/// Refuses a row stride shorter than a row, or one that splits an element.
pagoda_status require_row_stride(NamedValue stride, int64_t row_elements, pagoda_dtype dtype,
                                 pagoda_error* error);

pagoda_status require_layer(const pagoda_kv_layer& layer, int32_t most_head_dim,
                            pagoda_error* error);

/// What launches need to know of the current device, or why there is none.
pagoda_status require_launch_device(LaunchDevice* device, pagoda_error* error);

/// OK, or what CUDA had against a launch.
pagoda_status launched(cudaError_t answer, const char* operation, pagoda_error* error);

}  // namespace pagoda

/// Returns from the calling function unless `status` is OK: checks come in long lists.
#define PAGODA_RETURN_UNLESS_OK(status)           \
  do {                                            \
    const pagoda_status pagoda_answer = (status); \
    if (pagoda_answer != PAGODA_STATUS_OK) {      \
      return pagoda_answer;                       \
    }                                             \
  } while (0)

#endif
