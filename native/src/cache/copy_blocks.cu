#include "cache/copy_blocks.h"

#include <algorithm>

namespace pagoda {

/// Overwrites target blocks with source blocks, a chunk of kThreads * kVectors * 16 bytes at a time.
///
/// Launch    any grid, CTA kThreads, no shared memory
/// Reads     params.copies, the source blocks
/// Writes    the target blocks
/// Requires  block_bytes % 16 == 0; ids in range; targets distinct and none of them a source,
///           because CTAs run in any order and do not synchronise
/// Moves     2 * num_copies * block_bytes bytes; bound by the slower memory's bandwidth
template <int kThreads, int kVectors>
__global__ void __launch_bounds__(kThreads)
    copy_blocks_kernel(const __grid_constant__ CopyBlocksParams params) {
  const int64_t vectors_per_block = params.block_bytes / static_cast<int64_t>(sizeof(uint4));
  for (int64_t chunk = blockIdx.x; chunk < params.num_chunks; chunk += gridDim.x) {
    const int64_t copy_idx = chunk / params.chunks_per_block;
    const BlockCopy copy = params.copies[copy_idx];
    const int64_t first =
        (chunk - copy_idx * params.chunks_per_block) * (kThreads * kVectors) + threadIdx.x;
    // Byte offsets are 64-bit: a pool passes 2 GiB long before a block id is large.
    const auto* source = reinterpret_cast<const uint4*>(params.source_pool +
                                                        copy.source_block * params.block_bytes);
    auto* target =
        reinterpret_cast<uint4*>(params.target_pool + copy.target_block * params.block_bytes);
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
        __stcs(target + first + i * kThreads, vectors[i]);
      }
    }
  }
}

namespace {

template <int kThreads, int kVectors>
cudaError_t launch(CopyBlocksParams params, int32_t num_copies, int64_t most_ctas,
                   cudaStream_t stream) {
  constexpr int64_t kChunkBytes = int64_t{kThreads} * kVectors * sizeof(uint4);
  params.chunks_per_block = (params.block_bytes + kChunkBytes - 1) / kChunkBytes;
  params.num_chunks = num_copies * params.chunks_per_block;
  const auto num_ctas = static_cast<uint32_t>(std::min(params.num_chunks, most_ctas));
  copy_blocks_kernel<kThreads, kVectors><<<num_ctas, kThreads, 0, stream>>>(params);
  return cudaGetLastError();
}

}  // namespace

cudaError_t launch_copy_blocks(CopyBlocksParams params, int32_t num_copies, cudaStream_t stream) {
  return launch<1024, 4>(params, num_copies, 1 << 30, stream);
}

cudaError_t launch_swap_blocks(CopyBlocksParams params, int32_t num_copies, cudaStream_t stream) {
  constexpr int64_t kCtas = 8;
  return launch<512, 4>(params, num_copies, kCtas, stream);
}

}  // namespace pagoda
