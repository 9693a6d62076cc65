// Paged prefill on tensor cores: asynchronous copies fill two stages of tiles in turn.
#ifndef PAGODA_ATTENTION_SM80_PAGED_PREFILL_CUH
#define PAGODA_ATTENTION_SM80_PAGED_PREFILL_CUH

#include <algorithm>
#include <type_traits>

#include "attention/online_softmax.cuh"
#include "attention/paged_prefill.h"
#include "attention/query_tiles.cuh"
#include "attention/sm80_prefill_shape.h"
#include "device/async_copy.cuh"
#include "device/elements.cuh"
#include "device/shared_memory.cuh"
#include "device/tensor_core.cuh"

namespace pagoda {

/// Where a token's key and value rows lie, in bytes from those of slot 0 of block 0.
struct alignas(16) TokenOffsets {
  int64_t key;
  int64_t value;
};

/// Attends with the rows of a ragged batch over keys and values in blocks.
///
/// Launch    one CTA per query tile and KV head that a batch of these sizes may have, KV head
///           fastest; CTA 128, kSharedBytes
/// Roles     every warp has kWarpRows rows of the tile and sees all tokens; all threads copy
/// Reads     queries, block tables, lengths, tokens that a row of the tile sees and no others
/// Writes    output and LSE of every row of every sequence
/// Requires  key and value head dims up to kHeadDim, multiples of 8; finite values
/// Numerics  products of 16-bit elements in FP32; probabilities rounded to KvType; base 2 inside;
///           a row that sees nothing yields zeros and minus infinity (or the sink)
/// Moves     the visible keys and values once per query tile, out of L2 but for the first time;
///           bound by matrix instructions
template <typename KvType, int kHeadDim, int kRowTiles>
__global__ void __launch_bounds__(Sm80Prefill<kHeadDim, kRowTiles>::kThreads, 2)
    sm80_paged_prefill_kernel(const __grid_constant__ PrefillParams params) {
  using Shape = Sm80Prefill<kHeadDim, kRowTiles>;
  constexpr int kTokens = Shape::kTileTokens;
  constexpr int kTokenTiles = kTokens / 8;
  constexpr int kDimTiles = kHeadDim / 8;
  PAGODA_CTA_SHARED_MEMORY(shared);
  char* query_rows = shared;
  char* tiles = query_rows + Shape::kQueryBytes;  // [stage][keys, values][token]
  auto* offsets = reinterpret_cast<TokenOffsets*>(tiles + 2 * Shape::kStages * Shape::kTileBytes);
  auto* row_positions = reinterpret_cast<int32_t*>(offsets + Shape::kStages * kTokens);
  auto* row_slopes_log2 = reinterpret_cast<float*>(row_positions + Shape::kTileRows);

  const int warp = threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  const int group = lane / 4;
  const int member = lane % 4;
  const auto kv_head_idx = static_cast<int32_t>(blockIdx.x % params.num_kv_heads);
  QueryTile tile;
  if (!warp_find_query_tile(params, blockIdx.x / params.num_kv_heads, &tile)) {
    return;
  }
  const auto head_of = [&](int row) {
    return kv_head_idx * params.group_size + (tile.first_row + row) % params.group_size;
  };
  const auto token_of = [&](int row) {
    return tile.first_token + (tile.first_row + row) / params.group_size;
  };

  // Tiles of tokens start at multiples of their size.
  const VisibleRange visible = tile.visible(params);
  const int first_tile = visible.begin / kTokens;
  const int end_tile =
      visible.end > visible.begin ? (visible.end + kTokens - 1) / kTokens : first_tile;
  const int32_t* table = params.block_tables + tile.seq_idx * params.block_table_stride;
  const char* keys = params.pool + params.key_base_bytes + kv_head_idx * params.key_tile_bytes;
  const char* values =
      params.pool + params.value_base_bytes + kv_head_idx * params.value_tile_bytes;
  const int key_chunks = params.key_head_dim / 8;
  const int value_chunks = params.value_head_dim / 8;

  // Each of the first kTokens threads looks up one token of the tile that is copied next but one.
  const auto is_looked_up = [&](int token_tile) {
    const int position = token_tile * kTokens + static_cast<int>(threadIdx.x);
    return static_cast<int>(threadIdx.x) < kTokens && position >= visible.begin &&
           position < visible.end;
  };
  const auto block_id_of = [&](int token_tile) {
    const int position = token_tile * kTokens + static_cast<int>(threadIdx.x);
    return is_looked_up(token_tile) ? table[position / params.block_size] : -1;
  };
  const auto store_offsets = [&](int token_tile, int stage, int32_t block_id) {
    if (static_cast<int>(threadIdx.x) >= kTokens) {
      return;
    }
    const int position = token_tile * kTokens + static_cast<int>(threadIdx.x);
    const int in_block = position % params.block_size;
    TokenOffsets of_token{-1, -1};
    if (is_looked_up(token_tile)) {
      of_token.key = block_id * params.block_bytes + int64_t{in_block} * key_chunks * 16;
      of_token.value = block_id * params.block_bytes + int64_t{in_block} * value_chunks * 16;
    }
    offsets[stage * kTokens + threadIdx.x] = of_token;
  };
  const bool has_all_chunks = key_chunks == Shape::kChunks && value_chunks == Shape::kChunks;
  const auto copy_tile = [&](int token_tile, int stage) {
    constexpr int kCopies = kTokens * Shape::kChunks / Shape::kThreads;
    static_assert(kCopies * Shape::kThreads == kTokens * Shape::kChunks);
    const uint32_t target =
        static_cast<uint32_t>(__cvta_generic_to_shared(tiles + stage * 2 * Shape::kTileBytes));
    const auto for_each_chunk = [&](auto body) {
#pragma unroll
      for (int i = 0; i < kCopies; ++i) {
        const int copy = threadIdx.x + i * Shape::kThreads;
        const int token = copy / Shape::kChunks;
        const int chunk = copy % Shape::kChunks;
        body(target + token * Shape::kPitch + chunk * 16, offsets[stage * kTokens + token], chunk);
      }
    };
    if (has_all_chunks && token_tile * kTokens >= visible.begin &&
        (token_tile + 1) * kTokens <= visible.end) {
      for_each_chunk([&](uint32_t place, TokenOffsets offset, int chunk) {
        async_copy(place, keys + offset.key + chunk * 16);
        async_copy(place + Shape::kTileBytes, values + offset.value + chunk * 16);
      });
    } else {
      // Tokens that no row of the tile sees become zeros: what lies in their slots may be NaN.
      for_each_chunk([&](uint32_t place, TokenOffsets offset, int chunk) {
        const bool has_key = offset.key >= 0 && chunk < key_chunks;
        const bool has_value = offset.value >= 0 && chunk < value_chunks;
        async_copy_or_zeros(place, has_key ? keys + offset.key + chunk * 16 : keys, has_key);
        async_copy_or_zeros(place + Shape::kTileBytes,
                            has_value ? values + offset.value + chunk * 16 : values, has_value);
      });
    }
    async_copy_end_group();
  };
  const int32_t first_ids[2] = {block_id_of(first_tile), block_id_of(first_tile + 1)};
  constexpr DType kKvDType = std::is_same_v<KvType, __half> ? DType::kFp16 : DType::kBf16;
  const bool queries_are_vectors = params.row_dtype == kKvDType &&
                                   params.query_row_stride_bytes % 16 == 0 &&
                                   reinterpret_cast<uintptr_t>(params.queries) % 16 == 0;
#pragma unroll 4
  for (int i = threadIdx.x; i < Shape::kTileRows * Shape::kChunks; i += Shape::kThreads) {
    const int row = i / Shape::kChunks;
    const int chunk = i % Shape::kChunks;
    char* place = query_rows + row * Shape::kPitch + chunk * 16;
    const bool is_there = row < tile.num_rows && chunk < key_chunks;
    const char* token_queries =
        static_cast<const char*>(params.queries) + token_of(row) * params.query_row_stride_bytes;
    const int64_t first = int64_t{head_of(row)} * params.key_head_dim + chunk * 8;
    if (queries_are_vectors) {
      async_copy_or_zeros(static_cast<uint32_t>(__cvta_generic_to_shared(place)),
                          is_there ? token_queries + 2 * first : params.queries, is_there);
    } else {
      uint32_t pairs[4] = {};
      if (is_there) {
#pragma unroll
        for (int pair = 0; pair < 4; ++pair) {
          pairs[pair] = pack_pair<KvType>(
              load_element(token_queries, params.row_dtype, first + 2 * pair),
              load_element(token_queries, params.row_dtype, first + 2 * pair + 1));
        }
      }
      *reinterpret_cast<uint4*>(place) = make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]);
    }
  }
  for (int row = threadIdx.x; row < Shape::kTileRows; row += Shape::kThreads) {
    row_positions[row] = tile.position_of(params, min(row, tile.num_rows - 1));
    row_slopes_log2[row] = params.maybe_alibi_slopes == nullptr || row >= tile.num_rows
                               ? 0.0f
                               : params.maybe_alibi_slopes[head_of(row)] * kLog2E;
  }
  store_offsets(first_tile, 0, first_ids[0]);
  store_offsets(first_tile + 1, 1, first_ids[1]);
  __syncthreads();
  if (first_tile < end_tile) {
    copy_tile(first_tile, 0);
  }

  const int warp_row = warp * Shape::kWarpRows;
  // What the first row of the warp sees up to, and the last from: tiles between need no mask.
  const bool has_rows = warp_row < tile.num_rows;
  const VisibleRange of_first = tile.visible_from(params, row_positions[warp_row]);
  const VisibleRange of_last =
      tile.visible_from(params, row_positions[warp_row + Shape::kWarpRows - 1]);
  const bool is_plain = params.logit_soft_cap == 0.0f && params.maybe_alibi_slopes == nullptr &&
                        params.softmax_scale > 0.0f;
  // Plain scores stay products: their factor goes into the exponent.
  const float factor = is_plain ? params.softmax_scale * kLog2E : 1.0f;

  float rows[kRowTiles][kDimTiles][4] = {};  // of the output, not yet divided
  float maxima[kRowTiles][2];                // base 2
  float sums[kRowTiles][2] = {};             // of this lane's tokens alone
#pragma unroll
  for (int m = 0; m < kRowTiles; ++m) {
    maxima[m][0] = maxima[m][1] = minus_infinity();
  }
  const uint32_t query_lane = static_cast<uint32_t>(__cvta_generic_to_shared(query_rows)) +
                              (warp_row + lane % 16) * Shape::kPitch + lane / 16 * 16;
  const uint32_t tiles_address = static_cast<uint32_t>(__cvta_generic_to_shared(tiles));
  const uint32_t key_lane = (lane / 16 * 8 + lane % 8) * Shape::kPitch + lane / 8 % 2 * 16;
  const uint32_t value_lane =
      Shape::kTileBytes + (lane / 8 % 2 * 8 + lane % 8) * Shape::kPitch + lane / 16 * 16;

  for (int token_tile = first_tile; token_tile < end_tile; ++token_tile) {
    const int stage = (token_tile - first_tile) % 2;
    async_copy_wait<0>();
    __syncthreads();
    if (token_tile + 1 < end_tile) {
      copy_tile(token_tile + 1, stage ^ 1);
    }
    const int32_t next_block_id = block_id_of(token_tile + 2);
    const int first_token = token_tile * kTokens;
    const uint32_t stage_address = tiles_address + stage * 2 * Shape::kTileBytes;
    if (has_rows && first_token < of_last.end && first_token + kTokens > of_first.begin) {
      float scores[kRowTiles][kTokenTiles][4] = {};
#pragma unroll
      for (int step = 0; step < kHeadDim / 16; ++step) {
        uint32_t queries[kRowTiles][4];
#pragma unroll
        for (int m = 0; m < kRowTiles; ++m) {
          load_matrices(queries[m], query_lane + m * 16 * Shape::kPitch + step * 32);
        }
#pragma unroll
        for (int pair = 0; pair < kTokenTiles / 2; ++pair) {
          uint32_t loaded[4];
          load_matrices(loaded, stage_address + key_lane + pair * 16 * Shape::kPitch + step * 32);
#pragma unroll
          for (int m = 0; m < kRowTiles; ++m) {
            multiply_accumulate<KvType>(scores[m][2 * pair], queries[m], loaded[0], loaded[1]);
            multiply_accumulate<KvType>(scores[m][2 * pair + 1], queries[m], loaded[2], loaded[3]);
          }
        }
      }

      if (!is_plain) {
#pragma unroll
        for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const int row = warp_row + m * 16 + group + i / 2 * 8;
            const float slope_log2 = row_slopes_log2[row];
            const int distance = first_token + 2 * member + i % 2 - row_positions[row];
#pragma unroll
            for (int n = 0; n < kTokenTiles; ++n) {
              float score = scores[m][n][i] * params.softmax_scale;
              if (params.logit_soft_cap > 0.0f) {
                score = params.logit_soft_cap * tanhf(score / params.logit_soft_cap);
              }
              scores[m][n][i] =
                  fmaf(slope_log2, static_cast<float>(distance + n * 8), score * kLog2E);
            }
          }
        }
      }
      if (first_token < of_last.begin || first_token + kTokens > of_first.end) {
#pragma unroll
        for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            const VisibleRange seen =
                tile.visible_from(params, row_positions[warp_row + m * 16 + group + half * 8]);
            const int begin = seen.begin - first_token - 2 * member;
            const int end = seen.end - first_token - 2 * member;
#pragma unroll
            for (int n = 0; n < kTokenTiles; ++n) {
#pragma unroll
              for (int i = 0; i < 2; ++i) {
                if (n * 8 + i < begin || n * 8 + i >= end) {
                  scores[m][n][half * 2 + i] = minus_infinity();
                }
              }
            }
          }
        }
      }

      float tile_maxima[kRowTiles][2];
      bool rises = false;
#pragma unroll
      for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          float maximum = minus_infinity();
#pragma unroll
          for (int n = 0; n < kTokenTiles; ++n) {
            maximum = fmaxf(maximum, fmaxf(scores[m][n][half * 2], scores[m][n][half * 2 + 1]));
          }
          tile_maxima[m][half] = maximum * factor;
          // Up to 2^8 above the reference is no danger to a sum in FP32, nor to a 16-bit element.
          rises |= tile_maxima[m][half] > maxima[m][half] + 8.0f;
        }
      }
      if (__any_sync(kEveryLane, rises)) {
#pragma unroll
        for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            float maximum = fmaxf(maxima[m][half], tile_maxima[m][half]);
            maximum = fmaxf(maximum, __shfl_xor_sync(kEveryLane, maximum, 1));
            maximum = fmaxf(maximum, __shfl_xor_sync(kEveryLane, maximum, 2));
            const float shrink = rescale_factor(maxima[m][half], maximum);
            maxima[m][half] = maximum;
            sums[m][half] *= shrink;
#pragma unroll
            for (int n = 0; n < kDimTiles; ++n) {
              rows[m][n][half * 2] *= shrink;
              rows[m][n][half * 2 + 1] *= shrink;
            }
          }
        }
      }

#pragma unroll
      for (int pair = 0; pair < kTokenTiles / 2; ++pair) {
        uint32_t probabilities[kRowTiles][4];
#pragma unroll
        for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            const float reference = maxima[m][half] == minus_infinity() ? 0.0f : maxima[m][half];
#pragma unroll
            for (int odd = 0; odd < 2; ++odd) {
              const float* two = &scores[m][2 * pair + odd][half * 2];
              const float low = exp2_approximate(fmaf(two[0], factor, -reference));
              const float high = exp2_approximate(fmaf(two[1], factor, -reference));
              sums[m][half] += low + high;
              probabilities[m][odd * 2 + half] = pack_pair<KvType>(low, high);
            }
          }
        }
#pragma unroll
        for (int n = 0; n < kDimTiles / 2; ++n) {
          uint32_t loaded[4];
          load_matrices_transposed(loaded,
                                   stage_address + value_lane + pair * 16 * Shape::kPitch + n * 32);
#pragma unroll
          for (int m = 0; m < kRowTiles; ++m) {
            multiply_accumulate<KvType>(rows[m][2 * n], probabilities[m], loaded[0], loaded[1]);
            multiply_accumulate<KvType>(rows[m][2 * n + 1], probabilities[m], loaded[2], loaded[3]);
          }
        }
      }
    }
    store_offsets(token_tile + 2, stage, next_block_id);
  }

  if (first_tile >= end_tile) {
    // Nobody has waited for the queries, which would land on the rows that are left in their place.
    async_copy_end_group();
    async_copy_wait<0>();
    __syncthreads();
  }
  if (!has_rows) {
    return;
  }
  __syncwarp();
  const bool is_staged = params.row_dtype != DType::kFp32 &&
                         params.output_row_stride_bytes % 16 == 0 &&
                         reinterpret_cast<uintptr_t>(params.output) % 16 == 0;
#pragma unroll
  for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = warp_row + m * 16 + group + half * 8;
      float sum = sums[m][half];
      sum += __shfl_xor_sync(kEveryLane, sum, 1);
      sum += __shfl_xor_sync(kEveryLane, sum, 2);
      const bool is_row = row < tile.num_rows;
      const int32_t head = head_of(row);
      const RowEnd end =
          end_row(maxima[m][half], sum,
                  params.maybe_sinks == nullptr || !is_row ? nullptr : params.maybe_sinks + head);
      const int64_t token = token_of(row);
      char* token_output =
          static_cast<char*>(params.output) + token * params.output_row_stride_bytes;
      if (is_row && member == 0 && params.maybe_lse != nullptr) {
        params.maybe_lse[token * params.num_query_heads + head] = end.lse;
      }
#pragma unroll
      for (int n = 0; n < kDimTiles; ++n) {
        const float low = rows[m][n][half * 2] * end.factor;
        const float high = rows[m][n][half * 2 + 1] * end.factor;
        const int dim = n * 8 + 2 * member;
        if (is_staged) {
          // The warp's own query rows have been read for the last time.
          *reinterpret_cast<uint32_t*>(query_rows + row * Shape::kPitch + 2 * dim) =
              params.row_dtype == DType::kFp16 ? pack_pair<__half>(low, high)
                                               : pack_pair<__nv_bfloat16>(low, high);
        } else if (is_row && dim < params.value_head_dim) {
          const int64_t first = int64_t{head} * params.value_head_dim + dim;
          store_element(token_output, params.row_dtype, first, low);
          store_element(token_output, params.row_dtype, first + 1, high);
        }
      }
    }
  }
  if (is_staged) {
    __syncwarp();
    for (int i = lane; i < Shape::kWarpRows * Shape::kChunks; i += 32) {
      const int row = warp_row + i / Shape::kChunks;
      const int chunk = i % Shape::kChunks;
      if (row < tile.num_rows && chunk < value_chunks) {
        char* token_output =
            static_cast<char*>(params.output) + token_of(row) * params.output_row_stride_bytes;
        *reinterpret_cast<uint4*>(token_output +
                                  2 * (int64_t{head_of(row)} * params.value_head_dim + chunk * 8)) =
            *reinterpret_cast<const uint4*>(query_rows + row * Shape::kPitch + chunk * 16);
      }
    }
  }
}

template <typename KvType, int kHeadDim, int kRowTiles>
cudaError_t launch_sm80_paged_prefill_tiles(PrefillParams params, cudaStream_t stream) {
  using Shape = Sm80Prefill<kHeadDim, kRowTiles>;
  params.tile_rows = Shape::kTileRows;
  const int64_t num_ctas = params.most_query_tiles() * params.num_kv_heads;
  if (num_ctas > INT32_MAX) {
    return cudaErrorInvalidConfiguration;
  }
  const auto kernel = sm80_paged_prefill_kernel<KvType, kHeadDim, kRowTiles>;
  const cudaError_t answer = cudaFuncSetAttribute(
      kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, Shape::kSharedBytes);
  if (answer != cudaSuccess) {
    return answer;
  }
  kernel<<<static_cast<uint32_t>(num_ctas), Shape::kThreads, Shape::kSharedBytes, stream>>>(params);
  return cudaGetLastError();
}

template <typename KvType, int kHeadDim>
cudaError_t launch_sm80_paged_prefill(const PrefillParams& params, const LaunchDevice& device,
                                      cudaStream_t stream) {
  if constexpr (kHeadDim <= 128) {
    // Two row tiles per warp read keys and values half as often, where there are rows for them, and
    // query tiles for two CTAs on every multiprocessor.
    using Large = Sm80Prefill<kHeadDim, 2>;
    const int64_t rows = int64_t{params.num_tokens} * params.group_size;
    if (rows * 2 > int64_t{params.num_seqs} * Large::kTileRows &&
        rows / Large::kTileRows * params.num_kv_heads >= 2 * device.num_multiprocessors &&
        device.most_shared_bytes_per_cta >= Large::kSharedBytes) {
      return launch_sm80_paged_prefill_tiles<KvType, kHeadDim, 2>(params, stream);
    }
  }
  return launch_sm80_paged_prefill_tiles<KvType, kHeadDim, 1>(params, stream);
}

}  // namespace pagoda

#endif
