// What the memory can do at best: the denominators of every share in the tables.
#ifndef PAGODA_BENCH_CEILINGS_CUH
#define PAGODA_BENCH_CEILINGS_CUH

#include <cstdint>

#include "device/bulk_copy.cuh"
#include "device/cache_policy.cuh"

namespace bench {

constexpr int kReadStages = 6;
constexpr int kReadStageBytes = 32 << 10;
constexpr int kReadSharedBytes = kReadStages * kReadStageBytes + 64;

/// Reads an array into shared memory and does nothing with it.
///
/// Launch    grid = multiprocessors, CTA 32, kReadSharedBytes of dynamic shared memory
/// Reads     num_stages stages of kReadStageBytes, one CTA every gridDim.x-th of them
/// Writes    nothing
__global__ void __launch_bounds__(32) pure_read_kernel(const char* array, int64_t num_stages) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  extern __shared__ __align__(128) char shared[];
  const uint32_t ring = pagoda::shared_address(shared);
  const uint32_t full = ring + kReadStages * kReadStageBytes;
  if (threadIdx.x != 0) {
    return;
  }
  const uint64_t policy = pagoda::evict_first_policy();
  for (int i = 0; i < kReadStages; ++i) {
    pagoda::barrier_init(full + 8 * i, 1);
  }
  pagoda::barrier_init_fence();
  int64_t queued = blockIdx.x;
  const auto queue = [&](int slot) {
    if (queued < num_stages) {
      pagoda::barrier_arrive_expecting(full + 8 * slot, kReadStageBytes);
      pagoda::bulk_copy(ring + slot * kReadStageBytes, array + queued * kReadStageBytes,
                        kReadStageBytes, full + 8 * slot, policy);
    }
    queued += gridDim.x;
  };
  for (int i = 0; i < kReadStages; ++i) {
    queue(i);
  }
  int slot = 0;
  uint32_t phase = 0;
  for (int64_t stage = blockIdx.x; stage < num_stages; stage += gridDim.x) {
    pagoda::barrier_wait(full + 8 * slot, phase);
    queue(slot);
    if (++slot == kReadStages) {
      slot = 0;
      phase ^= 1;
    }
  }
#endif
}

}  // namespace bench

#endif
