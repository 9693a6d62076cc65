// What src/device/cache_policy.cuh does, emulated: nothing is cached.
#pragma once

#include <cstdint>

#include "device_language.h"

namespace pagoda {

inline uint64_t evict_first_policy() { return 0; }

inline void store_with_policy(uint4* target, const uint4& vector, uint64_t) {
  emulated::check_global(target, sizeof *target, "a store");
  *target = vector;
}

}  // namespace pagoda
