// What src/device/async_copy.cuh does, emulated.
#pragma once

#include <cstdint>

#include "machine.h"

namespace pagoda {

inline void async_copy(uint32_t target, const void* source) {
  emulated::queue_async_copy(target, source, true);
}
inline void async_copy_or_zeros(uint32_t target, const void* source, bool is_copied) {
  emulated::queue_async_copy(target, source, is_copied);
}
inline void barrier_arrive_behind_copies(uint32_t barrier) {
  emulated::arrive_behind_async_copies(barrier);
}
inline void async_copy_end_group() { emulated::end_async_copy_group(); }
template <int kPending>
void async_copy_wait() {
  emulated::wait_for_async_copies(kPending);
}

}  // namespace pagoda
