// Paged prefill for every shape and every device from sm_80 on: plain loads, FP32 arithmetic.

#include <algorithm>

#include "attention/online_softmax.cuh"
#include "attention/paged_prefill.h"
#include "attention/portable_tile.cuh"
#include "attention/query_tiles.cuh"
#include "device/elements.cuh"

namespace pagoda {

namespace portable_prefill {
constexpr int kTileRows = 16;
constexpr int kThreads = PortableTile<float, float, kTileRows>::kThreads;
}  // namespace portable_prefill

/// Attends with the rows of a ragged batch over keys and values in blocks.
///
/// Launch    any grid, CTA 128, static shared memory
/// Roles     scores: a thread has a token; values: a thread has up to two dims
/// Reads     queries, block tables, lengths, tokens that a row of the tile sees and no others
/// Writes    output and LSE of every row of every sequence
/// Requires  head dims up to 256
/// Numerics  FP32 products and sums (no TF32), see PortableTile; a row that sees nothing yields
///           zeros and minus infinity (or the sink)
/// Moves     the visible keys and values once per 16 rows
template <typename KeyType, typename ValueType>
__global__ void __launch_bounds__(portable_prefill::kThreads)
    portable_paged_prefill_kernel(const __grid_constant__ PrefillParams params) {
  using namespace portable_prefill;
  using Tile = PortableTile<KeyType, ValueType, kTileRows>;
  __shared__ typename Tile::Shared shared;

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
      const char* token_queries =
          static_cast<const char*>(params.queries) + token_of(row) * params.query_row_stride_bytes;
      for (int dim = threadIdx.x; dim < params.key_head_dim; dim += kThreads) {
        shared.queries[row][dim] =
            load_element(token_queries, params.row_dtype,
                         static_cast<int64_t>(head_of(row)) * params.key_head_dim + dim);
      }
    }
    Tile state(shared);
    const int32_t* table = params.block_tables + tile.seq_idx * params.block_table_stride;
    const char* keys = params.pool + params.key_base_bytes + kv_head_idx * params.key_tile_bytes;
    const char* values =
        params.pool + params.value_base_bytes + kv_head_idx * params.value_tile_bytes;
    const VisibleRange visible = tile.visible(params);
    __syncthreads();

    for (int first = visible.begin; first < visible.end; first += Tile::kTokens) {
      const int num_tokens = min(Tile::kTokens, visible.end - first);
      const int position = first + static_cast<int>(threadIdx.x);
      float scores[kTileRows];
#pragma unroll
      for (int row = 0; row < kTileRows; ++row) {
        scores[row] = minus_infinity();
      }
      if (position < visible.end) {
        float products[kTileRows];
        state.multiply_key(params, keys, table, position, products);
#pragma unroll
        for (int row = 0; row < kTileRows; ++row) {
          if (row >= tile.num_rows) {
            break;
          }
          const int32_t row_position = tile.position_of(params, row);
          const VisibleRange seen = tile.visible_from(params, row_position);
          if (position >= seen.begin && position < seen.end) {
            scores[row] =
                portable_score(params, products[row], head_of(row), position - row_position);
          }
        }
      }
      state.add_tokens(scores, values, num_tokens, params.value_head_dim);
    }

    state.finish(tile.num_rows, [&](int row, float maximum, float sum,
                                    const float (&dims)[Tile::kDimsPerThread]) {
      const int32_t head = head_of(row);
      const int64_t token = token_of(row);
      const RowEnd row_end = end_row(
          maximum, sum, params.maybe_sinks == nullptr ? nullptr : params.maybe_sinks + head);
      char* token_output =
          static_cast<char*>(params.output) + token * params.output_row_stride_bytes;
#pragma unroll
      for (int i = 0; i < Tile::kDimsPerThread; ++i) {
        const int dim = threadIdx.x + i * kThreads;
        if (dim < params.value_head_dim) {
          store_element(token_output, params.row_dtype,
                        static_cast<int64_t>(head) * params.value_head_dim + dim,
                        dims[i] * row_end.factor);
        }
      }
      if (threadIdx.x == 0 && params.maybe_lse != nullptr) {
        params.maybe_lse[token * params.num_query_heads + head] = row_end.lse;
      }
    });
    __syncthreads();
  }
}

cudaError_t launch_portable_paged_prefill(const PrefillParams& shape, cudaStream_t stream) {
  using namespace portable_prefill;
  PrefillParams params = shape;
  params.tile_rows = kTileRows;
  const auto num_ctas = static_cast<uint32_t>(
      std::min<int64_t>(params.most_query_tiles() * params.num_kv_heads, INT32_MAX));
  with_element_type(params.key_dtype, [&](auto key) {
    with_element_type(params.value_dtype, [&](auto value) {
      portable_paged_prefill_kernel<decltype(key), decltype(value)>
          <<<num_ctas, kThreads, 0, stream>>>(params);
    });
  });
  return cudaGetLastError();
}

}  // namespace pagoda
