// How the stand-in says no: a status, and a record as the library writes it.

#pragma once

#include "pagoda/pagoda.h"

namespace stand_in {

constexpr int32_t kInvalidValue = 1;          // cudaErrorInvalidValue
constexpr int32_t kOutOfMemory = 2;           // cudaErrorMemoryAllocation
constexpr int32_t kInvalidDevice = 101;       // cudaErrorInvalidDevice
constexpr int32_t kInvalidHandle = 400;       // cudaErrorInvalidResourceHandle
constexpr int32_t kIllegalAddress = 700;      // cudaErrorIllegalAddress
constexpr int32_t kUnsupportedCapture = 900;  // cudaErrorStreamCaptureUnsupported

[[gnu::format(printf, 4, 5)]]
pagoda_status fail(pagoda_error* error, pagoda_status status, int32_t cuda_error,
                   const char* format, ...);

pagoda_status require(bool holds, const char* sentence, const char* name, int64_t value,
                      pagoda_error* error);

pagoda_status require_aligned(const char* name, uint64_t address, int64_t alignment,
                              pagoda_error* error);

#define RETURN_UNLESS_OK(call)                         \
  do {                                                 \
    const pagoda_status returned = (call);             \
    if (returned != PAGODA_STATUS_OK) return returned; \
  } while (false)

}  // namespace stand_in
