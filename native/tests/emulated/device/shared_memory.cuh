// What src/device/shared_memory.cuh does, emulated.
#pragma once

#include "machine.h"

#define PAGODA_CTA_SHARED_MEMORY(name) char* const name = emulated::cta_shared_memory()
#define PAGODA_CTA_SHARED_MEMORY_ON(alignment, name) PAGODA_CTA_SHARED_MEMORY(name)

namespace pagoda {

template <int kBarrier, int kThreads>
void named_barrier_sync() {
  emulated::cta_barrier(kBarrier, kThreads);
}

template <int kThreads>
void named_barrier_sync(int barrier) {
  emulated::cta_barrier(barrier, kThreads);
}
template <int kThreads>
void named_barrier_arrive(int barrier) {
  emulated::cta_barrier_arrive(barrier, kThreads);
}

}  // namespace pagoda
