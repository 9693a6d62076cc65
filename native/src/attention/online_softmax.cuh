// Scores, their exponentials, and how two partial results become one. Base 2 throughout.
#ifndef PAGODA_ATTENTION_ONLINE_SOFTMAX_CUH
#define PAGODA_ATTENTION_ONLINE_SOFTMAX_CUH

#include <cmath>
#include <cstdint>

#include "device/special_functions.cuh"

namespace pagoda {

constexpr float kLog2E = 1.4426950408889634f;
constexpr float kLn2 = 0.6931471805599453f;

__device__ __forceinline__ float minus_infinity() { return __int_as_float(0xff800000); }

/// How much a result with maximum `old_maximum` shrinks when the maximum becomes `new_maximum`.
///
/// Two empty results stay as they are instead of becoming NaN.
__device__ __forceinline__ float rescale_factor(float old_maximum, float new_maximum) {
  return new_maximum == minus_infinity() ? 1.0f : exp2f(old_maximum - new_maximum);
}

/// What turns a row's weighted sum of values into its output, and the row's LSE.
struct RowEnd {
  float factor;
  float lse;
};

/// Ends a row from its maximum (base 2), the sum of its exponentials and its sink, if any.
///
/// A row that saw nothing gives zeros and the sink, or minus infinity.
__device__ __forceinline__ RowEnd end_row(float maximum, float sum, const float* maybe_sink) {
  if (maybe_sink != nullptr) {
    const float sink_log2 = *maybe_sink * kLog2E;
    const float with_sink = fmaxf(maximum, sink_log2);
    const float shrink = exp2f(maximum - with_sink);
    const float total = sum * shrink + exp2f(sink_log2 - with_sink);
    return {shrink / total, (with_sink + log2f(total)) * kLn2};
  }
  if (maximum == minus_infinity()) {
    return {0.0f, minus_infinity()};
  }
  return {1.0f / sum, (maximum + log2f(sum)) * kLn2};
}

}  // namespace pagoda

#endif
