// Paged decode for Hopper: bulk copies fill a ring of tiles, matrix instructions empty it.
#ifndef PAGODA_ATTENTION_SM90_PAGED_DECODE_CUH
#define PAGODA_ATTENTION_SM90_PAGED_DECODE_CUH

#include <algorithm>
#include <type_traits>

#include "attention/combine.cuh"
#include "attention/online_softmax.cuh"
#include "attention/paged_decode.h"
#include "attention/work_list.cuh"
#include "device/bulk_copy.cuh"
#include "device/cache_policy.cuh"
#include "device/elements.cuh"
#include "device/launch_order.cuh"
#include "device/shared_memory.cuh"
#include "device/tensor_core.cuh"

namespace pagoda {

/// Numbers of the kernel that its launcher needs too.
template <int kHeadDim, int kQueryTiles>
struct Sm90Decode {
  static constexpr int kConsumerWarps = 4;
  static constexpr int kThreads = 32 * (kConsumerWarps + 1);
  static constexpr int kUnitTokens = 64;  // 16 per consumer warp
  static constexpr int kTileRows = 8 * kQueryTiles;
  static constexpr int kRowBytes = 2 * kHeadDim;
  // Tiles of these head dims lie in shared memory as they do in the pool, on lines of 128 bytes,
  // where the copy engine writes fastest, and lanes read 16 or 8 bytes of a row. Other rows are
  // read by matrix loads, for which tiles lie 16 bytes off.
  static constexpr bool kReadsVectors = kHeadDim % 64 == 0;
  // Some floats more than a row: heads then lie in different banks.
  static constexpr int kScratchPitch = kHeadDim + (kReadsVectors ? 8 : 4);
  // Each warp's rows, each with its maximum and sum.
  static constexpr int kScratchFloats = kConsumerWarps * kTileRows * (kScratchPitch + 2);
  // In turn from piece to piece, where there is room: one barrier less at the end of a piece.
  static constexpr int kScratches = kScratchFloats * 4 <= (18 << 10) ? 2 : 1;
  static constexpr int kMaxPending = 32;
  static constexpr int kPendingBytes = kMaxPending * (sizeof(SplitSequence) + 4);
  static constexpr int kFixedBytes = kScratches * kScratchFloats * 4 + kPendingBytes;
  static constexpr int kQueryBytes = kTileRows * kRowBytes;
  static constexpr int32_t kMaxSlots = 24;
  // Registers: accumulators and queries grow with both numbers.
  static constexpr int kMinCtas = kHeadDim <= 192 && kHeadDim * kQueryTiles <= 256 ? 2 : 1;
  static_assert(kHeadDim % 16 == 0 && kHeadDim <= 256);

  /// For matrix loads, granules are 16 bytes further apart than their tokens need, modulo 128: rows
  /// of four or eight granules that one load reads then lie in different banks.
  __host__ __device__ static constexpr int granule_pitch(int granule_tokens) {
    return (granule_tokens * kRowBytes + 127) / 128 * 128 + (kReadsVectors ? 0 : 16);
  }

  __host__ __device__ static constexpr int slot_bytes(int granule_tokens) {
    // Whole lines, so that every slot starts at the same bank.
    return (kUnitTokens / granule_tokens * granule_pitch(granule_tokens) + 127) / 128 * 128;
  }

  /// Query tiles in flight: a piece takes two slots or more, so that no more pieces fit the ring.
  __host__ __device__ static constexpr int num_query_slots(int num_slots) {
    return (num_slots + 1) / 2;
  }

  static constexpr int shared_bytes(int num_slots, int slot_bytes) {
    constexpr int kDescriptionAndBarriers = 48 + 16;
    return num_slots * (slot_bytes + kDescriptionAndBarriers) +
           num_query_slots(num_slots) * kQueryBytes + kFixedBytes;
  }
};

/// What the producer tells the consumers about one unit, 48 bytes.
struct alignas(16) DecodeUnit {
  int32_t flags;
  int32_t first_token;    // position of the unit's first token
  int32_t first_visible;  // token
  int32_t end_visible;    // token; also where the piece ends, if that is earlier
  int32_t context_length;
  int32_t row_idx;
  int32_t stripe;
  int32_t part;
  int32_t first_part;
  int32_t last_part;
  int32_t first_query_head;
  int16_t num_rows;
  int16_t query_slot;
};

constexpr int64_t kPrefetchedTableBytes = 16 << 10;
/// Of keys, and as many of values: more pushes out of L2 what others have asked for.
constexpr uint32_t kLookAheadBytes = 32 << 10;

constexpr int32_t kUnitEndsPiece = 1;
constexpr int32_t kUnitEndsWork = 2;
constexpr int32_t kUnitIsVoid = 4;  // to be given back as it is

/// Eight bytes of two rows, element by element: pairs[i] holds element i of each.
__device__ __forceinline__ void zip_rows(uint32_t (&pairs)[4], uint2 low, uint2 high) {
  pairs[0] = __byte_perm(low.x, high.x, 0x5410);
  pairs[1] = __byte_perm(low.x, high.x, 0x7632);
  pairs[2] = __byte_perm(low.y, high.y, 0x5410);
  pairs[3] = __byte_perm(low.y, high.y, 0x7632);
}

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
  constexpr int kSteps = kHeadDim / 16;
  PAGODA_CTA_SHARED_MEMORY(shared);

  const int num_slots = params.num_slots;
  char* ring = shared;
  char* query_slots = shared + num_slots * params.slot_bytes;
  float* scratch = reinterpret_cast<float*>(query_slots +
                                            Shape::num_query_slots(num_slots) * Shape::kQueryBytes);
  auto* pending =
      reinterpret_cast<SplitSequence*>(scratch + Shape::kScratches * Shape::kScratchFloats);
  auto* is_last = reinterpret_cast<int32_t*>(pending + Shape::kMaxPending);
  auto* units = reinterpret_cast<DecodeUnit*>(is_last + Shape::kMaxPending);  // [num_slots]
  auto* barriers = reinterpret_cast<uint64_t*>(units + num_slots);
  const uint32_t full = shared_address(barriers);  // [num_slots]
  const uint32_t empty = full + 8 * num_slots;     // [num_slots]

  const int warp = threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  if (threadIdx.x == 0) {
    for (int i = 0; i < num_slots; ++i) {
      barrier_init(full + 8 * i, 1);
      barrier_init(empty + 8 * i, 32 * Shape::kConsumerWarps);
    }
    barrier_init_fence();
  }
  __syncthreads();

  constexpr DType kKvDType = std::is_same_v<KvType, __half> ? DType::kFp16 : DType::kBf16;
  const bool queries_need_rounding = params.row_dtype != kKvDType;
  const int granule_tokens = params.granule_tokens;
  const int granules_per_unit = Shape::kUnitTokens / granule_tokens;
  const int granule_pitch = Shape::granule_pitch(granule_tokens);
  int slot = 0;
  uint32_t phase = 0;
  const auto advance = [&] {
    if (++slot == num_slots) {
      slot = 0;
      phase ^= 1;
    }
  };

  if (warp == Shape::kConsumerWarps) {
    // The producer. Lanes 0 to 7 queue keys, lanes 8 to 15 values, a granule each.
    const uint64_t policy = evict_first_policy();
    const uint32_t granule_bytes = granule_tokens * Shape::kRowBytes;
    const int granules_per_block = params.block_size / granule_tokens;
    const auto keys_of = [&](const TileRows& tile) {
      return params.pool + params.key_base_bytes + tile.kv_head_idx * params.key_tile_bytes;
    };
    const auto values_of = [&](const TileRows& tile) {
      return params.pool + params.value_base_bytes + tile.kv_head_idx * params.value_tile_bytes;
    };
    const auto offset_of = [&](int32_t block_id, int32_t granule) {
      return block_id * params.block_bytes +
             static_cast<int64_t>(granule % granules_per_block) * granule_bytes;
    };
    const auto id_place = [&](const Chunk& chunk) {
      return params.block_tables + chunk.piece.seq_idx * params.block_table_stride +
             (chunk.first + lane) / granules_per_block;
    };

    const auto queries_of = [&](const TileRows& tile) {
      return static_cast<const char*>(params.queries) +
             tile.row_idx * params.query_row_stride_bytes +
             tile.first_query_head * Shape::kRowBytes;
    };
    const auto query_bytes_of = [&](const TileRows& tile) {
      return queries_need_rounding ? 0u : static_cast<uint32_t>(tile.num_rows) * Shape::kRowBytes;
    };
    const auto granule_target = [&](int to_slot) {
      return shared_address(ring + to_slot * params.slot_bytes + lane % 8 * granule_pitch);
    };
    const auto query_target = [&](int query_slot) {
      return shared_address(query_slots + query_slot * Shape::kQueryBytes);
    };
    int query_slot = 0;
    const auto next_query_slot = [&] {
      query_slot = query_slot + 1 == Shape::num_query_slots(num_slots) ? 0 : query_slot + 1;
    };
    const auto describe = [&](const Piece& piece, const TileRows& tile, int32_t first) {
      DecodeUnit unit;
      unit.flags = first + granules_per_unit >= piece.end_granule ? kUnitEndsPiece : 0;
      unit.first_token = first * granule_tokens;
      unit.first_visible = piece.first_visible;
      unit.end_visible = min(piece.end_visible, piece.end_granule * granule_tokens);
      unit.context_length = piece.end_visible;
      unit.row_idx = piece.row_idx;
      unit.stripe = piece.stripe;
      unit.part = piece.part;
      unit.first_part = piece.first_part;
      unit.last_part = piece.last_part;
      unit.first_query_head = tile.first_query_head;
      unit.num_rows = static_cast<int16_t>(tile.num_rows);
      unit.query_slot = static_cast<int16_t>(query_slot);
      return unit;
    };

    WorkWalker walker(params, Grabs::kOnDemand);
    bool has_grab = walker.enter_first();
    Piece piece{};
    int32_t next_granule = 0;
    /// The next granules of the piece, as long as it has some; their block ids are not read.
    const auto take_granules = [&] {
      Chunk chunk{};
      chunk.piece = piece;
      chunk.first = next_granule;
      chunk.num_granules = min(32, piece.end_granule - next_granule);
      next_granule += chunk.num_granules;
      return chunk;
    };
    const auto fetch = [&] {
      while (has_grab && next_granule >= piece.end_granule) {
        if (walker.next(&piece)) {
          next_granule = piece.first_granule;
          break;
        }
        has_grab = walker.enter_next();
      }
      if (!has_grab) {
        return Chunk{};
      }
      Chunk chunk = take_granules();
      if (lane < chunk.num_granules && piece.end_visible > 0) {
        chunk.block_id = __ldcg(id_place(chunk));
      }
      return chunk;
    };

    // While earlier launches still run, the CTA guesses what it begins with, brings it to L2, and
    // prepares the copies of its first unit: what runs behind the wait is cold code, and every
    // instruction of it costs. Lengths and tables may be what an earlier launch is about to change:
    // every index is checked, nothing comes of the guess before it has been compared with what they
    // are after the wait, and they are read past L1, where old lines would outlive it.
    Chunk chunk{};
    bool is_guess = false;
    int num_opening = 0;                   // granules of the first unit
    const char* opening_source = nullptr;  // one copy of each lane
    uint32_t opening_target = 0;
    uint32_t opening_bytes = 0;
    const int32_t* id_source = params.block_tables;
    if (has_grab && walker.next(&piece)) {
      next_granule = piece.first_granule;
      chunk = take_granules();
      if (read_guessed_ids(params, &chunk)) {
        const TileRows tile(params, piece.row_idx, piece.stripe);
        const int64_t offset = offset_of(chunk.block_id, chunk.first + lane);
        if (lane < chunk.num_granules && lane * granule_bytes < kLookAheadBytes) {
          bulk_prefetch_to_l2(keys_of(tile) + offset, granule_bytes);
          bulk_prefetch_to_l2(values_of(tile) + offset, granule_bytes);
        }
        is_guess = walker.is_held();
        if (is_guess) {
          id_source = id_place(chunk);
          num_opening = min(granules_per_unit, chunk.num_granules);
          const int64_t own_offset = __shfl_sync(kAllLanes, offset, lane % 8);
          if (lane < 16 && lane % 8 < num_opening) {
            opening_source = (lane < 8 ? keys_of(tile) : values_of(tile)) + own_offset;
            opening_target = granule_target(lane / 8);
            opening_bytes = granule_bytes;
          } else if (lane == 16) {
            opening_source = queries_of(tile);
            opening_target = query_target(0);
            opening_bytes = query_bytes_of(tile);
          }
          if (lane == 0) {
            units[0] = describe(piece, tile, chunk.first);
            barrier_expect(full, num_opening * granule_bytes + query_bytes_of(tile));
            barrier_expect(full + 8, num_opening * granule_bytes);
          }
        }
      }
    }
    const uint32_t opening_barrier = full + (lane / 8 == 1 ? 8 : 0);
    PAGODA_COMPUTED_BY_NOW(opening_source, id_source, opening_target);

    // The one wait of the CTA: consumers touch nothing but shared memory before the first unit.
    wait_for_earlier_launches();
    let_later_launches_start();
    if (is_guess) {
      // Lengths and ids are asked for ahead of the copies: behind them an answer takes long.
      HeldLengths lengths;
      lengths.read(params);
      const int32_t block_id = lane < chunk.num_granules ? __ldcg(id_source) : 0;
      // More units than one would hold up the answers, and the units behind them.
      if (opening_bytes > 0) {
        bulk_copy(opening_target, opening_source, opening_bytes, opening_barrier, policy);
      }
      is_guess = __all_sync(kAllLanes, lengths == walker.held() && block_id == chunk.block_id);
      if (lane == 0) {
        if (!is_guess) {
          units[0].flags = kUnitIsVoid;
        }
        // No consumer has seen any of it before.
        barrier_arrive(full);
        barrier_arrive(full + 8);
      }
      advance();
      advance();
      if (!is_guess || num_opening == piece.end_granule - piece.first_granule) {
        next_query_slot();
      }
      // What is left of the chunk.
      chunk.first += num_opening;
      chunk.num_granules -= num_opening;
      chunk.block_id = __shfl_sync(kAllLanes, chunk.block_id, (lane + num_opening) % 32);
    }
    if (!is_guess) {
      // Small tables come to L2 while the lengths are on their way, which say what to read of them.
      const int64_t table_bytes = params.num_seqs * params.block_table_stride * 4;
      if (table_bytes <= kPrefetchedTableBytes) {
        for (int64_t line = lane * 128; line < table_bytes; line += 32 * 128) {
          prefetch_to_l2(reinterpret_cast<const char*>(params.block_tables) + line);
        }
      }
      walker.restart();
      has_grab = walker.enter_first();
      piece = Piece{};
      next_granule = 0;
      chunk.num_granules = 0;
    }
    if (chunk.num_granules == 0) {
      chunk = fetch();
    }

    while (chunk.num_granules > 0) {
      const TileRows tile(params, chunk.piece.row_idx, chunk.piece.stripe);
      const int32_t chunk_end = chunk.first + chunk.num_granules;
      const char* keys = keys_of(tile);
      const char* values = values_of(tile);
      const int64_t lane_offset = offset_of(chunk.block_id, chunk.first + lane);
      Chunk next_chunk{};
      for (int first = chunk.first; first < chunk_end; first += granules_per_unit) {
        const bool opens_piece = first == chunk.piece.first_granule;
        const int num_granules =
            chunk.piece.end_visible == 0 ? 0 : min(granules_per_unit, chunk_end - first);
        const int64_t offset =
            __shfl_sync(kAllLanes, lane_offset, (first - chunk.first + lane % 8) % 32);
        for (int is_value = 0; is_value < 2; ++is_value) {
          barrier_wait(empty + 8 * slot, phase ^ 1);
          // A unit without bytes is full as soon as lane 0 has arrived, and can be given back while
          // another lane has yet to see that the slot was empty: it would wait for ever.
          __syncwarp();
          if (lane == 0) {
            const uint32_t query_bytes = is_value == 0 && opens_piece ? query_bytes_of(tile) : 0;
            if (is_value == 0) {
              units[slot] = describe(chunk.piece, tile, first);
            }
            barrier_arrive_expecting(full + 8 * slot, num_granules * granule_bytes + query_bytes);
            if (query_bytes > 0) {
              bulk_copy(query_target(query_slot), queries_of(tile), query_bytes, full + 8 * slot,
                        policy);
            }
          }
          __syncwarp();
          if (lane / 8 == is_value && lane % 8 < num_granules) {
            bulk_copy(granule_target(slot), (is_value ? values : keys) + offset, granule_bytes,
                      full + 8 * slot, policy);
          }
          advance();
        }
        // Ahead of need: behind all the copies in flight an answer takes microseconds.
        if (first == chunk.first) {
          next_chunk = fetch();
        }
      }
      if (chunk_end == chunk.piece.end_granule) {
        next_query_slot();
      }
      chunk = next_chunk;
    }
    barrier_wait(empty + 8 * slot, phase ^ 1);
    if (lane == 0) {
      units[slot].flags = kUnitEndsWork;
      barrier_arrive(full + 8 * slot);
    }
    return;
  }

  // The consumers. Token m of 16 of a warp lies in granule m % granules_per_unit.
  const int group = lane / 4;
  const int member = lane % 4;
  const int rows_per_granule = 16 / granules_per_unit;  // of this warp
  const auto token_in_unit = [&](int m) {
    const int granule = m % granules_per_unit;
    return granule * granule_tokens + warp * rows_per_granule + m / granules_per_unit;
  };
  const auto byte_in_slot = [&](int m) {
    const int granule = m % granules_per_unit;
    return granule * granule_pitch +
           (warp * rows_per_granule + m / granules_per_unit) * Shape::kRowBytes;
  };
  // Lane i names a row of matrix i / 8. Keys are the left operand as they lie: matrices are (tokens
  // 0-7, dims 0-7), (8-15, 0-7), (0-7, 8-15), (8-15, 8-15). Values are transposed: (tokens 0-7,
  // dims 0-7), (0-7, 8-15), (8-15, 0-7), (8-15, 8-15).
  const uint32_t ring_address = shared_address(ring);
  const uint32_t key_lane = byte_in_slot(lane % 16) + lane / 16 * 16;
  const uint32_t value_lane = byte_in_slot(lane % 8 + lane / 16 * 8) + lane / 8 % 2 * 16;
  const int low_token = token_in_unit(group);
  const int high_token = token_in_unit(group + 8);
  // With vectors: the rows of this lane's keys, and of its values. Values are transposed on the
  // way into registers: a lane zips the rows of two tokens, dims [i * kSteps, (i + 1) * kSteps) of
  // which are rows i of the kSteps matrices.
  const int low_byte = byte_in_slot(group);
  const int high_byte = byte_in_slot(group + 8);
  int value_bytes[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    value_bytes[i] = byte_in_slot(2 * member + i % 2 + i / 2 * 8) + group * 2 * kSteps;
  }
  // The order of dims in a product is free: with vectors, two steps take a vector of keys, and one
  // of queries.
  const auto query_dim = [&](int step, int half) {
    return Shape::kReadsVectors ? (step / 2 * 4 + member) * 8 + step % 2 * 4 + half * 2
                                : step * 16 + half * 8 + 2 * member;
  };
  const float scale_log2 = params.softmax_scale * kLog2E;
  constexpr int kConsumers = 32 * Shape::kConsumerWarps;
  const auto consumers_meet = [] { named_barrier_sync<1, kConsumers>(); };

  // Partial results are announced, and merged, when the work is over: a fence in the middle of it
  // takes microseconds, because it waits behind all the copies in flight.
  int num_pending = 0;
  int scratch_idx = 0;
  const auto settle_pending = [&] {
    consumers_meet();
    if (static_cast<int>(threadIdx.x) < num_pending) {
      is_last[threadIdx.x] = arrives_last(params, pending[threadIdx.x]);
    }
    consumers_meet();
    for (int i = 0; i < num_pending; ++i) {
      if (is_last[i]) {
        const SplitSequence split = pending[i];
        cta_combine_splits<kConsumers, 4>(params, TileRows(params, split.row_idx, split.stripe),
                                          split);
      }
    }
    num_pending = 0;
  };

  while (true) {
    barrier_wait(full + 8 * slot, phase);
    DecodeUnit unit = units[slot];
    if (unit.flags & kUnitEndsWork) {
      break;
    }
    if (unit.flags & kUnitIsVoid) {
      // Its keys have landed, its values and then both slots are given back.
      barrier_arrive(empty + 8 * slot);
      advance();
      barrier_wait(full + 8 * slot, phase);
      barrier_arrive(empty + 8 * slot);
      advance();
      continue;
    }
    const QueryRows tile{unit.row_idx, unit.first_query_head, unit.num_rows};
    uint32_t queries[kQueryTiles][kSteps][2];
    float rows[kQueryTiles][kSteps][4] = {};  // [dim, query head] of the output, not yet divided
    float maxima[kQueryTiles][2];
    float sums[kQueryTiles][2] = {};  // of this lane's tokens alone
    float slopes_log2[kQueryTiles][2] = {};
#pragma unroll
    for (int n = 0; n < kQueryTiles; ++n) {
      const int row = n * 8 + group;
      const bool is_row = row < tile.num_rows;
      const char* query_row =
          query_slots + unit.query_slot * Shape::kQueryBytes + row * Shape::kRowBytes;
      if (queries_need_rounding) {
        const char* row_queries =
            static_cast<const char*>(params.queries) + unit.row_idx * params.query_row_stride_bytes;
#pragma unroll
        for (int step = 0; step < kSteps; ++step) {
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            const int64_t idx = static_cast<int64_t>(tile.first_query_head + row) * kHeadDim +
                                query_dim(step, half);
            queries[n][step][half] =
                is_row ? pack_pair<KvType>(load_element(row_queries, params.row_dtype, idx),
                                           load_element(row_queries, params.row_dtype, idx + 1))
                       : 0;
          }
        }
      } else if constexpr (Shape::kReadsVectors) {
#pragma unroll
        for (int step = 0; step < kSteps; step += 2) {
          const uint4 dims =
              is_row ? *reinterpret_cast<const uint4*>(query_row + 2 * query_dim(step, 0))
                     : make_uint4(0, 0, 0, 0);
          queries[n][step][0] = dims.x;
          queries[n][step][1] = dims.y;
          queries[n][step + 1][0] = dims.z;
          queries[n][step + 1][1] = dims.w;
        }
      } else {
#pragma unroll
        for (int step = 0; step < kSteps; ++step) {
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            queries[n][step][half] =
                is_row ? *reinterpret_cast<const uint32_t*>(query_row + 2 * query_dim(step, half))
                       : 0;
          }
        }
      }
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        maxima[n][i] = minus_infinity();
        const int own_row = n * 8 + 2 * member + i;
        if (params.maybe_alibi_slopes != nullptr && own_row < tile.num_rows) {
          slopes_log2[n][i] = params.maybe_alibi_slopes[tile.first_query_head + own_row] * kLog2E;
        }
      }
    }

    while (true) {
      float scores[kQueryTiles][4] = {};
      {
        // Two chains, because one would wait for its own last sum at every step.
        float other[kQueryTiles][4] = {};
        if constexpr (Shape::kReadsVectors) {
          const char* low_row = ring + slot * params.slot_bytes + low_byte + member * 16;
          const char* high_row = ring + slot * params.slot_bytes + high_byte + member * 16;
#pragma unroll
          for (int step = 0; step < kSteps; step += 2) {
            const uint4 low = *reinterpret_cast<const uint4*>(low_row + step * 32);
            const uint4 high = *reinterpret_cast<const uint4*>(high_row + step * 32);
            const uint32_t first[4] = {low.x, high.x, low.y, high.y};
            const uint32_t second[4] = {low.z, high.z, low.w, high.w};
#pragma unroll
            for (int n = 0; n < kQueryTiles; ++n) {
              multiply_accumulate<KvType>(scores[n], first, queries[n][step][0],
                                          queries[n][step][1]);
              multiply_accumulate<KvType>(other[n], second, queries[n][step + 1][0],
                                          queries[n][step + 1][1]);
            }
          }
        } else {
          const uint32_t row_address = ring_address + slot * params.slot_bytes + key_lane;
#pragma unroll
          for (int step = 0; step < kSteps; ++step) {
            uint32_t keys[4];
            load_matrices(keys, row_address + step * 32);
#pragma unroll
            for (int n = 0; n < kQueryTiles; ++n) {
              multiply_accumulate<KvType>(step % 2 == 0 ? scores[n] : other[n], keys,
                                          queries[n][step][0], queries[n][step][1]);
            }
          }
        }
#pragma unroll
        for (int n = 0; n < kQueryTiles; ++n) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            scores[n][i] += other[n][i];
          }
        }
      }
      // Every lane by itself: one for the warp is no faster, and racecheck does not follow it. A
      // score is the sum of products that took all keys that the lane has read.
      barrier_arrive_after(__float_as_uint(scores[0][0]), empty + 8 * slot);
      advance();

      const bool is_partial = unit.first_token < unit.first_visible ||
                              unit.first_token + Shape::kUnitTokens > unit.end_visible;
      const int visible_from = unit.first_visible - unit.first_token;
      const int visible_to = unit.end_visible - unit.first_token;
      const auto is_visible = [&](int token) {
        return token >= visible_from && token < visible_to;
      };

      bool rises = false;
#pragma unroll
      for (int n = 0; n < kQueryTiles; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int token = i < 2 ? low_token : high_token;
          float score = scores[n][i] * scale_log2;
          if (params.logit_soft_cap > 0.0f) {
            score = params.logit_soft_cap * kLog2E *
                    tanhf(scores[n][i] * params.softmax_scale / params.logit_soft_cap);
          }
          if (params.maybe_alibi_slopes != nullptr) {
            const int distance = unit.first_token + token - (unit.context_length - 1);
            score += slopes_log2[n][i % 2] * static_cast<float>(distance);
          }
          if (is_partial && !is_visible(token)) {
            score = minus_infinity();
          }
          scores[n][i] = score;
          // Up to 2^8 above the reference is no danger to a sum in FP32, nor to a 16-bit element.
          rises |= score > maxima[n][i % 2] + 8.0f;
        }
      }
      if (__any_sync(kAllLanes, rises)) {
#pragma unroll
        for (int n = 0; n < kQueryTiles; ++n) {
#pragma unroll
          for (int i = 0; i < 2; ++i) {
            float maximum = fmaxf(maxima[n][i], fmaxf(scores[n][i], scores[n][i + 2]));
#pragma unroll
            for (int offset = 4; offset < 32; offset *= 2) {
              maximum = fmaxf(maximum, __shfl_xor_sync(kAllLanes, maximum, offset));
            }
            const float shrink = rescale_factor(maxima[n][i], maximum);
            maxima[n][i] = maximum;
            sums[n][i] *= shrink;
#pragma unroll
            for (int step = 0; step < kSteps; ++step) {
              rows[n][step][i] *= shrink;
              rows[n][step][i + 2] *= shrink;
            }
          }
        }
      }

      uint32_t probabilities[kQueryTiles][2];
#pragma unroll
      for (int n = 0; n < kQueryTiles; ++n) {
        float p[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const float maximum = maxima[n][i % 2];
          p[i] = exp2_approximate(scores[n][i] - (maximum == minus_infinity() ? 0.0f : maximum));
        }
        sums[n][0] += p[0] + p[2];
        sums[n][1] += p[1] + p[3];
        probabilities[n][0] = transpose_matrix(pack_pair<KvType>(p[0], p[1]));
        probabilities[n][1] = transpose_matrix(pack_pair<KvType>(p[2], p[3]));
      }

      barrier_wait(full + 8 * slot, phase);
      // A slot that nobody owns may hold NaN, which a probability of 0 would not silence.
      uint32_t keep[2] = {0xffffffffu, 0xffffffffu};
      if (is_partial) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const int token = i * 8 + 2 * member;
          keep[i] = (is_visible(token_in_unit(token)) ? 0x0000ffffu : 0u) |
                    (is_visible(token_in_unit(token + 1)) ? 0xffff0000u : 0u);
        }
      }
      uint32_t all_values = 0;  // a register of every load
      const auto add_values = [&](int step, uint32_t (&values)[4]) {
        if (is_partial) {
          values[0] &= keep[0];
          values[1] &= keep[0];
          values[2] &= keep[1];
          values[3] &= keep[1];
        }
#pragma unroll
        for (int n = 0; n < kQueryTiles; ++n) {
          multiply_accumulate<KvType>(rows[n][step], values, probabilities[n][0],
                                      probabilities[n][1]);
        }
      };
      if constexpr (Shape::kReadsVectors) {
        const char* slot_values = ring + slot * params.slot_bytes;
        constexpr int kVectorBytes = kSteps % 8 == 0 ? 16 : 8;
#pragma unroll
        for (int first = 0; first < kSteps; first += kVectorBytes / 2) {
          uint2 low_rows[4][kVectorBytes / 8];   // of dims group * kSteps + first and on
          uint2 high_rows[4][kVectorBytes / 8];  // eight rows of matrices further
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const char* vector = slot_values + value_bytes[i] + first * 2;
            if constexpr (kVectorBytes == 16) {
              const uint4 low = *reinterpret_cast<const uint4*>(vector);
              const uint4 high = *reinterpret_cast<const uint4*>(vector + Shape::kRowBytes / 2);
              all_values ^= low.x ^ high.x;
              low_rows[i][0] = make_uint2(low.x, low.y);
              low_rows[i][1] = make_uint2(low.z, low.w);
              high_rows[i][0] = make_uint2(high.x, high.y);
              high_rows[i][1] = make_uint2(high.z, high.w);
            } else {
              low_rows[i][0] = *reinterpret_cast<const uint2*>(vector);
              high_rows[i][0] = *reinterpret_cast<const uint2*>(vector + Shape::kRowBytes / 2);
              all_values ^= low_rows[i][0].x ^ high_rows[i][0].x;
            }
          }
#pragma unroll
          for (int quarter = 0; quarter < kVectorBytes / 8; ++quarter) {
            uint32_t zipped[4][4];  // [matrix of the operand][step]
            zip_rows(zipped[0], low_rows[0][quarter], low_rows[1][quarter]);
            zip_rows(zipped[1], high_rows[0][quarter], high_rows[1][quarter]);
            zip_rows(zipped[2], low_rows[2][quarter], low_rows[3][quarter]);
            zip_rows(zipped[3], high_rows[2][quarter], high_rows[3][quarter]);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
              uint32_t values[4] = {zipped[0][i], zipped[1][i], zipped[2][i], zipped[3][i]};
              add_values(first + quarter * 4 + i, values);
            }
          }
        }
      } else {
        const uint32_t row_address = ring_address + slot * params.slot_bytes + value_lane;
#pragma unroll
        for (int step = 0; step < kSteps; ++step) {
          uint32_t values[4];
          load_matrices_transposed(values, row_address + step * 32);
          all_values ^= values[0];
          add_values(step, values);
        }
      }
      barrier_arrive_after(all_values, empty + 8 * slot);
      advance();

      if (unit.flags & kUnitEndsPiece) {
        break;
      }
      barrier_wait(full + 8 * slot, phase);
      unit = units[slot];
    }

    // The piece is read: four warps become one result.
    if (Shape::kScratches == 1) {
      consumers_meet();
    }
    float* piece_rows = scratch + scratch_idx * Shape::kScratchFloats;
    auto* piece_ends = reinterpret_cast<float2*>(
        piece_rows + Shape::kConsumerWarps * Shape::kTileRows * Shape::kScratchPitch);
    scratch_idx = (scratch_idx + 1) % Shape::kScratches;
#pragma unroll
    for (int n = 0; n < kQueryTiles; ++n) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        float sum = sums[n][i];
#pragma unroll
        for (int offset = 4; offset < 32; offset *= 2) {
          sum += __shfl_xor_sync(kAllLanes, sum, offset);
        }
        const int row = warp * Shape::kTileRows + n * 8 + 2 * member + i;
        if (group == 0) {
          piece_ends[row] = make_float2(maxima[n][i], sum);
        }
        float* place = piece_rows + row * Shape::kScratchPitch;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          if constexpr (Shape::kReadsVectors) {
#pragma unroll
            for (int step = 0; step < kSteps; step += 4) {
              *reinterpret_cast<float4*>(place + (group + half * 8) * kSteps + step) =
                  make_float4(rows[n][step][half * 2 + i], rows[n][step + 1][half * 2 + i],
                              rows[n][step + 2][half * 2 + i], rows[n][step + 3][half * 2 + i]);
            }
          } else {
#pragma unroll
            for (int step = 0; step < kSteps; ++step) {
              place[step * 16 + group + half * 8] = rows[n][step][half * 2 + i];
            }
          }
        }
      }
    }
    consumers_meet();

    const SplitSequence split{unit.row_idx, unit.stripe, unit.first_part, unit.last_part};
    const bool is_whole = split.first_part == split.last_part;
    float* partial = is_whole ? nullptr : partial_of(params, split, unit.part);
    constexpr int kVectorsPerRow = kHeadDim / 4;
    for (int i = threadIdx.x; i < tile.num_rows * kVectorsPerRow; i += kConsumers) {
      const int row = i / kVectorsPerRow;
      const int dim = (i - row * kVectorsPerRow) * 4;
      float2 ends[Shape::kConsumerWarps];
      float maximum = minus_infinity();
#pragma unroll
      for (int w = 0; w < Shape::kConsumerWarps; ++w) {
        ends[w] = piece_ends[w * Shape::kTileRows + row];
        maximum = fmaxf(maximum, ends[w].x);
      }
      float sum = 0.0f;
      float values[4] = {};
#pragma unroll
      for (int w = 0; w < Shape::kConsumerWarps; ++w) {
        const float weight = rescale_factor(ends[w].x, maximum);
        const float4 of_warp = *reinterpret_cast<const float4*>(
            piece_rows + (w * Shape::kTileRows + row) * Shape::kScratchPitch + dim);
        sum = fmaf(ends[w].y, weight, sum);
        values[0] = fmaf(of_warp.x, weight, values[0]);
        values[1] = fmaf(of_warp.y, weight, values[1]);
        values[2] = fmaf(of_warp.z, weight, values[2]);
        values[3] = fmaf(of_warp.w, weight, values[3]);
      }
      if (is_whole) {
        const RowEnd end =
            end_row(maximum, sum, maybe_sink_of(params, tile.first_query_head + row));
        for (float& value : values) {
          value *= end.factor;
        }
        store_output<4>(params, tile, row, dim, values);
        if (dim == 0) {
          store_lse(params, tile, row, end.lse);
        }
      } else {
        *reinterpret_cast<float4*>(partial + 2 * Shape::kTileRows + row * kHeadDim + dim) =
            make_float4(values[0], values[1], values[2], values[3]);
        if (dim == 0) {
          *reinterpret_cast<float2*>(partial + 2 * row) = make_float2(maximum, sum);
        }
      }
    }
    if (!is_whole) {
      if (threadIdx.x == 0) {
        pending[num_pending] = split;
      }
      if (++num_pending == Shape::kMaxPending) {
        settle_pending();
        consumers_meet();
      }
    }
  }
  if (num_pending > 0) {
    settle_pending();
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
