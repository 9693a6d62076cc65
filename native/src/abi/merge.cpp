// Merges of partial results: checks, and the launch.

#include <cuda_runtime_api.h>

#include "abi/checks.h"
#include "abi/failure.h"
#include "attention/merge_partials.h"
#include "pagoda/pagoda.h"

namespace {

using namespace pagoda;

template <typename Pointee>
Pointee* device_pointer(uint64_t address) {
  return reinterpret_cast<Pointee*>(static_cast<uintptr_t>(address));
}

pagoda_status check_merge(const pagoda_merge_partials_params& p, pagoda_error* error) {
  PAGODA_RETURN_UNLESS_OK(require_range({"num_partials", p.num_partials}, 1, 1 << 20, error));
  PAGODA_RETURN_UNLESS_OK(require_range({"num_rows", p.num_rows}, 0, INT32_MAX, error));
  PAGODA_RETURN_UNLESS_OK(require_range({"head_dim", p.head_dim}, 1, 1 << 20, error));
  PAGODA_RETURN_UNLESS_OK(require_dtype("row_dtype", p.row_dtype, error));
  if (p.num_rows == 0) {
    return PAGODA_STATUS_OK;
  }
  const auto element = static_cast<uint64_t>(element_bytes(static_cast<DType>(p.row_dtype)));
  PAGODA_RETURN_UNLESS_OK(require_address("partial_outputs", p.partial_outputs, element, error));
  PAGODA_RETURN_UNLESS_OK(require_address("partial_lse", p.partial_lse, 4, error));
  PAGODA_RETURN_UNLESS_OK(require_address("output", p.output, element, error));
  PAGODA_RETURN_UNLESS_OK(require_maybe_address("maybe_lse", p.maybe_lse, 4, error));
  PAGODA_RETURN_UNLESS_OK(require_reachable("partial_outputs", p.partial_outputs, error));
  PAGODA_RETURN_UNLESS_OK(require_reachable("partial_lse", p.partial_lse, error));
  PAGODA_RETURN_UNLESS_OK(require_reachable("output", p.output, error));
  return require_reachable("maybe_lse", p.maybe_lse, error);
}

}  // namespace

pagoda_status pagoda_merge_partials(const pagoda_merge_partials_params* params, void* stream,
                                    pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_params(params, error));
    PAGODA_RETURN_UNLESS_OK(check_merge(*params, error));
    if (params->num_rows == 0) {
      return PAGODA_STATUS_OK;
    }
    const MergePartialsParams merge{device_pointer<const void>(params->partial_outputs),
                                    device_pointer<const float>(params->partial_lse),
                                    device_pointer<void>(params->output),
                                    device_pointer<float>(params->maybe_lse),
                                    params->num_partials,
                                    params->num_rows,
                                    params->head_dim,
                                    static_cast<DType>(params->row_dtype)};
    return launched(launch_merge_partials(merge, static_cast<cudaStream_t>(stream)),
                    "merge_partials", error);
  });
}
