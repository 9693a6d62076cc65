// Hopper's bulk copy engine and the barriers that tell when its bytes have landed.
//
// For compute capability 9.0 and up: include it under an architecture guard's protection only.
#ifndef PAGODA_DEVICE_BULK_COPY_CUH
#define PAGODA_DEVICE_BULK_COPY_CUH

#include <cuda.h>

#include <cstdint>

namespace pagoda {

__device__ __forceinline__ uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

/// Prepares a barrier that completes a phase after `num_arrivals` arrivals and all bytes announced.
__device__ __forceinline__ void barrier_init(uint32_t barrier, uint32_t num_arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(num_arrivals)
               : "memory");
}

/// Makes initialised barriers visible to the copy engine; a CTA-wide barrier must follow.
__device__ __forceinline__ void barrier_init_fence() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ __forceinline__ void barrier_arrive(uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

/// Arrives once the register that holds `bits` has been written.
///
/// A bulk copy may overwrite what a thread has read as soon as the thread has arrived. The compiler
/// puts an arrival before the answers of earlier reads, because it would not matter to ordinary
/// stores; the copy engine overtakes them (native/NOTES.md). An exponential has no sign, which
/// compilers do not know: through it the barrier's address depends on the bits. A proxy fence does
/// the same and takes longer.
__device__ __forceinline__ void barrier_arrive_after(uint32_t bits, uint32_t barrier) {
  float exponential;
  asm volatile("ex2.approx.ftz.f32 %0, %1;" : "=f"(exponential) : "f"(__uint_as_float(bits)));
  barrier_arrive(barrier + (__float_as_uint(exponential) >> 31));
}

/// Arrives, and announces bytes that bulk copies will bring in this phase.
__device__ __forceinline__ void barrier_arrive_expecting(uint32_t barrier, uint32_t num_bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier),
               "r"(num_bytes)
               : "memory");
}

/// Announces bytes that bulk copies will bring in this phase, whose arrival is still to come.
__device__ __forceinline__ void barrier_expect(uint32_t barrier, uint32_t num_bytes) {
  asm volatile("mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%0], %1;" ::"r"(barrier),
               "r"(num_bytes)
               : "memory");
}

/// Waits until the phase of the given parity has completed.
__device__ __forceinline__ void barrier_wait(uint32_t barrier, uint32_t parity) {
  uint32_t done = 0;
  while (done == 0) {
    asm volatile(
        "{\n"
        ".reg .pred complete;\n"
        "mbarrier.try_wait.parity.shared::cta.b64 complete, [%1], %2;\n"
        "selp.u32 %0, 1, 0, complete;\n"
        "}\n"
        : "=r"(done)
        : "r"(barrier), "r"(parity)
        : "memory");
  }
}

__device__ __forceinline__ void prefetch_to_l2(const void* address) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(__cvta_generic_to_global(address)));
}

/// Brings `num_bytes`, a multiple of 16, to L2.
__device__ __forceinline__ void bulk_prefetch_to_l2(const void* source, uint32_t num_bytes) {
  asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(__cvta_generic_to_global(source)),
               "r"(num_bytes)
               : "memory");
}

/// Queues a copy from global to shared memory that completes on `barrier`.
///
/// Both addresses and `num_bytes` are multiples of 16.
__device__ __forceinline__ void bulk_copy(uint32_t target, const void* source, uint32_t num_bytes,
                                          uint32_t barrier, uint64_t policy) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint "
      "[%0], [%1], %2, [%3], %4;" ::"r"(target),
      "l"(__cvta_generic_to_global(source)), "r"(num_bytes), "r"(barrier), "l"(policy)
      : "memory");
}

/// Queues a copy of one box of a map (tile_map.h) that completes on `barrier`.
///
/// The box starts at that dim, token, KV head and block; `target` is a multiple of 1024.
__device__ __forceinline__ void tile_copy(uint32_t target, const CUtensorMap* map, int32_t dim,
                                          int32_t token, int32_t kv_head_idx, int32_t block_id,
                                          uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%2, %3, %4, %5}], [%6];" ::"r"(target),
      "l"(map), "r"(dim), "r"(token), "r"(kv_head_idx), "r"(block_id), "r"(barrier)
      : "memory");
}

}  // namespace pagoda

#endif
