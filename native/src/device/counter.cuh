// Counters in global memory by which CTAs tell each other that their writes are there.
#ifndef PAGODA_DEVICE_COUNTER_CUH
#define PAGODA_DEVICE_COUNTER_CUH

#include <cstdint>

namespace pagoda {

/// Adds one, or goes back to 0 from `last`; returns what was there before.
///
/// Releases what the calling thread has written or seen, acquires what earlier callers released.
__device__ __forceinline__ uint32_t count_up_to(uint32_t* counter, uint32_t last) {
  uint32_t before;
  asm volatile("atom.acq_rel.gpu.global.inc.u32 %0, [%1], %2;"
               : "=r"(before)
               : "l"(__cvta_generic_to_global(counter)), "r"(last)
               : "memory");
  return before;
}

}  // namespace pagoda

#endif
