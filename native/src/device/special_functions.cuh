// The special function unit: quick, and not exact.
#ifndef PAGODA_DEVICE_SPECIAL_FUNCTIONS_CUH
#define PAGODA_DEVICE_SPECIAL_FUNCTIONS_CUH

namespace pagoda {

/// 2^x: relative error 2^-22, 0 for minus infinity.
__device__ __forceinline__ float exp2_approximate(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

}  // namespace pagoda

#endif
