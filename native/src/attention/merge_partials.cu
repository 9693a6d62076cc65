#include <algorithm>

#include "attention/merge_partials.h"
#include "device/elements.cuh"

namespace pagoda {

/// Merges the partial results of one row per warp.
///
/// Launch    any grid, warps stride over the rows; CTA kThreads, no shared memory
/// Reads     partial outputs whose LSE is not minus infinity, every partial LSE
/// Writes    output, and LSE if wanted
/// Requires  nothing beyond the shapes
/// Moves     (num_partials + 1) * num_rows * head_dim elements; bound by memory bandwidth
/// Numerics  FP32, natural logarithm, parts in order; no part at all yields zeros and -infinity
/// Result in global memory
template <int kThreads>
__global__ void __launch_bounds__(kThreads)
    merge_partials_kernel(const __grid_constant__ MergePartialsParams params) {
  constexpr int kWarpSize = 32;
  const int lane = threadIdx.x % kWarpSize;
  const int64_t num_warps = int64_t{gridDim.x} * (kThreads / kWarpSize);
  const int64_t first_row = int64_t{blockIdx.x} * (kThreads / kWarpSize) + threadIdx.x / kWarpSize;
  for (int64_t row = first_row; row < params.num_rows; row += num_warps) {
    float most = -INFINITY;
    for (int32_t part = 0; part < params.num_partials; ++part) {
      most = fmaxf(most, params.partial_lse[int64_t{part} * params.num_rows + row]);
    }
    float sum = 0.0f;
    if (most > -INFINITY) {
      for (int32_t part = 0; part < params.num_partials; ++part) {
        sum += expf(params.partial_lse[int64_t{part} * params.num_rows + row] - most);
      }
    }
    for (int32_t dim = lane; dim < params.head_dim; dim += kWarpSize) {
      float merged = 0.0f;
      for (int32_t part = 0; part < params.num_partials; ++part) {
        const int64_t part_row = int64_t{part} * params.num_rows + row;
        const float lse = params.partial_lse[part_row];
        // A weight of zero times NaN would be NaN.
        if (lse > -INFINITY) {
          merged += expf(lse - most) / sum *
                    load_element(params.partial_outputs, params.row_dtype,
                                 part_row * params.head_dim + dim);
        }
      }
      store_element(params.output, params.row_dtype, row * params.head_dim + dim, merged);
    }
    if (lane == 0 && params.maybe_lse != nullptr) {
      params.maybe_lse[row] = most > -INFINITY ? most + logf(sum) : -INFINITY;
    }
  }
}

cudaError_t launch_merge_partials(const MergePartialsParams& params, cudaStream_t stream) {
  constexpr int kThreads = 128;
  const int64_t ctas = (int64_t{params.num_rows} + 3) / 4;
  merge_partials_kernel<kThreads>
      <<<static_cast<uint32_t>(std::min<int64_t>(ctas, 1 << 20)), kThreads, 0, stream>>>(params);
  return cudaGetLastError();
}

}  // namespace pagoda
