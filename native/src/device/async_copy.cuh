// Copies from global to shared memory that a thread queues and waits for later (sm_80 and up).
#ifndef PAGODA_DEVICE_ASYNC_COPY_CUH
#define PAGODA_DEVICE_ASYNC_COPY_CUH

#include <cstdint>

namespace pagoda {

/// Queues a copy of 16 bytes. Both addresses are multiples of 16.
__device__ __forceinline__ void async_copy(uint32_t target, const void* source) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(target),
               "l"(__cvta_generic_to_global(source))
               : "memory");
}

/// Queues a copy of 16 bytes, or of as many zeros. Both addresses are multiples of 16; the source
/// of zeros is not read.
__device__ __forceinline__ void async_copy_or_zeros(uint32_t target, const void* source,
                                                    bool is_copied) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target),
               "l"(__cvta_generic_to_global(source)), "r"(is_copied ? 16 : 0)
               : "memory");
}

/// Arrives at a barrier (bulk_copy.cuh) once the calling thread's copies have landed. The barrier
/// counts it among its arrivals (sm_90 and up: earlier barriers are of another kind).
__device__ __forceinline__ void barrier_arrive_behind_copies(uint32_t barrier) {
  asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(barrier) : "memory");
}

/// Ends a group of copies; a thread waits for groups.
__device__ __forceinline__ void async_copy_end_group() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Waits until the calling thread's copies have landed, but for those of its last `kPending`
/// groups.
template <int kPending>
__device__ __forceinline__ void async_copy_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

}  // namespace pagoda

#endif
