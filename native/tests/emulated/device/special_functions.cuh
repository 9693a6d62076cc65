// What src/device/special_functions.cuh does, emulated.
#pragma once

#include <cmath>

namespace pagoda {

inline float exp2_approximate(float x) { return exp2f(x); }

}  // namespace pagoda
