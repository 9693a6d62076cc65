// How a call that fails tells its caller: fills the pagoda_error and hands back the status.
#ifndef PAGODA_ABI_FAILURE_H
#define PAGODA_ABI_FAILURE_H

#include <cuda_runtime_api.h>

#include <exception>
#include <new>

#include "pagoda/pagoda.h"

namespace pagoda {

/// Writes one sentence into `maybe_error` and returns `status`, so that a call can end with it.
///
/// A sentence longer than the field is cut off; none of ours is.
[[gnu::format(printf, 4, 5)]]
pagoda_status fail(pagoda_error* maybe_error, pagoda_status status, cudaError_t cuda_error,
                   const char* format, ...);

/// Runs the body of an exported function; whatever it throws becomes INTERNAL_ERROR.
///
/// Every exported function that can fail goes through here, because an exception that reached a
/// caller in C or Java would end the process.
template <typename Body>
pagoda_status guarded(pagoda_error* maybe_error, Body body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return fail(maybe_error, PAGODA_STATUS_INTERNAL_ERROR, cudaSuccess, "host memory ran out");
  } catch (const std::exception& exception) {
    return fail(maybe_error, PAGODA_STATUS_INTERNAL_ERROR, cudaSuccess, "internal error: %s",
                exception.what());
  } catch (...) {
    return fail(maybe_error, PAGODA_STATUS_INTERNAL_ERROR, cudaSuccess,
                "internal error of an unknown type");
  }
}

}  // namespace pagoda

#endif
