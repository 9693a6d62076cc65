// The checks of the C ABI, without a refusal: what they refuse is the business of tests/abi.

#include <cstdio>
#include <cstdlib>

#include "abi/checks.h"

namespace pagoda {

pagoda_status require_params(const void*, pagoda_error*) { return PAGODA_STATUS_OK; }
pagoda_status require_range(NamedValue, int64_t, int64_t, pagoda_error*) {
  return PAGODA_STATUS_OK;
}
pagoda_status require_address(const char*, uint64_t, uint64_t, pagoda_error*) {
  return PAGODA_STATUS_OK;
}
pagoda_status require_maybe_address(const char*, uint64_t, uint64_t, pagoda_error*) {
  return PAGODA_STATUS_OK;
}
pagoda_status require_reachable(const char*, uint64_t, pagoda_error*) { return PAGODA_STATUS_OK; }
pagoda_status require_dtype(const char*, pagoda_dtype, pagoda_error*) { return PAGODA_STATUS_OK; }
pagoda_status require_row_stride(NamedValue, int64_t, pagoda_dtype, pagoda_error*) {
  return PAGODA_STATUS_OK;
}
pagoda_status require_layer(const pagoda_kv_layer&, int32_t, pagoda_error*) {
  return PAGODA_STATUS_OK;
}

pagoda_status launched(cudaError_t answer, const char* operation, pagoda_error* error) {
  return answer == cudaSuccess
             ? PAGODA_STATUS_OK
             : fail(error, PAGODA_STATUS_CUDA_FAILURE, answer, "refused: %s", operation);
}

}  // namespace pagoda

pagoda_status pagoda_device_count(int32_t* num_devices, pagoda_error*) {
  emulated::set_seed(1);
  *num_devices = 1;
  return PAGODA_STATUS_OK;
}
