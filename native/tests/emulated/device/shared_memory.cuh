// What src/device/shared_memory.cuh does, emulated.
#pragma once

#include "machine.h"

#define PAGODA_CTA_SHARED_MEMORY(name) char* const name = emulated::cta_shared_memory()

namespace pagoda {

template <int kBarrier, int kThreads>
void named_barrier_sync() {
  emulated::cta_barrier(kBarrier, kThreads);
}

}  // namespace pagoda
