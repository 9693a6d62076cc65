#include "refusals.h"

#include <cinttypes>
#include <cstdarg>
#include <cstdio>

namespace stand_in {

pagoda_status fail(pagoda_error* error, pagoda_status status, int32_t cuda_error,
                   const char* format, ...) {
  if (error != nullptr) {
    error->cuda_error = cuda_error;
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
  }
  return status;
}

pagoda_status require(bool holds, const char* sentence, const char* name, int64_t value,
                      pagoda_error* error) {
  return holds ? PAGODA_STATUS_OK
               : fail(error, PAGODA_STATUS_INVALID_ARGUMENT, 0, "%s: %s=%" PRId64, sentence, name,
                      value);
}

pagoda_status require_aligned(const char* name, uint64_t address, int64_t alignment,
                              pagoda_error* error) {
  if (address != 0 && address % static_cast<uint64_t>(alignment) == 0) {
    return PAGODA_STATUS_OK;
  }
  return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, 0,
              "this address must be a multiple of %" PRId64 ": %s=0x%" PRIx64, alignment, name,
              address);
}

}  // namespace stand_in
