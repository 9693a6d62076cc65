// What src/device/counter.cuh does, emulated.
#pragma once

#include <cstdint>

#include "machine.h"

namespace pagoda {

inline uint32_t count_up_to(uint32_t* counter, uint32_t last) {
  return emulated::count_up_to(counter, last);
}

}  // namespace pagoda
