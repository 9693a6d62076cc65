// Which rows of a ragged batch a query tile holds, found from lengths in device memory.
//
// The grid is sized for any batch of the same num_seqs and num_tokens, so that a captured launch
// can be replayed with other lengths; tiles that a batch does not have find nothing and end.
#ifndef PAGODA_ATTENTION_QUERY_TILES_CUH
#define PAGODA_ATTENTION_QUERY_TILES_CUH

#include <cstdint>

#include "attention/paged_prefill.h"

namespace pagoda {

/// Positions [begin, end) of a context.
struct VisibleRange {
  int32_t begin;
  int32_t end;
};

struct QueryTile {
  int32_t seq_idx;
  int32_t first_row;  // (token, query head) pair of the sequence and KV head
  int32_t num_rows;
  int32_t first_token;     // of the sequence's rows, in queries and output
  int32_t first_position;  // of the sequence's first row in its context
  int32_t context_length;

  /// Where the row stands in the context.
  __device__ int32_t position_of(const PrefillParams& params, int32_t row) const {
    return first_position + (first_row + row) / params.group_size;
  }

  __device__ VisibleRange visible_from(const PrefillParams& params, int32_t position) const {
    return {params.window_tokens == 0 ? 0 : max(0, position - params.window_tokens + 1),
            params.is_causal ? min(position + 1, context_length) : context_length};
  }

  /// What the rows of the tile see together: ranges move on with the position.
  __device__ VisibleRange visible(const PrefillParams& params) const {
    return {visible_from(params, position_of(params, 0)).begin,
            visible_from(params, position_of(params, num_rows - 1)).end};
  }
};

constexpr uint32_t kEveryLane = 0xffffffffu;

/// Finds the tile of that number; false when the batch has no more tiles.
///
/// Tiles of a sequence are numbered from its end, because there they are longest when causal. All
/// lanes of a warp call it together.
__device__ inline bool warp_find_query_tile(const PrefillParams& params, int64_t tile_idx,
                                            QueryTile* tile) {
  const int lane = threadIdx.x % 32;
  int64_t first_tile = 0;  // of the chunk of 32 sequences
  for (int32_t base = 0; base < params.num_seqs; base += 32) {
    int32_t first_token = 0;
    int32_t num_tokens = 0;
    if (base + lane < params.num_seqs) {
      first_token = params.cumulative_query_lengths[base + lane];
      num_tokens =
          min(params.cumulative_query_lengths[base + lane + 1], params.num_tokens) - first_token;
      if (num_tokens == 1 && params.skips_single_rows) {
        num_tokens = 0;
      }
    }
    const int32_t num_rows = max(0, num_tokens) * params.group_size;
    const int32_t num_tiles = (num_rows + params.tile_rows - 1) / params.tile_rows;
    int32_t behind = num_tiles;
    for (int offset = 1; offset < 32; offset *= 2) {
      const int32_t before = __shfl_up_sync(kEveryLane, behind, offset);
      behind += lane >= offset ? before : 0;
    }
    const uint32_t reached = __ballot_sync(kEveryLane, first_tile + behind > tile_idx);
    if (reached != 0) {
      const int owner = __ffs(reached) - 1;
      const int64_t from_end =
          tile_idx - first_tile - __shfl_sync(kEveryLane, behind - num_tiles, owner);
      const int32_t owner_tiles = __shfl_sync(kEveryLane, num_tiles, owner);
      const int32_t owner_rows = __shfl_sync(kEveryLane, num_rows, owner);
      tile->seq_idx = base + owner;
      tile->first_row = (owner_tiles - 1 - static_cast<int32_t>(from_end)) * params.tile_rows;
      tile->num_rows = min(params.tile_rows, owner_rows - tile->first_row);
      tile->first_token = __shfl_sync(kEveryLane, first_token, owner);
      tile->context_length = max(0, params.context_lengths[base + owner]);
      tile->first_position = tile->context_length - __shfl_sync(kEveryLane, num_tokens, owner);
      return true;
    }
    first_tile += __shfl_sync(kEveryLane, behind, 31);
  }
  return false;
}

}  // namespace pagoda

#endif
