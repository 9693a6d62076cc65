#include "abi/failure.h"

#include <cstdarg>
#include <cstdio>

namespace pagoda {

pagoda_status fail(pagoda_error* maybe_error, pagoda_status status, cudaError_t cuda_error,
                   const char* format, ...) {
  if (maybe_error != nullptr) {
    maybe_error->cuda_error = static_cast<int32_t>(cuda_error);
    std::va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(maybe_error->text, sizeof(maybe_error->text), format, arguments);
    va_end(arguments);
  }
  return status;
}

}  // namespace pagoda
