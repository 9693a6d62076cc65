// A CTA's own memory, and barriers for some of its threads.
#ifndef PAGODA_DEVICE_SHARED_MEMORY_CUH
#define PAGODA_DEVICE_SHARED_MEMORY_CUH

/// Names the shared memory that a launch asks for, on a line of 128 bytes, or on more.
///
/// A macro, as a function that returned it would change the machine code around every use.
#define PAGODA_CTA_SHARED_MEMORY(name) PAGODA_CTA_SHARED_MEMORY_ON(128, name)
#define PAGODA_CTA_SHARED_MEMORY_ON(alignment, name) \
  extern __shared__ __align__(alignment)             \
  char name[]

namespace pagoda {

/// Waits for all of `kThreads` threads, whole warps, that call it with the same number; 0 is
/// __syncthreads.
template <int kBarrier, int kThreads>
__device__ __forceinline__ void named_barrier_sync() {
  static_assert(kBarrier > 0 && kBarrier < 16 && kThreads % 32 == 0);
  asm volatile("bar.sync %0, %1;" ::"n"(kBarrier), "n"(kThreads) : "memory");
}

/// The same for a number that is no constant.
template <int kThreads>
__device__ __forceinline__ void named_barrier_sync(int barrier) {
  asm volatile("bar.sync %0, %1;" ::"r"(barrier), "n"(kThreads) : "memory");
}

/// Counts the calling warp among those threads, and goes on.
template <int kThreads>
__device__ __forceinline__ void named_barrier_arrive(int barrier) {
  asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "n"(kThreads) : "memory");
}

}  // namespace pagoda

#endif
