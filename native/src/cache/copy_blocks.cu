#include <algorithm>

#include "cache/copy_blocks.h"
#include "device/cache_policy.cuh"

namespace pagoda {

/// Overwrites target blocks with source blocks, kThreads * kVectors * 16 bytes at a time.
///
/// Launch    any grid: x strides over the chunks of a block, y over the copies; CTA kThreads, no
///           shared memory
/// Reads     params.copies, the source blocks
/// Writes    the target blocks
/// Requires  block_bytes % 16 == 0; ids in range; targets distinct and none of them a source,
///           because CTAs run in any order and do not synchronise
/// Moves     2 * num_copies * block_bytes bytes; bound by the slower memory's bandwidth
template <int kThreads, int kVectors>
__global__ void __launch_bounds__(kThreads, 2048 / kThreads)
    copy_blocks_kernel(const __grid_constant__ CopyBlocksParams params) {
  const uint64_t policy = evict_first_policy();
  const int64_t vectors_per_block = params.block_bytes / static_cast<int64_t>(sizeof(uint4));
  for (int64_t copy_idx = blockIdx.y; copy_idx < params.num_copies; copy_idx += gridDim.y) {
    const BlockCopy copy = params.copies[copy_idx];
    // Byte offsets are 64-bit: a pool passes 2 GiB long before a block id is large.
    const auto* source =
        reinterpret_cast<const uint4*>(params.source_pool + copy.source_block * params.block_bytes);
    auto* target =
        reinterpret_cast<uint4*>(params.target_pool + copy.target_block * params.block_bytes);
    for (int64_t first = int64_t{blockIdx.x} * (kThreads * kVectors) + threadIdx.x;
         first < vectors_per_block; first += int64_t{gridDim.x} * (kThreads * kVectors)) {
      uint4 vectors[kVectors];
#pragma unroll
      for (int i = 0; i < kVectors; ++i) {
        if (first + i * kThreads < vectors_per_block) {
          vectors[i] = __ldcs(source + first + i * kThreads);
        }
      }
#pragma unroll
      for (int i = 0; i < kVectors; ++i) {
        if (first + i * kThreads < vectors_per_block) {
          store_with_policy(target + first + i * kThreads, vectors[i], policy);
        }
      }
    }
  }
}

namespace {

/// Most CTAs of a launch, and how many of them may share a block.
struct CopyGrid {
  int64_t most_ctas_per_block;
  int64_t most_rows;
};

template <int kThreads, int kVectors>
cudaError_t launch(const CopyBlocksParams& params, const CopyGrid& grid, cudaStream_t stream) {
  constexpr int64_t kChunkBytes = int64_t{kThreads} * kVectors * sizeof(uint4);
  const int64_t chunks_per_block = (params.block_bytes + kChunkBytes - 1) / kChunkBytes;
  const dim3 ctas(static_cast<uint32_t>(std::min(chunks_per_block, grid.most_ctas_per_block)),
                  static_cast<uint32_t>(std::min(params.num_copies, grid.most_rows)));
  copy_blocks_kernel<kThreads, kVectors><<<ctas, kThreads, 0, stream>>>(params);
  return cudaGetLastError();
}

}  // namespace

cudaError_t launch_copy_blocks(const CopyBlocksParams& params, cudaStream_t stream) {
  return launch<1024, 4>(params, {1 << 30, 65535}, stream);
}

cudaError_t launch_swap_blocks(const CopyBlocksParams& params, cudaStream_t stream) {
  return launch<512, 4>(params, {2, 4}, stream);
}

}  // namespace pagoda
