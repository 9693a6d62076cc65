// Paged prefill for every shape and every device from sm_80 on: plain loads, FP32 arithmetic.

#include <algorithm>

#include "attention/online_softmax.cuh"
#include "attention/paged_prefill.h"
#include "attention/query_tiles.cuh"
#include "device/elements.cuh"

namespace pagoda {

namespace portable_prefill {
constexpr int kThreads = 128;
constexpr int kWarps = kThreads / 32;
constexpr int kTileRows = 16;
constexpr int kTileTokens = kThreads;  // a thread scores one token
constexpr int kMaxHeadDim = 256;
constexpr int kDimsPerThread = kMaxHeadDim / kThreads;
}  // namespace portable_prefill

/// Attends with the rows of a ragged batch over keys and values in blocks.
///
/// Launch    any grid, CTA 128, static shared memory
/// Roles     scores: a thread has a token; values: a thread has up to two dims
/// Reads     queries, block tables, lengths, tokens that a row of the tile sees and no others
/// Writes    output and LSE of every row of every sequence
/// Requires  head dims up to 256
/// Numerics  FP32 products and sums (no TF32); a tile's sum is made before it joins the running
///           one, so that rounding grows with the number of tiles; a row that sees nothing yields
///           zeros and minus infinity (or the sink)
/// Moves     the visible keys and values once per 16 rows
template <typename KvType>
__global__ void __launch_bounds__(portable_prefill::kThreads)
    portable_paged_prefill_kernel(const __grid_constant__ PrefillParams params) {
  using namespace portable_prefill;
  __shared__ float queries[kTileRows][kMaxHeadDim];
  __shared__ float probabilities[kTileRows][kTileTokens];
  __shared__ float warp_values[kWarps][kTileRows];
  __shared__ int64_t token_values[kTileTokens];  // byte offset of each token's value row

  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  const float scale_log2 = params.softmax_scale * kLog2E;
  for (int64_t work = blockIdx.x;; work += gridDim.x) {
    const int64_t tile_idx = work / params.num_kv_heads;
    const auto kv_head_idx = static_cast<int32_t>(work - tile_idx * params.num_kv_heads);
    QueryTile tile;
    if (!warp_find_query_tile(params, tile_idx, &tile)) {
      return;
    }
    const auto head_of = [&](int row) {
      return kv_head_idx * params.group_size + (tile.first_row + row) % params.group_size;
    };
    const auto token_of = [&](int row) {
      return tile.first_token + (tile.first_row + row) / params.group_size;
    };
    for (int row = 0; row < tile.num_rows; ++row) {
      const char* token_queries = static_cast<const char*>(params.queries) +
                                  token_of(row) * params.query_row_stride_bytes;
      for (int dim = threadIdx.x; dim < params.key_head_dim; dim += kThreads) {
        queries[row][dim] =
            load_element(token_queries, params.row_dtype,
                         static_cast<int64_t>(head_of(row)) * params.key_head_dim + dim);
      }
    }
    float maxima[kTileRows];
    float sums[kTileRows];  // of this thread's tokens alone
    float rows[kDimsPerThread][kTileRows];
#pragma unroll
    for (int row = 0; row < kTileRows; ++row) {
      maxima[row] = minus_infinity();
      sums[row] = 0.0f;
#pragma unroll
      for (int i = 0; i < kDimsPerThread; ++i) {
        rows[i][row] = 0.0f;
      }
    }
    const int32_t* table = params.block_tables + tile.seq_idx * params.block_table_stride;
    const char* keys = params.pool + params.key_base_bytes + kv_head_idx * params.key_tile_bytes;
    const char* values =
        params.pool + params.value_base_bytes + kv_head_idx * params.value_tile_bytes;
    const VisibleRange visible = tile.visible(params);
    __syncthreads();

    for (int first = visible.begin; first < visible.end; first += kTileTokens) {
      const int num_tokens = min(kTileTokens, visible.end - first);
      const int position = first + static_cast<int>(threadIdx.x);
      float scores[kTileRows];
#pragma unroll
      for (int row = 0; row < kTileRows; ++row) {
        scores[row] = minus_infinity();
      }
      if (static_cast<int>(threadIdx.x) < num_tokens) {
        const int block_idx = position / params.block_size;
        const int in_block = position - block_idx * params.block_size;
        const int64_t block_offset = table[block_idx] * params.block_bytes;
        token_values[threadIdx.x] =
            block_offset + static_cast<int64_t>(in_block) * params.value_head_dim *
                               static_cast<int64_t>(sizeof(KvType));
        const auto* key = reinterpret_cast<const KvType*>(keys + block_offset) +
                          static_cast<int64_t>(in_block) * params.key_head_dim;
        float products[kTileRows] = {};
        constexpr int kVector = 16 / sizeof(KvType);
        if (params.key_head_dim % kVector == 0) {
          for (int dim = 0; dim < params.key_head_dim; dim += kVector) {
            const uint4 loaded = *reinterpret_cast<const uint4*>(key + dim);
            KvType elements[kVector];
            memcpy(elements, &loaded, sizeof loaded);
#pragma unroll
            for (int row = 0; row < kTileRows; ++row) {
              float sum = 0.0f;
#pragma unroll
              for (int i = 0; i < kVector; ++i) {
                sum = fmaf(to_float(elements[i]), queries[row][dim + i], sum);
              }
              products[row] += sum;
            }
          }
        } else {
          for (int dim = 0; dim < params.key_head_dim; ++dim) {
            const float element = to_float(key[dim]);
#pragma unroll
            for (int row = 0; row < kTileRows; ++row) {
              products[row] = fmaf(element, queries[row][dim], products[row]);
            }
          }
        }
#pragma unroll
        for (int row = 0; row < kTileRows; ++row) {
          if (row >= tile.num_rows) {
            break;
          }
          float score = products[row] * scale_log2;
          if (params.logit_soft_cap > 0.0f) {
            score = params.logit_soft_cap * kLog2E *
                    tanhf(products[row] * params.softmax_scale / params.logit_soft_cap);
          }
          const int32_t row_position = tile.position_of(params, row);
          if (params.maybe_alibi_slopes != nullptr) {
            score += params.maybe_alibi_slopes[head_of(row)] * kLog2E *
                     static_cast<float>(position - row_position);
          }
          const VisibleRange seen = tile.visible_from(params, row_position);
          if (position >= seen.begin && position < seen.end) {
            scores[row] = score;
          }
        }
      }

#pragma unroll
      for (int row = 0; row < kTileRows; ++row) {
        float maximum = scores[row];
        for (int offset = 16; offset > 0; offset /= 2) {
          maximum = fmaxf(maximum, __shfl_xor_sync(kEveryLane, maximum, offset));
        }
        if (lane == 0) {
          warp_values[warp][row] = maximum;
        }
      }
      __syncthreads();
#pragma unroll
      for (int row = 0; row < kTileRows; ++row) {
        float maximum = maxima[row];
        for (int w = 0; w < kWarps; ++w) {
          maximum = fmaxf(maximum, warp_values[w][row]);
        }
        const float shrink = rescale_factor(maxima[row], maximum);
        maxima[row] = maximum;
        // NaN and plus infinity come from keys that are the sequence's own, and stay visible.
        const float probability =
            scores[row] == minus_infinity() ? 0.0f : exp2f(scores[row] - maximum);
        sums[row] = fmaf(sums[row], shrink, probability);
        probabilities[row][threadIdx.x] = probability;
#pragma unroll
        for (int i = 0; i < kDimsPerThread; ++i) {
          rows[i][row] *= shrink;
        }
      }
      __syncthreads();
#pragma unroll
      for (int i = 0; i < kDimsPerThread; ++i) {
        const int dim = threadIdx.x + i * kThreads;
        if (dim >= params.value_head_dim) {
          continue;
        }
        float tile_sums[kTileRows] = {};
        for (int token = 0; token < num_tokens; ++token) {
          const float value =
              to_float(reinterpret_cast<const KvType*>(values + token_values[token])[dim]);
#pragma unroll
          for (int row = 0; row < kTileRows; ++row) {
            tile_sums[row] = fmaf(probabilities[row][token], value, tile_sums[row]);
          }
        }
#pragma unroll
        for (int row = 0; row < kTileRows; ++row) {
          rows[i][row] += tile_sums[row];
        }
      }
      __syncthreads();
    }

#pragma unroll
    for (int row = 0; row < kTileRows; ++row) {
      float sum = sums[row];
      for (int offset = 16; offset > 0; offset /= 2) {
        sum += __shfl_xor_sync(kEveryLane, sum, offset);
      }
      if (lane == 0) {
        warp_values[warp][row] = sum;
      }
    }
    __syncthreads();
#pragma unroll
    for (int row = 0; row < kTileRows; ++row) {
      if (row >= tile.num_rows) {
        break;
      }
      float sum = 0.0f;
      for (int w = 0; w < kWarps; ++w) {
        sum += warp_values[w][row];
      }
      const int32_t head = head_of(row);
      const int64_t token = token_of(row);
      const RowEnd row_end =
          end_row(maxima[row], sum,
                  params.maybe_sinks == nullptr ? nullptr : params.maybe_sinks + head);
      char* token_output = static_cast<char*>(params.output) +
                           token * params.output_row_stride_bytes;
#pragma unroll
      for (int i = 0; i < kDimsPerThread; ++i) {
        const int dim = threadIdx.x + i * kThreads;
        if (dim < params.value_head_dim) {
          store_element(token_output, params.row_dtype,
                        static_cast<int64_t>(head) * params.value_head_dim + dim,
                        rows[i][row] * row_end.factor);
        }
      }
      if (threadIdx.x == 0 && params.maybe_lse != nullptr) {
        params.maybe_lse[token * params.num_query_heads + head] = row_end.lse;
      }
    }
    __syncthreads();
  }
}

cudaError_t launch_portable_paged_prefill(const PrefillParams& shape, DType kv_dtype,
                                          cudaStream_t stream) {
  using namespace portable_prefill;
  PrefillParams params = shape;
  params.tile_rows = kTileRows;
  const auto num_ctas = static_cast<uint32_t>(
      std::min<int64_t>(params.most_query_tiles() * params.num_kv_heads, INT32_MAX));
  switch (kv_dtype) {
    case DType::kFp32:
      portable_paged_prefill_kernel<float><<<num_ctas, kThreads, 0, stream>>>(params);
      break;
    case DType::kFp16:
      portable_paged_prefill_kernel<__half><<<num_ctas, kThreads, 0, stream>>>(params);
      break;
    case DType::kBf16:
      portable_paged_prefill_kernel<__nv_bfloat16><<<num_ctas, kThreads, 0, stream>>>(params);
      break;
  }
  return cudaGetLastError();
}

}  // namespace pagoda
