// Paged decode for every shape and every device from sm_80 on: plain loads, FP32 arithmetic.

#include <algorithm>

#include "attention/combine.cuh"
#include "attention/online_softmax.cuh"
#include "attention/paged_decode.h"
#include "attention/work_list.cuh"
#include "device/elements.cuh"

namespace pagoda {

namespace portable {
constexpr int kThreads = 128;
constexpr int kWarps = kThreads / 32;
constexpr int kTileRows = 8;
constexpr int kTileTokens = kThreads;  // a thread scores one token
constexpr int kMaxHeadDim = 256;
constexpr int kDimsPerThread = kMaxHeadDim / kThreads;
constexpr int kGranuleTokens = 16;
constexpr int kCtasPerMultiprocessor = 3;
}  // namespace portable

/// Attends with one query row per sequence over keys and values in blocks.
///
/// Launch    any grid, CTA 128, static shared memory
/// Roles     scores: a thread has a token; values: a thread has up to two dims
/// Reads     queries, block tables, context lengths, visible tokens and no others
/// Writes    output and LSE of every sequence; counters, which it leaves 0
/// Requires  head dims up to 256
/// Numerics  FP32 products and sums (no TF32); a tile's sum is made before it joins the running
///           one, so that rounding grows with the number of tiles; an empty context yields zeros
///           and minus infinity (or the sink)
/// Moves     the visible keys and values once per 8 query heads of a group
template <typename KvType>
__global__ void __launch_bounds__(portable::kThreads)
    portable_paged_decode_kernel(const __grid_constant__ DecodeParams params) {
  using namespace portable;
  __shared__ float queries[kTileRows][kMaxHeadDim];
  __shared__ float probabilities[kTileRows][kTileTokens];
  __shared__ float warp_values[kWarps][kTileRows];
  __shared__ int64_t token_values[kTileTokens];  // byte offset of each token's value row
  __shared__ int32_t is_last;

  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  const float scale_log2 = params.softmax_scale * kLog2E;
  WorkWalker walker(params, Grabs::kInTurn);
  if (!walker.enter_first()) {
    return;
  }
  while (true) {
    Piece piece;
    while (!walker.next(&piece)) {
      if (!walker.enter_next()) {
        return;
      }
    }
    const TileRows tile(params, piece.row_idx, piece.stripe);
    const char* seq_queries = static_cast<const char*>(params.queries) +
                              piece.row_idx * params.query_row_stride_bytes;
    for (int row = 0; row < tile.num_rows; ++row) {
      for (int dim = threadIdx.x; dim < params.key_head_dim; dim += kThreads) {
        queries[row][dim] = load_element(
            seq_queries, params.row_dtype,
            static_cast<int64_t>(tile.first_query_head + row) * params.key_head_dim + dim);
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
    const int32_t* table = params.block_tables + piece.seq_idx * params.block_table_stride;
    const char* keys =
        params.pool + params.key_base_bytes + tile.kv_head_idx * params.key_tile_bytes;
    const char* values =
        params.pool + params.value_base_bytes + tile.kv_head_idx * params.value_tile_bytes;
    const int begin = max(piece.first_granule * kGranuleTokens, piece.first_visible);
    const int end = min(piece.end_granule * kGranuleTokens, piece.end_visible);
    __syncthreads();

    for (int first = begin; first < end; first += kTileTokens) {
      const int num_tokens = min(kTileTokens, end - first);
      float scores[kTileRows];
#pragma unroll
      for (int row = 0; row < kTileRows; ++row) {
        scores[row] = minus_infinity();
      }
      if (static_cast<int>(threadIdx.x) < num_tokens) {
        const int position = first + threadIdx.x;
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
          if (params.maybe_alibi_slopes != nullptr) {
            const int distance = position - (piece.end_visible - 1);
            score += params.maybe_alibi_slopes[tile.first_query_head + row] * kLog2E *
                     static_cast<float>(distance);
          }
          scores[row] = score;
        }
      }

#pragma unroll
      for (int row = 0; row < kTileRows; ++row) {
        float maximum = scores[row];
        for (int offset = 16; offset > 0; offset /= 2) {
          maximum = fmaxf(maximum, __shfl_xor_sync(kAllLanes, maximum, offset));
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

    const SplitSequence split{piece.row_idx, piece.stripe, piece.first_part, piece.last_part};
    const bool is_whole = split.first_part == split.last_part;
    float* partial = is_whole ? nullptr : partial_of(params, split, piece.part);
#pragma unroll
    for (int row = 0; row < kTileRows; ++row) {
      float sum = sums[row];
      for (int offset = 16; offset > 0; offset /= 2) {
        sum += __shfl_xor_sync(kAllLanes, sum, offset);
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
      const RowEnd row_end =
          end_row(maxima[row], sum, maybe_sink_of(params, tile.first_query_head + row));
#pragma unroll
      for (int i = 0; i < kDimsPerThread; ++i) {
        const int dim = threadIdx.x + i * kThreads;
        if (dim >= params.value_head_dim) {
          continue;
        }
        if (is_whole) {
          const float value[1] = {rows[i][row] * row_end.factor};
          store_output<1>(params, tile, row, dim, value);
        } else {
          partial[2 * kTileRows + row * params.value_head_dim + dim] = rows[i][row];
        }
      }
      if (threadIdx.x == 0) {
        if (is_whole) {
          store_lse(params, tile, row, row_end.lse);
        } else {
          *reinterpret_cast<float2*>(partial + 2 * row) = make_float2(maxima[row], sum);
        }
      }
    }
    if (!is_whole) {
      __syncthreads();
      if (threadIdx.x == 0) {
        is_last = arrives_last(params, split);
      }
      __syncthreads();
      if (is_last) {
        cta_combine_splits<kThreads, 1>(params, tile, split);
      }
    }
    __syncthreads();
  }
}

cudaError_t launch_portable_paged_decode(const DecodeParams& shape, DType kv_dtype,
                                         const LaunchDevice& device, cudaStream_t stream) {
  using namespace portable;
  DecodeParams params = shape;
  params.tile_rows = kTileRows;
  params.tiles_per_group = (params.group_size + kTileRows - 1) / kTileRows;
  params.num_stripes = params.num_kv_heads * params.tiles_per_group;
  params.granule_tokens = kGranuleTokens;
  params.min_granules = 4;
  const int32_t num_ctas = device.num_multiprocessors * kCtasPerMultiprocessor;
  params.max_parts = std::max(1, num_ctas / params.num_stripes);
  switch (kv_dtype) {
    case DType::kFp32:
      portable_paged_decode_kernel<float><<<num_ctas, kThreads, 0, stream>>>(params);
      break;
    case DType::kFp16:
      portable_paged_decode_kernel<__half><<<num_ctas, kThreads, 0, stream>>>(params);
      break;
    case DType::kBf16:
      portable_paged_decode_kernel<__nv_bfloat16><<<num_ctas, kThreads, 0, stream>>>(params);
      break;
  }
  return cudaGetLastError();
}

}  // namespace pagoda
