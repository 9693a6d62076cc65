// What producer and consumers of Hopper's prefill share: the CTA's work and its shared memory.
#ifndef PAGODA_ATTENTION_SM90_PREFILL_RING_CUH
#define PAGODA_ATTENTION_SM90_PREFILL_RING_CUH

#include <cuda.h>

#include <cstdint>

#include "attention/paged_prefill.h"
#include "attention/query_tiles.cuh"
#include "device/bulk_copy.cuh"
#include "device/warpgroup_matrix.cuh"

namespace pagoda {

/// How the copy engine finds the layer's tiles; box_tokens 0 where it cannot.
struct PrefillMaps {
  CUtensorMap keys;
  CUtensorMap values;
  int32_t box_tokens;
};

/// A query tile of one KV head, as the producer tells the consumers of it.
struct alignas(16) PrefillWork {
  QueryTile tile;
  int32_t kv_head_idx;
  int32_t ends_work;  // not 0: there is no such tile, nor will there be others

  __device__ __forceinline__ int32_t head_of(const PrefillParams& params, int row) const {
    return kv_head_idx * params.group_size + (tile.first_row + row) % params.group_size;
  }

  __device__ __forceinline__ int32_t token_of(const PrefillParams& params, int row) const {
    return tile.first_token + (tile.first_row + row) / params.group_size;
  }
};

/// Tiles of tokens [begin, end) that some row of a query tile sees; they start at multiples of
/// their size.
struct TokenTiles {
  int32_t begin;
  int32_t end;

  __device__ __forceinline__ TokenTiles(const VisibleRange& visible, int32_t tile_tokens)
      : begin(visible.begin / tile_tokens),
        end(visible.end > visible.begin ? (visible.end + tile_tokens - 1) / tile_tokens : begin) {}
};

/// The CTA's shared memory. Stages of queries, of keys and of values take turns; a stage is full
/// when all threads of the producer have arrived behind their copies, and empty when all warps of
/// the consumers have arrived.
template <typename Shape>
struct PrefillRing {
  uint32_t queries;  // [kStages][kConsumers][kColumns] tiles of kConsumerRows
  uint32_t keys;     // [kStages][kColumns] tiles of kTileTokens
  uint32_t values;   // [kStages][kColumns] tiles of kTileTokens
  char* query_bytes;
  PrefillWork* works;   // [kStages], with the queries
  int32_t* next_grabs;  // [kStages], among the producer's threads
  uint32_t barriers;

  __device__ __forceinline__ explicit PrefillRing(char* shared) {
    query_bytes = shared;
    queries = shared_address(shared);
    keys = queries + Shape::kStages * Shape::kQueryBytes;
    values = keys + Shape::kStages * Shape::kTokenBytes;
    works = reinterpret_cast<PrefillWork*>(
        query_bytes + Shape::kStages * (Shape::kQueryBytes + 2 * Shape::kTokenBytes));
    static_assert(sizeof(PrefillWork) == Shape::kWorkBytes);
    next_grabs = reinterpret_cast<int32_t*>(works + Shape::kStages);
    barriers = shared_address(next_grabs + Shape::kStages);
  }

  /// One thread calls it; a CTA-wide barrier must follow.
  __device__ __forceinline__ void init_barriers() const {
    constexpr int kConsumerWarps = 4 * Shape::kConsumers;
    for (int stage = 0; stage < Shape::kStages; ++stage) {
      // Queries may be written by the threads themselves, so each arrives once more.
      barrier_init(queries_full(stage), 2 * Shape::kWarpgroupThreads);
      barrier_init(keys_full(stage), Shape::kWarpgroupThreads);
      barrier_init(values_full(stage), Shape::kWarpgroupThreads);
      barrier_init(queries_empty(stage), kConsumerWarps);
      barrier_init(keys_empty(stage), kConsumerWarps);
      barrier_init(values_empty(stage), kConsumerWarps);
    }
    barrier_init_fence();
  }

  __device__ __forceinline__ uint32_t queries_full(int stage) const { return barrier(0, stage); }
  __device__ __forceinline__ uint32_t queries_empty(int stage) const { return barrier(1, stage); }
  __device__ __forceinline__ uint32_t keys_full(int stage) const { return barrier(2, stage); }
  __device__ __forceinline__ uint32_t keys_empty(int stage) const { return barrier(3, stage); }
  __device__ __forceinline__ uint32_t values_full(int stage) const { return barrier(4, stage); }
  __device__ __forceinline__ uint32_t values_empty(int stage) const { return barrier(5, stage); }

 private:
  __device__ __forceinline__ uint32_t barrier(int kind, int stage) const {
    return barriers + 8 * (kind * Shape::kStages + stage);
  }
};

/// Which stage is taken after some others, and in which phase of its barriers.
template <typename Shape>
struct StageOf {
  int stage;
  uint32_t phase;

  __device__ __forceinline__ explicit StageOf(int num_before)
      : stage(num_before % Shape::kStages), phase(num_before / Shape::kStages % 2) {}
};

}  // namespace pagoda

#endif
