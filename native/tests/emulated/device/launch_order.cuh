// What src/device/launch_order.cuh does, emulated.
#pragma once

#include "device_language.h"

/// Compilers of hosts have no reason to move what the macro is about.
#define PAGODA_COMPUTED_BY_NOW(first, second, number) static_cast<void>(0)

namespace pagoda {

inline void wait_for_earlier_launches() { emulated::wait_for_earlier_launches(); }
inline void let_later_launches_start() { emulated::let_later_launches_start(); }

}  // namespace pagoda
