// The decode kernel's producer: walks the work list and queues bulk copies into the ring.
#ifndef PAGODA_ATTENTION_SM90_DECODE_PRODUCER_CUH
#define PAGODA_ATTENTION_SM90_DECODE_PRODUCER_CUH

#include <cstdint>

#include "attention/combine.cuh"
#include "attention/paged_decode.h"
#include "attention/sm90_decode_ring.cuh"
#include "attention/work_list.cuh"
#include "device/bulk_copy.cuh"
#include "device/cache_policy.cuh"
#include "device/launch_order.cuh"

namespace pagoda {

constexpr int64_t kPrefetchedTableBytes = 16 << 10;
/// Of keys, and as many of values: more pushes out of L2 what others have asked for.
constexpr uint32_t kLookAheadBytes = 32 << 10;

/// Up to 32 granules of one piece, whose block ids the lanes hold.
struct Chunk {
  Piece piece;
  int32_t first;
  int32_t num_granules;  // 0 behind the last chunk
  int32_t block_id;      // of granule first + lane
};

/// Reads the block ids of a chunk that may have come of noise; false when it names no block.
__device__ __forceinline__ bool read_guessed_ids(const DecodeParams& params, Chunk* chunk) {
  const int lane = threadIdx.x % 32;
  const Piece& piece = chunk->piece;
  bool is_valid = piece.seq_idx >= 0 && piece.seq_idx < params.num_seqs && chunk->first >= 0 &&
                  chunk->num_granules > 0 && piece.end_visible > 0;
  if (is_valid && lane < chunk->num_granules) {
    const int64_t granules_per_block = params.block_size / params.granule_tokens;
    const int64_t block_idx = (chunk->first + lane) / granules_per_block;
    is_valid = block_idx < params.block_table_stride;
    if (is_valid) {
      chunk->block_id =
          __ldcg(params.block_tables + piece.seq_idx * params.block_table_stride + block_idx);
      is_valid = chunk->block_id >= 0 && chunk->block_id < params.num_blocks;
    }
  }
  return __all_sync(kAllLanes, is_valid);
}

/// One warp. Lanes 0 to 7 queue keys, lanes 8 to 15 values, a granule each.
template <typename KvType, typename Shape>
class DecodeProducer {
 public:
  __device__ __forceinline__ DecodeProducer(const DecodeParams& params, DecodeRing<Shape>& ring)
      : params_(params),
        ring_(ring),
        lane_(threadIdx.x % 32),
        granules_per_unit_(Shape::kUnitTokens / params.granule_tokens),
        granules_per_block_(params.block_size / params.granule_tokens),
        granule_pitch_(Shape::granule_pitch(params.granule_tokens)),
        granule_bytes_(params.granule_tokens * Shape::kRowBytes),
        policy_(evict_first_policy()),
        walker_(params, Grabs::kOnDemand) {}

  __device__ __forceinline__ void run() {
    Chunk chunk = first_chunk();
    while (chunk.num_granules > 0) {
      chunk = queue(chunk);
    }
    ring_.wait_until_empty();
    if (lane_ == 0) {
      ring_.units[ring_.slot].flags = kUnitEndsWork;
      barrier_arrive(ring_.full_barrier());
    }
  }

 private:
  /// What a CTA begins with, prepared before its wait for earlier launches: copies of one unit.
  struct Opening {
    int num_granules = 0;
    const char* source = nullptr;  // one copy of each lane
    uint32_t target = 0;
    uint32_t num_bytes = 0;
    const int32_t* id_source;
    bool is_guess = false;
  };

  __device__ __forceinline__ const char* keys_of(const TileRows& tile) const {
    return params_.pool + params_.key_base_bytes + tile.kv_head_idx * params_.key_tile_bytes;
  }

  __device__ __forceinline__ const char* values_of(const TileRows& tile) const {
    return params_.pool + params_.value_base_bytes + tile.kv_head_idx * params_.value_tile_bytes;
  }

  __device__ __forceinline__ int64_t offset_of(int32_t block_id, int32_t granule) const {
    return block_id * params_.block_bytes +
           static_cast<int64_t>(granule % granules_per_block_) * granule_bytes_;
  }

  __device__ __forceinline__ const int32_t* id_place(const Chunk& chunk) const {
    return params_.block_tables + chunk.piece.seq_idx * params_.block_table_stride +
           (chunk.first + lane_) / granules_per_block_;
  }

  __device__ __forceinline__ const char* queries_of(const TileRows& tile) const {
    return static_cast<const char*>(params_.queries) +
           tile.row_idx * params_.query_row_stride_bytes + tile.first_query_head * Shape::kRowBytes;
  }

  __device__ __forceinline__ uint32_t query_bytes_of(const TileRows& tile) const {
    return queries_need_rounding<KvType>(params_)
               ? 0u
               : static_cast<uint32_t>(tile.num_rows) * Shape::kRowBytes;
  }

  __device__ __forceinline__ uint32_t granule_target(int to_slot) const {
    // Not ring_.slot_bytes: with it consumers of head dim 128 spill a register.
    return shared_address(ring_.tiles + to_slot * params_.slot_bytes + lane_ % 8 * granule_pitch_);
  }

  __device__ __forceinline__ uint32_t query_target(int query_slot) const {
    return shared_address(ring_.queries + query_slot * Shape::kQueryBytes);
  }

  __device__ __forceinline__ void next_query_slot() {
    query_slot_ = query_slot_ + 1 == Shape::num_query_slots(ring_.num_slots) ? 0 : query_slot_ + 1;
  }

  __device__ __forceinline__ DecodeUnit describe(const Piece& piece, const TileRows& tile,
                                                 int32_t first) const {
    DecodeUnit unit;
    unit.flags = first + granules_per_unit_ >= piece.end_granule ? kUnitEndsPiece : 0;
    unit.first_token = first * params_.granule_tokens;
    unit.first_visible = piece.first_visible;
    unit.end_visible = min(piece.end_visible, piece.end_granule * params_.granule_tokens);
    unit.context_length = piece.end_visible;
    unit.row_idx = piece.row_idx;
    unit.stripe = piece.stripe;
    unit.part = piece.part;
    unit.first_part = piece.first_part;
    unit.last_part = piece.last_part;
    unit.first_query_head = tile.first_query_head;
    unit.num_rows = static_cast<int16_t>(tile.num_rows);
    unit.query_slot = static_cast<int16_t>(query_slot_);
    return unit;
  }

  /// The next granules of the piece, as long as it has some; their block ids are not read.
  __device__ __forceinline__ Chunk take_granules() {
    Chunk chunk{};
    chunk.piece = piece_;
    chunk.first = next_granule_;
    chunk.num_granules = min(32, piece_.end_granule - next_granule_);
    next_granule_ += chunk.num_granules;
    return chunk;
  }

  __device__ __forceinline__ Chunk next_chunk() {
    while (has_grab_ && next_granule_ >= piece_.end_granule) {
      if (walker_.next(&piece_)) {
        next_granule_ = piece_.first_granule;
        break;
      }
      has_grab_ = walker_.enter_next();
    }
    if (!has_grab_) {
      return Chunk{};
    }
    Chunk chunk = take_granules();
    if (lane_ < chunk.num_granules && piece_.end_visible > 0) {
      chunk.block_id = __ldcg(id_place(chunk));
    }
    return chunk;
  }

  /// The first chunk behind the CTA's one wait, its opening unit queued if it was guessed right.
  ///
  /// While earlier launches still run, the CTA guesses what it begins with, brings it to L2, and
  /// prepares the copies of its first unit: what runs behind the wait is cold code, and every
  /// instruction of it costs. Lengths and tables may be what an earlier launch is about to change:
  /// every index is checked, nothing comes of the guess before it has been compared with what they
  /// are after the wait, and they are read past L1, where old lines would outlive it.
  __device__ __forceinline__ Chunk first_chunk() {
    Chunk chunk{};
    Opening opening = guess_opening(&chunk);
    const uint32_t opening_barrier = ring_.full + (lane_ / 8 == 1 ? 8 : 0);
    PAGODA_COMPUTED_BY_NOW(opening.source, opening.id_source, opening.target);

    // The one wait of the CTA: consumers touch nothing but shared memory before the first unit.
    wait_for_earlier_launches();
    let_later_launches_start();
    if (opening.is_guess) {
      queue_opening(&opening, opening_barrier, &chunk);
    }
    if (!opening.is_guess) {
      begin_anew();
      chunk.num_granules = 0;
    }
    return chunk.num_granules == 0 ? next_chunk() : chunk;
  }

  __device__ __forceinline__ Opening guess_opening(Chunk* chunk) {
    Opening opening;
    opening.id_source = params_.block_tables;
    has_grab_ = walker_.enter_first();
    if (has_grab_ && walker_.next(&piece_)) {
      next_granule_ = piece_.first_granule;
      *chunk = take_granules();
      if (read_guessed_ids(params_, chunk)) {
        const TileRows tile(params_, piece_.row_idx, piece_.stripe);
        const int64_t offset = offset_of(chunk->block_id, chunk->first + lane_);
        if (lane_ < chunk->num_granules && lane_ * granule_bytes_ < kLookAheadBytes) {
          bulk_prefetch_to_l2(keys_of(tile) + offset, granule_bytes_);
          bulk_prefetch_to_l2(values_of(tile) + offset, granule_bytes_);
        }
        opening.is_guess = walker_.is_held();
        if (opening.is_guess) {
          opening.id_source = id_place(*chunk);
          opening.num_granules = min(granules_per_unit_, chunk->num_granules);
          const int64_t own_offset = __shfl_sync(kAllLanes, offset, lane_ % 8);
          if (lane_ < 16 && lane_ % 8 < opening.num_granules) {
            opening.source = (lane_ < 8 ? keys_of(tile) : values_of(tile)) + own_offset;
            opening.target = granule_target(lane_ / 8);
            opening.num_bytes = granule_bytes_;
          } else if (lane_ == 16) {
            opening.source = queries_of(tile);
            opening.target = query_target(0);
            opening.num_bytes = query_bytes_of(tile);
          }
          if (lane_ == 0) {
            ring_.units[0] = describe(piece_, tile, chunk->first);
            barrier_expect(ring_.full,
                           opening.num_granules * granule_bytes_ + query_bytes_of(tile));
            barrier_expect(ring_.full + 8, opening.num_granules * granule_bytes_);
          }
        }
      }
    }
    return opening;
  }

  /// Queues the opening unit, and says in it, and in `is_guess`, whether it is what it should be.
  __device__ __forceinline__ void queue_opening(Opening* opening, uint32_t barrier, Chunk* chunk) {
    // Lengths and ids are asked for ahead of the copies: behind them an answer takes long.
    HeldLengths lengths;
    lengths.read(params_);
    const int32_t block_id = lane_ < chunk->num_granules ? __ldcg(opening->id_source) : 0;
    // More units than one would hold up the answers, and the units behind them.
    if (opening->num_bytes > 0) {
      bulk_copy(opening->target, opening->source, opening->num_bytes, barrier, policy_);
    }
    opening->is_guess =
        __all_sync(kAllLanes, lengths == walker_.held() && block_id == chunk->block_id);
    if (lane_ == 0) {
      if (!opening->is_guess) {
        ring_.units[0].flags = kUnitIsVoid;
      }
      // No consumer has seen any of it before.
      barrier_arrive(ring_.full);
      barrier_arrive(ring_.full + 8);
    }
    ring_.advance();
    ring_.advance();
    if (!opening->is_guess || opening->num_granules == piece_.end_granule - piece_.first_granule) {
      next_query_slot();
    }
    // What is left of the chunk.
    chunk->first += opening->num_granules;
    chunk->num_granules -= opening->num_granules;
    chunk->block_id = __shfl_sync(kAllLanes, chunk->block_id, (lane_ + opening->num_granules) % 32);
  }

  __device__ __forceinline__ void begin_anew() {
    // Small tables come to L2 while the lengths are on their way, which say what to read of them.
    const int64_t table_bytes = params_.num_seqs * params_.block_table_stride * 4;
    if (table_bytes <= kPrefetchedTableBytes) {
      for (int64_t line = lane_ * 128; line < table_bytes; line += 32 * 128) {
        prefetch_to_l2(reinterpret_cast<const char*>(params_.block_tables) + line);
      }
    }
    walker_.restart();
    has_grab_ = walker_.enter_first();
    piece_ = Piece{};
    next_granule_ = 0;
  }

  /// Queues the units of a chunk; returns the next one.
  __device__ __forceinline__ Chunk queue(const Chunk& chunk) {
    const TileRows tile(params_, chunk.piece.row_idx, chunk.piece.stripe);
    const int32_t chunk_end = chunk.first + chunk.num_granules;
    const char* keys = keys_of(tile);
    const char* values = values_of(tile);
    const int64_t lane_offset = offset_of(chunk.block_id, chunk.first + lane_);
    Chunk next{};
    for (int first = chunk.first; first < chunk_end; first += granules_per_unit_) {
      const bool opens_piece = first == chunk.piece.first_granule;
      const int num_granules =
          chunk.piece.end_visible == 0 ? 0 : min(granules_per_unit_, chunk_end - first);
      const int64_t offset =
          __shfl_sync(kAllLanes, lane_offset, (first - chunk.first + lane_ % 8) % 32);
      for (int is_value = 0; is_value < 2; ++is_value) {
        ring_.wait_until_empty();
        // A unit without bytes is full as soon as lane 0 has arrived, and can be given back while
        // another lane has yet to see that the slot was empty: it would wait for ever.
        __syncwarp();
        if (lane_ == 0) {
          const uint32_t query_bytes = is_value == 0 && opens_piece ? query_bytes_of(tile) : 0;
          if (is_value == 0) {
            ring_.units[ring_.slot] = describe(chunk.piece, tile, first);
          }
          barrier_arrive_expecting(ring_.full_barrier(),
                                   num_granules * granule_bytes_ + query_bytes);
          if (query_bytes > 0) {
            bulk_copy(query_target(query_slot_), queries_of(tile), query_bytes,
                      ring_.full_barrier(), policy_);
          }
        }
        __syncwarp();
        if (lane_ / 8 == is_value && lane_ % 8 < num_granules) {
          bulk_copy(granule_target(ring_.slot), (is_value ? values : keys) + offset, granule_bytes_,
                    ring_.full_barrier(), policy_);
        }
        ring_.advance();
      }
      // Ahead of need: behind all the copies in flight an answer takes microseconds.
      if (first == chunk.first) {
        next = next_chunk();
      }
    }
    if (chunk_end == chunk.piece.end_granule) {
      next_query_slot();
    }
    return next;
  }

  const DecodeParams& params_;
  DecodeRing<Shape>& ring_;
  const int lane_;
  const int granules_per_unit_;
  const int granules_per_block_;
  const int granule_pitch_;
  const uint32_t granule_bytes_;
  const uint64_t policy_;

  WorkWalker walker_;
  bool has_grab_ = false;
  Piece piece_{};
  int32_t next_granule_ = 0;
  int query_slot_ = 0;
};

}  // namespace pagoda

#endif
