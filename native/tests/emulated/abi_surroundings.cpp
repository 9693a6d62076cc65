// What operations of the C ABI need of the rest of it: checks without a refusal, for what they
// refuse is the business of tests/abi, and memory of the host, which is everybody's here.

#include "abi/checks.h"
#include "abi/device_failures.h"
#include "abi/failure.h"
#include "machine.h"

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

pagoda_status require_finite(const char*, float, pagoda_error*) { return PAGODA_STATUS_OK; }

pagoda_status launched(cudaError_t answer, const char* operation, pagoda_error* error) {
  return answer == cudaSuccess ? PAGODA_STATUS_OK : fail_to_do(answer, operation, error);
}

pagoda_status fail_to_do(cudaError_t answer, const char* operation, pagoda_error* error) {
  return fail(error, PAGODA_STATUS_CUDA_FAILURE, answer, "refused: %s", operation);
}

}  // namespace pagoda

pagoda_status pagoda_device_count(int32_t* num_devices, pagoda_error*) {
  emulated::set_seed(emulated::first_seed);
  *num_devices = 1;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_pinned_allocate(int64_t num_bytes, uint64_t* address, pagoda_error*) {
  *address = reinterpret_cast<uint64_t>(emulated::allocate(static_cast<size_t>(num_bytes)));
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_pinned_free(uint64_t address, pagoda_error*) {
  emulated::release(reinterpret_cast<void*>(address));
  return PAGODA_STATUS_OK;
}
