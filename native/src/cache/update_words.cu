#include <algorithm>

#include "cache/update_words.h"

namespace pagoda {

/// Spreads runs of words over the target.
///
/// Launch    grid: x over the runs, y over the words of a run; CTA kThreads, no shared memory
/// Reads     params.delta
/// Writes    the target's words that a run names
/// Requires  runs do not overlap, because CTAs run in any order
/// Moves     2 * 4 bytes per word; bound by the launch
template <int kThreads>
__global__ void __launch_bounds__(kThreads)
    update_words_kernel(const __grid_constant__ UpdateWordsParams params) {
  const auto* runs = reinterpret_cast<const WordRun*>(params.delta);
  const auto* words = reinterpret_cast<const uint32_t*>(params.delta);
  for (int64_t run_idx = blockIdx.x; run_idx < params.num_runs; run_idx += gridDim.x) {
    const WordRun run = runs[run_idx];
    for (int32_t i = blockIdx.y * kThreads + threadIdx.x; i < run.num_words;
         i += gridDim.y * kThreads) {
      const int64_t target = run.target_word + i;
      const int64_t source = int64_t{run.source_word} + i;
      if (target >= 0 && target < params.num_target_words && source >= 0 &&
          source * 4 < params.num_bytes) {
        params.target[target] = words[source];
      }
    }
  }
}

cudaError_t launch_update_words(const UpdateWordsParams& params, cudaStream_t stream) {
  const cudaError_t copied =
      cudaMemcpyAsync(params.delta, params.staged, static_cast<size_t>(params.num_bytes),
                      cudaMemcpyHostToDevice, stream);
  if (copied != cudaSuccess) {
    cudaGetLastError();
    return copied;
  }
  constexpr int kThreads = 256;
  // Four CTAs share a long run, the slots of a prompt for instance.
  const dim3 ctas(static_cast<uint32_t>(std::min<int64_t>(params.num_runs, 65535)), 4);
  update_words_kernel<kThreads><<<ctas, kThreads, 0, stream>>>(params);
  return cudaGetLastError();
}

}  // namespace pagoda
