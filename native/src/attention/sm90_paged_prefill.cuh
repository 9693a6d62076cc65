// Paged prefill for Hopper: one warpgroup copies tiles, two multiply them.
#ifndef PAGODA_ATTENTION_SM90_PAGED_PREFILL_CUH
#define PAGODA_ATTENTION_SM90_PAGED_PREFILL_CUH

#include <algorithm>

#include "attention/paged_prefill.h"
#include "attention/query_tiles.cuh"
#include "attention/sm90_prefill_consumer.cuh"
#include "attention/sm90_prefill_producer.cuh"
#include "attention/sm90_prefill_ring.cuh"
#include "attention/sm90_prefill_shape.h"
#include "device/shared_memory.cuh"
#include "device/tile_map.h"
#include "device/warpgroup_matrix.cuh"

namespace pagoda {

/// Attends with the rows of a ragged batch over keys and values in blocks.
///
/// Launch    any grid, of no more CTAs than num_grabs; CTA kThreads, kSharedBytes
/// Roles     warpgroup 0 takes query tiles on demand, those with the longest contexts of a sequence
///           first, and copies queries and tiles of tokens into two stages each; each of the others
///           has 64 rows of the query tile, and multiplies the probabilities of one tile of tokens
///           with its values while it makes those of the next
/// Reads     queries, block tables, lengths; tokens from the first that a row of the tile sees to
///           the end of the context, and no others
/// Writes    output and LSE of every row of every sequence; the counter of grabs, which it leaves 0
/// Requires  key and value head dims up to kHeadDim, multiples of 8; finite values
/// Numerics  products of 16-bit elements in FP32; probabilities rounded to KvType; base 2 inside;
///           a row that sees nothing yields zeros and minus infinity (or the sink)
/// Moves     the visible keys and values once per query tile, out of L2 but for the first time;
///           bound by matrix instructions
/// Source    the roles, and the overlap of one tile's softmax with another's products: Shah et al.,
///           "FlashAttention-3", 2024
template <typename KvType, int kHeadDim>
__global__ void __launch_bounds__(Sm90Prefill<kHeadDim>::kThreads, 1)
    sm90_paged_prefill_kernel(const __grid_constant__ PrefillParams params,
                              const __grid_constant__ PrefillMaps maps) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ == 900
#ifndef __CUDA_ARCH_FEAT_SM90_ALL
#error "matrix instructions of a warpgroup are sm_90a's alone"
#endif
  using Shape = Sm90Prefill<kHeadDim>;
  PAGODA_CTA_SHARED_MEMORY_ON(kMatrixTileAlignment, shared);
  const PrefillRing<Shape> ring(shared);
  if (threadIdx.x == 0) {
    ring.init_barriers();
  }
  __syncthreads();
  const int warpgroup = threadIdx.x / Shape::kWarpgroupThreads;
  if (warpgroup == 0) {
    give_up_registers<Shape::kProducerRegisters>();
    PrefillProducer<KvType, Shape>(params, maps, ring).run();
  } else {
    take_registers<Shape::kConsumerRegisters>();
    PrefillConsumer<KvType, kHeadDim>(params, ring, warpgroup - 1).run();
  }
#endif
}

/// Boxes are whole runs of a warp's tokens in one block; other block sizes do without maps.
inline PrefillMaps maps_of(const PrefillParams& params) {
  constexpr int32_t kWarpTokens = 32;
  PrefillMaps maps{};
  const int32_t box_tokens = std::min(params.block_size, kWarpTokens);
  if (kWarpTokens % box_tokens != 0 || params.block_size % box_tokens != 0 || box_tokens < 8) {
    return maps;
  }
  MappedTiles tiles{};
  tiles.block_bytes = params.block_bytes;
  tiles.num_blocks = params.num_blocks;
  tiles.num_kv_heads = params.num_kv_heads;
  tiles.block_size = params.block_size;
  tiles.box_tokens = box_tokens;
  MappedTiles keys = tiles;
  keys.first = params.pool + params.key_base_bytes;
  keys.tile_bytes = params.key_tile_bytes;
  keys.head_dim = params.key_head_dim;
  MappedTiles values = tiles;
  values.first = params.pool + params.value_base_bytes;
  values.tile_bytes = params.value_tile_bytes;
  values.head_dim = params.value_head_dim;
  if (make_tile_map(keys, &maps.keys) == cudaSuccess &&
      make_tile_map(values, &maps.values) == cudaSuccess) {
    maps.box_tokens = box_tokens;
  }
  return maps;
}

template <typename KvType, int kHeadDim>
cudaError_t launch_sm90_paged_prefill(const PrefillParams& of_call, const LaunchDevice& device,
                                      cudaStream_t stream) {
  using Shape = Sm90Prefill<kHeadDim>;
  PrefillParams params = of_call;
  params.tile_rows = Shape::kTileRows;
  const int64_t num_grabs = params.most_query_tiles() * params.num_kv_heads;
  if (num_grabs > INT32_MAX - device.num_multiprocessors) {
    return cudaErrorInvalidConfiguration;
  }
  const auto kernel = sm90_paged_prefill_kernel<KvType, kHeadDim>;
  const cudaError_t answer = cudaFuncSetAttribute(
      kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, Shape::kSharedBytes);
  if (answer != cudaSuccess) {
    return answer;
  }
  const auto num_ctas =
      static_cast<uint32_t>(std::min<int64_t>(device.num_multiprocessors, num_grabs));
  kernel<<<num_ctas, Shape::kThreads, Shape::kSharedBytes, stream>>>(params, maps_of(params));
  return cudaGetLastError();
}

}  // namespace pagoda

#endif
