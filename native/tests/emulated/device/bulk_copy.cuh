// What src/device/bulk_copy.cuh does, emulated.
#pragma once

#include <cstdint>

#include "machine.h"

namespace pagoda {

inline uint32_t shared_address(const void* pointer) { return emulated::shared_address(pointer); }

inline void barrier_init(uint32_t barrier, uint32_t num_arrivals) {
  emulated::transaction_init(barrier, num_arrivals);
}
inline void barrier_init_fence() { emulated::transaction_init_fence(); }
inline void barrier_arrive(uint32_t barrier) { emulated::transaction_arrive(barrier); }
inline void barrier_arrive_after(uint32_t, uint32_t barrier) {
  emulated::transaction_arrive(barrier);
}
inline void barrier_arrive_expecting(uint32_t barrier, uint32_t num_bytes) {
  emulated::transaction_expect(barrier, num_bytes);
  emulated::transaction_arrive(barrier);
}
inline void barrier_expect(uint32_t barrier, uint32_t num_bytes) {
  emulated::transaction_expect(barrier, num_bytes);
}
inline void barrier_wait(uint32_t barrier, uint32_t parity) {
  emulated::transaction_wait(barrier, parity);
}

inline void prefetch_to_l2(const void* address) {
  emulated::check_global(address, 1, "a prefetch");
}
inline void bulk_prefetch_to_l2(const void* source, uint32_t num_bytes) {
  if (reinterpret_cast<uintptr_t>(source) % 16 != 0 || num_bytes % 16 != 0) {
    emulated::fail("a prefetch of %u bytes from %p", num_bytes, source);
  }
  emulated::check_global(source, num_bytes, "a prefetch");
}
inline void bulk_copy(uint32_t target, const void* source, uint32_t num_bytes, uint32_t barrier,
                      uint64_t) {
  emulated::queue_bulk_copy(target, source, num_bytes, barrier);
}

}  // namespace pagoda
