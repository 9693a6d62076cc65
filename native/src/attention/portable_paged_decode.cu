// Paged decode for every shape and every device from sm_80 on: plain loads, FP32 arithmetic.

#include <algorithm>

#include "attention/combine.cuh"
#include "attention/online_softmax.cuh"
#include "attention/paged_decode.h"
#include "attention/portable_tile.cuh"
#include "attention/work_list.cuh"
#include "device/elements.cuh"

namespace pagoda {

namespace portable {
constexpr int kTileRows = 8;
constexpr int kGranuleTokens = 16;
constexpr int kCtasPerMultiprocessor = 3;
constexpr int kThreads = PortableTile<float, float, kTileRows>::kThreads;
}  // namespace portable

/// Attends with one query row per sequence over keys and values in blocks.
///
/// Launch    any grid, CTA 128, static shared memory
/// Roles     scores: a thread has a token; values: a thread has up to two dims
/// Reads     queries, block tables, context lengths, visible tokens and no others
/// Writes    output and LSE of every sequence; counters, which it leaves 0
/// Requires  head dims up to 256
/// Numerics  FP32 products and sums (no TF32), see PortableTile; an empty context yields zeros and
///           minus infinity (or the sink)
/// Moves     the visible keys and values once per 8 query heads of a group
template <typename KeyType, typename ValueType>
__global__ void __launch_bounds__(portable::kThreads)
    portable_paged_decode_kernel(const __grid_constant__ DecodeParams params) {
  using namespace portable;
  using Tile = PortableTile<KeyType, ValueType, kTileRows>;
  __shared__ typename Tile::Shared shared;
  __shared__ int32_t is_last;

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
    const char* seq_queries =
        static_cast<const char*>(params.queries) + piece.row_idx * params.query_row_stride_bytes;
    for (int row = 0; row < tile.num_rows; ++row) {
      for (int dim = threadIdx.x; dim < params.key_head_dim; dim += kThreads) {
        shared.queries[row][dim] = load_element(
            seq_queries, params.row_dtype,
            static_cast<int64_t>(tile.first_query_head + row) * params.key_head_dim + dim);
      }
    }
    Tile state(shared);
    const int32_t* table = params.block_tables + piece.seq_idx * params.block_table_stride;
    const char* keys =
        params.pool + params.key_base_bytes + tile.kv_head_idx * params.key_tile_bytes;
    const char* values =
        params.pool + params.value_base_bytes + tile.kv_head_idx * params.value_tile_bytes;
    const int begin = max(piece.first_granule * kGranuleTokens, piece.first_visible);
    const int end = min(piece.end_granule * kGranuleTokens, piece.end_visible);
    __syncthreads();

    for (int first = begin; first < end; first += Tile::kTokens) {
      const int num_tokens = min(Tile::kTokens, end - first);
      const int position = first + static_cast<int>(threadIdx.x);
      float scores[kTileRows];
#pragma unroll
      for (int row = 0; row < kTileRows; ++row) {
        scores[row] = minus_infinity();
      }
      if (position < end) {
        float products[kTileRows];
        state.multiply_key(params, keys, table, position, products);
#pragma unroll
        for (int row = 0; row < kTileRows; ++row) {
          if (row >= tile.num_rows) {
            break;
          }
          scores[row] = portable_score(params, products[row], tile.first_query_head + row,
                                       position - (piece.end_visible - 1));
        }
      }
      state.add_tokens(scores, values, num_tokens, params.value_head_dim);
    }

    const SplitSequence split{piece.row_idx, piece.stripe, piece.first_part, piece.last_part};
    const bool is_whole = split.first_part == split.last_part;
    float* partial = is_whole ? nullptr : partial_of(params, split, piece.part);
    state.finish(tile.num_rows,
                 [&](int row, float maximum, float sum, const float (&dims)[Tile::kDimsPerThread]) {
                   const RowEnd row_end =
                       end_row(maximum, sum, maybe_sink_of(params, tile.first_query_head + row));
#pragma unroll
                   for (int i = 0; i < Tile::kDimsPerThread; ++i) {
                     const int dim = threadIdx.x + i * kThreads;
                     if (dim >= params.value_head_dim) {
                       continue;
                     }
                     if (is_whole) {
                       const float value[1] = {dims[i] * row_end.factor};
                       store_output<1>(params, tile, row, dim, value);
                     } else {
                       partial[2 * kTileRows + row * params.value_head_dim + dim] = dims[i];
                     }
                   }
                   if (threadIdx.x == 0) {
                     if (is_whole) {
                       store_lse(params, tile, row, row_end.lse);
                     } else {
                       *reinterpret_cast<float2*>(partial + 2 * row) = make_float2(maximum, sum);
                     }
                   }
                 });
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

cudaError_t launch_portable_paged_decode(const DecodeParams& shape, const LaunchDevice& device,
                                         cudaStream_t stream) {
  using namespace portable;
  DecodeParams params = shape;
  params.tile_rows = kTileRows;
  params.tiles_per_group = (params.group_size + kTileRows - 1) / kTileRows;
  params.num_stripes = params.num_kv_heads * params.tiles_per_group;
  params.granule_tokens = kGranuleTokens;
  params.min_granules = 4;
  const int32_t num_ctas = device.num_multiprocessors * kCtasPerMultiprocessor;
  params.max_parts = std::max(1, num_ctas / params.num_stripes);
  with_element_type(params.key_dtype, [&](auto key) {
    with_element_type(params.value_dtype, [&](auto value) {
      portable_paged_decode_kernel<decltype(key), decltype(value)>
          <<<num_ctas, kThreads, 0, stream>>>(params);
    });
  });
  return cudaGetLastError();
}

}  // namespace pagoda
