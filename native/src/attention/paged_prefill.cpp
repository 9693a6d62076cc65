// Which prefill kernel a shape and a device get.

#include "attention/paged_prefill.h"

namespace pagoda {

cudaError_t launch_paged_prefill(const PrefillParams& params, DType kv_dtype, const LaunchDevice&,
                                 cudaStream_t stream) {
  return launch_portable_paged_prefill(params, kv_dtype, stream);
}

}  // namespace pagoda
