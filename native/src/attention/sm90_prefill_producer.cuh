// The producer of Hopper's prefill: copies tiles of tokens out of their blocks.
#ifndef PAGODA_ATTENTION_SM90_PREFILL_PRODUCER_CUH
#define PAGODA_ATTENTION_SM90_PREFILL_PRODUCER_CUH

#include <cstdint>
#include <type_traits>

#include "attention/paged_prefill.h"
#include "attention/sm90_prefill_ring.cuh"
#include "device/async_copy.cuh"
#include "device/bulk_copy.cuh"
#include "device/elements.cuh"
#include "device/shared_memory.cuh"
#include "device/warpgroup_matrix.cuh"

namespace pagoda {

/// One warpgroup. Each warp copies 32 tokens of a tile, whose places in the pool its lanes hold,
/// and 32 rows of queries.
///
/// The copy engine brings tiles of which all tokens may be read. In others, tokens that may not
/// become zeros, as what lies in their slots may be NaN, by copies of 16 bytes; so do all where
/// blocks have no boxes (maps_of), which takes 5 to 7 % longer.
template <typename KvType, typename Shape>
class PrefillProducer {
 public:
  __device__ __forceinline__ PrefillProducer(const PrefillParams& params, const PrefillMaps& maps,
                                             const PrefillRing<Shape>& ring)
      : params_(params),
        maps_(maps),
        ring_(ring),
        first_row_(static_cast<int>(threadIdx.x) / 32 * 32),
        lane_(static_cast<int>(threadIdx.x) % 32) {}

  __device__ __forceinline__ void run() {
    const auto num_grabs = static_cast<int32_t>(params_.most_query_tiles() * params_.num_kv_heads);
    auto grab = static_cast<int32_t>(blockIdx.x);
    bool are_left = true;
    for (int turn = 0; grab < num_grabs; ++turn) {
      int32_t* next_grab = ring_.next_grabs + turn % 2;
      if (threadIdx.x == 0) {
        // As many calls as grabs, for every CTA asks once too often: the counter comes back to 0.
        *next_grab =
            static_cast<int32_t>(gridDim.x + atomicInc(params_.grabs_taken, num_grabs - 1));
      }
      QueryTile tile;
      are_left = are_left && warp_find_query_tile(params_, grab / params_.num_kv_heads, &tile);
      if (are_left) {
        copy_all({tile, grab % params_.num_kv_heads, 0});
      }
      named_barrier_sync<kProducerBarrier, Shape::kWarpgroupThreads>();
      grab = *next_grab;
    }
    const StageOf<Shape> place(num_works_);
    barrier_wait(ring_.queries_empty(place.stage), place.phase ^ 1);
    if (threadIdx.x == 0) {
      ring_.works[place.stage].ends_work = 1;
    }
    arrive_with_queries(place.stage);
  }

 private:
  /// Keys or values of one KV head.
  struct TokenRows {
    const char* first;  // of slot 0 of block 0
    int32_t num_chunks;
    const CUtensorMap* map;
  };

  __device__ __forceinline__ void begin_work(const PrefillWork& work) {
    kv_head_idx_ = work.kv_head_idx;
    table_ = params_.block_tables + work.tile.seq_idx * params_.block_table_stride;
    // Also what comes behind the last token that a row of the tile sees: its products are hidden,
    // and whole tiles come quicker.
    readable_ = {work.tile.visible(params_).begin, work.tile.context_length};
  }

  __device__ __forceinline__ void copy_all(const PrefillWork& work) {
    begin_work(work);
    const TokenTiles tiles(work.tile.visible(params_), Shape::kTileTokens);
    int32_t block_id = block_id_in(tiles.begin);
    int32_t next_block_id = block_id_in(tiles.begin + 1);
    copy_queries(work);
    if (tiles.begin < tiles.end) {
      copy_keys(tiles.begin, StageOf<Shape>(num_tiles_), block_id);
    }
    // Keys of the next tile come before the values of this one: they are multiplied first.
    for (int token_tile = tiles.begin; token_tile < tiles.end; ++token_tile, ++num_tiles_) {
      const int32_t later_block_id = block_id_in(token_tile + 2);
      if (token_tile + 1 < tiles.end) {
        copy_keys(token_tile + 1, StageOf<Shape>(num_tiles_ + 1), next_block_id);
      }
      copy_values(token_tile, StageOf<Shape>(num_tiles_), block_id);
      block_id = next_block_id;
      next_block_id = later_block_id;
    }
  }

  __device__ __forceinline__ int position_in(int token_tile) const {
    return token_tile * Shape::kTileTokens + first_row_ + lane_;
  }

  /// The block of the lane's token; -1 where it may not be read.
  __device__ __forceinline__ int32_t block_id_in(int token_tile) const {
    const int position = position_in(token_tile);
    return position >= readable_.begin && position < readable_.end
               ? table_[position / params_.block_size]
               : -1;
  }

  __device__ __forceinline__ void copy_queries(const PrefillWork& work) {
    const StageOf<Shape> place(num_works_++);
    barrier_wait(ring_.queries_empty(place.stage), place.phase ^ 1);
    if (threadIdx.x == 0) {
      ring_.works[place.stage] = work;
    }
    constexpr DType kKvDType = std::is_same_v<KvType, __half> ? DType::kFp16 : DType::kBf16;
    const bool are_vectors = params_.row_dtype == kKvDType &&
                             params_.query_row_stride_bytes % 16 == 0 &&
                             reinterpret_cast<uintptr_t>(params_.queries) % 16 == 0;
    const int key_chunks = params_.key_head_dim / 8;
    const int chunk = lane_ % 8;
#pragma unroll 1
    for (int i = 0; i < 32 / kRowsAtOnce; ++i) {
      const int row = first_row_ + i * kRowsAtOnce + lane_ / 8;
      const char* token_queries = static_cast<const char*>(params_.queries) +
                                  work.token_of(params_, row) * params_.query_row_stride_bytes;
      const int64_t first = int64_t{work.head_of(params_, row)} * params_.key_head_dim + chunk * 8;
      const uint32_t offset =
          place.stage * Shape::kQueryBytes +
          row / Shape::kConsumerRows * Shape::kColumns * Shape::kQueryTileBytes +
          matrix_tile_offset(row % Shape::kConsumerRows, chunk);
#pragma unroll
      for (int column = 0; column < Shape::kColumns; ++column) {
        const bool is_there = row < work.tile.num_rows && column * 8 + chunk < key_chunks;
        const uint32_t target = offset + column * Shape::kQueryTileBytes;
        if (are_vectors) {
          async_copy_or_zeros(
              ring_.queries + target,
              is_there ? token_queries + 2 * (first + column * 64) : params_.queries, is_there);
        } else {
          copy_rounding(token_queries, first + column * 64, is_there, ring_.query_bytes + target);
        }
      }
    }
    arrive_with_queries(place.stage);
  }

  __device__ __forceinline__ void copy_rounding(const char* token_queries, int64_t first,
                                                bool is_there, char* target) const {
    uint32_t pairs[4] = {};
    if (is_there) {
#pragma unroll
      for (int pair = 0; pair < 4; ++pair) {
        pairs[pair] =
            pack_pair<KvType>(load_element(token_queries, params_.row_dtype, first + 2 * pair),
                              load_element(token_queries, params_.row_dtype, first + 2 * pair + 1));
      }
    }
    *reinterpret_cast<uint4*>(target) = make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]);
  }

  __device__ __forceinline__ void arrive_with_queries(int stage) const {
    barrier_arrive_behind_copies(ring_.queries_full(stage));
    barrier_arrive(ring_.queries_full(stage));
  }

  __device__ __forceinline__ void copy_keys(int token_tile, const StageOf<Shape>& place,
                                            int32_t block_id) const {
    const TokenRows keys{
        params_.pool + params_.key_base_bytes + kv_head_idx_ * params_.key_tile_bytes,
        params_.key_head_dim / 8, &maps_.keys};
    barrier_wait(ring_.keys_empty(place.stage), place.phase ^ 1);
    copy(token_tile, block_id, keys, ring_.keys + place.stage * Shape::kTokenBytes,
         ring_.keys_full(place.stage));
  }

  __device__ __forceinline__ void copy_values(int token_tile, const StageOf<Shape>& place,
                                              int32_t block_id) const {
    const TokenRows values{
        params_.pool + params_.value_base_bytes + kv_head_idx_ * params_.value_tile_bytes,
        params_.value_head_dim / 8, &maps_.values};
    barrier_wait(ring_.values_empty(place.stage), place.phase ^ 1);
    copy(token_tile, block_id, values, ring_.values + place.stage * Shape::kTokenBytes,
         ring_.values_full(place.stage));
  }

  __device__ __forceinline__ void copy(int token_tile, int32_t block_id, const TokenRows& rows,
                                       uint32_t target, uint32_t full_barrier) const {
    if (maps_.box_tokens > 0 && token_tile * Shape::kTileTokens >= readable_.begin &&
        (token_tile + 1) * Shape::kTileTokens <= readable_.end) {
      copy_boxes(token_tile, block_id, rows, target, full_barrier);
    } else {
      copy_chunks(token_tile, block_id, rows, target);
      barrier_arrive_behind_copies(full_barrier);
    }
  }

  /// Each lane queues a box, if the warp's tokens have so many.
  __device__ __forceinline__ void copy_boxes(int token_tile, int32_t block_id,
                                             const TokenRows& rows, uint32_t target,
                                             uint32_t full_barrier) const {
    const int column = lane_ % Shape::kColumns;
    const int row = lane_ / Shape::kColumns * maps_.box_tokens;
    const int32_t box_block_id = __shfl_sync(kEveryLane, block_id, row % 32);
    if (lane_ == 0) {
      barrier_arrive_expecting(full_barrier, 32 * Shape::kColumns * kMatrixTileRowBytes);
    } else {
      barrier_arrive(full_barrier);
    }
    if (row < 32) {
      const int position = token_tile * Shape::kTileTokens + first_row_ + row;
      tile_copy(target + column * Shape::kTokenTileBytes + (first_row_ + row) * kMatrixTileRowBytes,
                rows.map, column * 64, position % params_.block_size, kv_head_idx_, box_block_id,
                full_barrier);
    }
  }

  /// Eight lanes copy 128 bytes of a token's row at a time.
  __device__ __forceinline__ void copy_chunks(int token_tile, int32_t block_id,
                                              const TokenRows& rows, uint32_t target) const {
    const int in_block = position_in(token_tile) % params_.block_size;
    const char* own_row =
        rows.first + block_id * params_.block_bytes + int64_t{in_block} * rows.num_chunks * 16;
    const int chunk = lane_ % 8;
    const int row = lane_ / 8;
    const uint32_t even = target + matrix_tile_offset(first_row_ + row, chunk);
    const uint32_t odd = target + matrix_tile_offset(first_row_ + row + kRowsAtOnce, chunk);
    const uint32_t readable = __ballot_sync(kEveryLane, block_id >= 0);
#pragma unroll
    for (int i = 0; i < 32 / kRowsAtOnce; ++i) {
      const int from_lane = i * kRowsAtOnce + row;
      const char* source = reinterpret_cast<const char*>(__shfl_sync(
                               kEveryLane, reinterpret_cast<int64_t>(own_row), from_lane)) +
                           chunk * 16;
      const uint32_t place = (i % 2 == 0 ? even : odd) + i / 2 * 2 * kRowsAtOnce * 128;
#pragma unroll
      for (int column = 0; column < Shape::kColumns; ++column) {
        const bool is_copied =
            (readable >> from_lane & 1) != 0 && column * 8 + chunk < rows.num_chunks;
        async_copy_or_zeros(place + column * Shape::kTokenTileBytes,
                            is_copied ? source + column * 128 : rows.first, is_copied);
      }
    }
  }

  static constexpr int kProducerBarrier = 5;
  static constexpr int kRowsAtOnce = 4;  // by eight lanes each

  const PrefillParams& params_;
  const PrefillMaps& maps_;
  const PrefillRing<Shape>& ring_;
  const int first_row_;  // of the warp in a tile
  const int lane_;
  int32_t kv_head_idx_ = 0;
  const int32_t* table_ = nullptr;
  VisibleRange readable_{};
  int num_works_ = 0;  // so far
  int num_tiles_ = 0;  // of tokens, so far
};

}  // namespace pagoda

#endif
