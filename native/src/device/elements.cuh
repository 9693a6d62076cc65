// Single elements and pairs of elements: reading, writing, converting.
#ifndef PAGODA_DEVICE_ELEMENTS_CUH
#define PAGODA_DEVICE_ELEMENTS_CUH

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstring>

#include "device/elements.h"

namespace pagoda {

__device__ __forceinline__ float to_float(float value) { return value; }
__device__ __forceinline__ float to_float(__half value) { return __half2float(value); }
__device__ __forceinline__ float to_float(__nv_bfloat16 value) { return __bfloat162float(value); }

template <typename Element>
__device__ __forceinline__ Element from_float(float value);
template <>
__device__ __forceinline__ float from_float<float>(float value) {
  return value;
}
template <>
__device__ __forceinline__ __half from_float<__half>(float value) {
  return __float2half_rn(value);
}
template <>
__device__ __forceinline__ __nv_bfloat16 from_float<__nv_bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}

/// Two numbers as two 16-bit elements in one register, the first in the low half.
template <typename Element>
__device__ __forceinline__ uint32_t pack_pair(float low, float high);
template <>
__device__ __forceinline__ uint32_t pack_pair<__half>(float low, float high) {
  const __half2 pair = __floats2half2_rn(low, high);
  uint32_t bits;
  memcpy(&bits, &pair, sizeof bits);
  return bits;
}
template <>
__device__ __forceinline__ uint32_t pack_pair<__nv_bfloat16>(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  uint32_t bits;
  memcpy(&bits, &pair, sizeof bits);
  return bits;
}

/// Calls `use` with an element of the type that is known at run time.
template <typename Use>
void with_element_type(DType dtype, Use use) {
  switch (dtype) {
    case DType::kFp32:
      use(float{});
      break;
    case DType::kFp16:
      use(__half{});
      break;
    case DType::kBf16:
      use(__nv_bfloat16{});
      break;
  }
}

/// Element `idx` of an array whose type is known at run time.
__device__ __forceinline__ float load_element(const void* elements, DType dtype, int64_t idx) {
  switch (dtype) {
    case DType::kFp32:
      return static_cast<const float*>(elements)[idx];
    case DType::kFp16:
      return __half2float(static_cast<const __half*>(elements)[idx]);
    default:
      return __bfloat162float(static_cast<const __nv_bfloat16*>(elements)[idx]);
  }
}

/// Writes element `idx` of an array whose type is known at run time.
__device__ __forceinline__ void store_element(void* elements, DType dtype, int64_t idx,
                                              float value) {
  switch (dtype) {
    case DType::kFp32:
      static_cast<float*>(elements)[idx] = value;
      break;
    case DType::kFp16:
      static_cast<__half*>(elements)[idx] = __float2half_rn(value);
      break;
    default:
      static_cast<__nv_bfloat16*>(elements)[idx] = __float2bfloat16_rn(value);
      break;
  }
}

}  // namespace pagoda

#endif
