// Paged decode for Hopper: bulk copies fill a ring of tiles, matrix instructions empty it.
#ifndef PAGODA_ATTENTION_SM90_PAGED_DECODE_CUH
#define PAGODA_ATTENTION_SM90_PAGED_DECODE_CUH

#include <algorithm>

#include "attention/paged_decode.h"
#include "attention/sm90_decode_consumer.cuh"
#include "attention/sm90_decode_producer.cuh"
#include "attention/sm90_decode_ring.cuh"
#include "device/shared_memory.cuh"

namespace pagoda {

/// Attends with one query row per sequence over keys and values in blocks.
///
/// Launch    any grid (more CTAs than the device holds only wait), CTA kThreads, shared_bytes()
/// Roles     warp 4 walks the work list and queues bulk copies of one granule each, and of the
///           queries; warps 0 to 3 take 16 tokens of every unit, each with a softmax state of its
///           own
/// Reads     queries, block tables, context lengths, visible tokens; of a granule that holds one
///           visible token all its tokens, which may be NaN
/// Writes    output and LSE of every sequence; counters, which it leaves 0
/// Requires  key and value head dim kHeadDim; granules inside blocks; rows on 16 bytes
/// Numerics  products of 16-bit elements in FP32; probabilities rounded to KvType; base 2 inside;
///           an empty context yields zeros and minus infinity (or the sink)
/// Moves     2 * tokens * num_kv_heads * kHeadDim * 2 bytes; bound by memory bandwidth
template <typename KvType, int kHeadDim, int kQueryTiles>
__global__ void __launch_bounds__(Sm90Decode<kHeadDim, kQueryTiles>::kThreads,
                                  Sm90Decode<kHeadDim, kQueryTiles>::kMinCtas)
    sm90_paged_decode_kernel(const __grid_constant__ DecodeParams params) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  using Shape = Sm90Decode<kHeadDim, kQueryTiles>;
  PAGODA_CTA_SHARED_MEMORY(shared);
  DecodeRing<Shape> ring(params, shared);
  if (threadIdx.x == 0) {
    ring.init_barriers();
  }
  __syncthreads();
  if (threadIdx.x / 32 == Shape::kConsumerWarps) {
    DecodeProducer<KvType, Shape>(params, ring).run();
  } else {
    DecodeConsumer<KvType, kHeadDim, kQueryTiles>(params, ring).run();
  }
#endif
}

constexpr int64_t kFewItems = 32;
constexpr int32_t kSaturatingBytes = 100 << 10;

template <typename KvType, int kHeadDim, int kQueryTiles>
cudaError_t launch_sm90_paged_decode_tiles(DecodeParams params, const DecodeTuning& tuning,
                                           const LaunchDevice& device, cudaStream_t stream) {
  using Shape = Sm90Decode<kHeadDim, kQueryTiles>;
  params.tile_rows = Shape::kTileRows;
  params.tiles_per_group = (params.group_size + Shape::kTileRows - 1) / Shape::kTileRows;
  params.granule_tokens = params.block_size % 16 == 0 ? 16 : 8;
  params.slot_bytes = Shape::slot_bytes(params.granule_tokens);
  params.min_granules = tuning.min_granules > 0 ? tuning.min_granules : 4;
  params.num_stripes = params.num_kv_heads * params.tiles_per_group;
  // Few sequences are split into many parts, whose merging takes longer than a second CTA saves.
  const bool is_small = int64_t{params.num_seqs} * params.num_stripes <= kFewItems;
  const int32_t chosen_ctas = is_small ? 1 : std::min(2, Shape::kMinCtas);
  const int32_t ctas_per_multiprocessor =
      tuning.ctas_per_multiprocessor > 0
          ? std::min(tuning.ctas_per_multiprocessor, kMaxDecodeCtasPerMultiprocessor)
          : chosen_ctas;
  const int32_t num_ctas = device.num_multiprocessors * ctas_per_multiprocessor;
  params.max_parts = std::max(1, num_ctas / params.num_stripes);
  const int32_t room = std::min(device.shared_bytes_per_multiprocessor / ctas_per_multiprocessor -
                                    device.reserved_shared_bytes_per_cta,
                                device.most_shared_bytes_per_cta);
  // About 100 KB in flight per multiprocessor saturate DRAM; more makes every answer slower.
  const int32_t saturating =
      std::max(3, kSaturatingBytes / (ctas_per_multiprocessor * params.slot_bytes));
  params.num_slots =
      std::min(tuning.num_slots > 0 ? tuning.num_slots : saturating, Shape::kMaxSlots);
  while (params.num_slots > 2 && Shape::shared_bytes(params.num_slots, params.slot_bytes) > room) {
    --params.num_slots;
  }
  const int32_t shared_bytes = Shape::shared_bytes(params.num_slots, params.slot_bytes);
  if (params.num_slots < 2 || shared_bytes > room) {
    return cudaErrorInvalidConfiguration;
  }
  const auto kernel = sm90_paged_decode_kernel<KvType, kHeadDim, kQueryTiles>;
  const cudaError_t answer =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes);
  if (answer != cudaSuccess) {
    return answer;
  }
  cudaLaunchAttribute overlap{};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(num_ctas);
  config.blockDim = dim3(Shape::kThreads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  config.attrs = &overlap;
  config.numAttrs = 1;
  return cudaLaunchKernelEx(&config, kernel, params);
}

template <typename KvType, int kHeadDim>
cudaError_t launch_sm90_paged_decode(const DecodeParams& params, const DecodeTuning& tuning,
                                     const LaunchDevice& device, cudaStream_t stream) {
  return params.group_size <= 8
             ? launch_sm90_paged_decode_tiles<KvType, kHeadDim, 1>(params, tuning, device, stream)
             : launch_sm90_paged_decode_tiles<KvType, kHeadDim, 2>(params, tuning, device, stream);
}

}  // namespace pagoda

#endif
