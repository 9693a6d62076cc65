// The ring in shared memory between the decode kernel's producer and its consumers.
#ifndef PAGODA_ATTENTION_SM90_DECODE_RING_CUH
#define PAGODA_ATTENTION_SM90_DECODE_RING_CUH

#include <cstdint>
#include <type_traits>

#include "attention/combine.cuh"
#include "attention/paged_decode.h"
#include "device/bulk_copy.cuh"
#include "device/elements.cuh"

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

constexpr int32_t kUnitEndsPiece = 1;
constexpr int32_t kUnitEndsWork = 2;
constexpr int32_t kUnitIsVoid = 4;  // to be given back as it is

/// The CTA's shared memory, and where in the ring a warp is.
///
/// A unit takes two slots, its keys' and its values'. A slot is full when its barrier has had the
/// producer's arrival and all bytes that were announced, and empty when all consumers have arrived.
template <typename Shape>
struct DecodeRing {
  const int num_slots;
  const int slot_bytes;
  char* tiles;             // [num_slots, slot_bytes]
  char* queries;           // [num_query_slots, kQueryBytes]
  float* scratch;          // [kScratches, kScratchFloats]
  SplitSequence* pending;  // [kMaxPending]
  int32_t* is_last;        // [kMaxPending]
  DecodeUnit* units;       // [num_slots]
  uint32_t full;           // [num_slots] barriers
  uint32_t empty;          // [num_slots] barriers

  int slot = 0;
  uint32_t phase = 0;

  __device__ __forceinline__ DecodeRing(const DecodeParams& params, char* shared)
      : num_slots(params.num_slots), slot_bytes(params.slot_bytes), tiles(shared) {
    queries = tiles + num_slots * slot_bytes;
    scratch =
        reinterpret_cast<float*>(queries + Shape::num_query_slots(num_slots) * Shape::kQueryBytes);
    pending = reinterpret_cast<SplitSequence*>(scratch + Shape::kScratches * Shape::kScratchFloats);
    is_last = reinterpret_cast<int32_t*>(pending + Shape::kMaxPending);
    units = reinterpret_cast<DecodeUnit*>(is_last + Shape::kMaxPending);
    full = shared_address(units + num_slots);
    empty = full + 8 * num_slots;
  }

  /// One thread calls it; a CTA-wide barrier must follow.
  __device__ __forceinline__ void init_barriers() const {
    for (int i = 0; i < num_slots; ++i) {
      barrier_init(full + 8 * i, 1);
      barrier_init(empty + 8 * i, 32 * Shape::kConsumerWarps);
    }
    barrier_init_fence();
  }

  __device__ __forceinline__ uint32_t full_barrier() const { return full + 8 * slot; }
  __device__ __forceinline__ uint32_t empty_barrier() const { return empty + 8 * slot; }

  /// The producer's wait; both kinds of barrier begin with phase 0, and the ring begins empty.
  __device__ __forceinline__ void wait_until_empty() const {
    barrier_wait(empty_barrier(), phase ^ 1);
  }

  /// The consumers' wait.
  __device__ __forceinline__ void wait_until_full() const { barrier_wait(full_barrier(), phase); }

  __device__ __forceinline__ void advance() {
    if (++slot == num_slots) {
      slot = 0;
      phase ^= 1;
    }
  }
};

/// Whether query rows have to be rounded to the keys' type, which no bulk copy does.
template <typename KvType>
__device__ __forceinline__ bool queries_need_rounding(const DecodeParams& params) {
  constexpr DType kKvDType = std::is_same_v<KvType, __half> ? DType::kFp16 : DType::kBf16;
  return params.row_dtype != kKvDType;
}

}  // namespace pagoda

#endif
