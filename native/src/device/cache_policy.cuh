// What L2 is told about bytes that pass through it.
#ifndef PAGODA_DEVICE_CACHE_POLICY_CUH
#define PAGODA_DEVICE_CACHE_POLICY_CUH

#include <cstdint>

namespace pagoda {

/// A policy for bytes that nobody asks for again: they leave L2 before anything else does.
__device__ __forceinline__ uint64_t evict_first_policy() {
  uint64_t policy;
  asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  return policy;
}

__device__ __forceinline__ void store_with_policy(uint4* target, const uint4& vector,
                                                  uint64_t policy) {
  asm volatile("st.global.L2::cache_hint.v4.u32 [%0], {%1, %2, %3, %4}, %5;" ::"l"(
                   __cvta_generic_to_global(target)),
               "r"(vector.x), "r"(vector.y), "r"(vector.z), "r"(vector.w), "l"(policy)
               : "memory");
}

}  // namespace pagoda

#endif
