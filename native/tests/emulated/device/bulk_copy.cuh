// What src/device/bulk_copy.cuh does, emulated.
#pragma once

#include <cuda.h>

#include <cstdint>

#include "machine.h"

namespace pagoda {

inline uint32_t shared_address(const void* pointer) { return emulated::shared_address(pointer); }

inline void barrier_init(uint32_t barrier, uint32_t num_arrivals) {
  emulated::transaction_init(barrier, num_arrivals);
}
inline void barrier_init_fence() { emulated::transaction_init_fence(); }
inline void barrier_arrive(uint32_t barrier) { emulated::transaction_arrive(barrier); }
inline void barrier_arrive_after(uint32_t, uint32_t barrier) {
  emulated::transaction_arrive(barrier);
}
inline void barrier_arrive_expecting(uint32_t barrier, uint32_t num_bytes) {
  emulated::transaction_expect(barrier, num_bytes);
  emulated::transaction_arrive(barrier);
}
inline void barrier_expect(uint32_t barrier, uint32_t num_bytes) {
  emulated::transaction_expect(barrier, num_bytes);
}
inline void barrier_wait(uint32_t barrier, uint32_t parity) {
  emulated::transaction_wait(barrier, parity);
}

inline void prefetch_to_l2(const void* address) {
  emulated::check_global(address, 1, "a prefetch");
}
inline void bulk_prefetch_to_l2(const void* source, uint32_t num_bytes) {
  if (reinterpret_cast<uintptr_t>(source) % 16 != 0 || num_bytes % 16 != 0) {
    emulated::fail("a prefetch of %u bytes from %p", num_bytes, source);
  }
  emulated::check_global(source, num_bytes, "a prefetch");
}
inline void bulk_copy(uint32_t target, const void* source, uint32_t num_bytes, uint32_t barrier,
                      uint64_t) {
  emulated::queue_bulk_copy(target, source, num_bytes, barrier);
}

/// Chunk by chunk, in the order of warpgroup_matrix.cuh; zeros where the tile has no such dims.
inline void tile_copy(uint32_t target, const CUtensorMap* map, int32_t dim, int32_t token,
                      int32_t kv_head_idx, int32_t block_id, uint32_t barrier) {
  if (target % 1024 != 0 || dim % 64 != 0 || token < 0 ||
      token + map->box_tokens > map->block_size || kv_head_idx < 0 ||
      kv_head_idx >= map->num_kv_heads || block_id < 0 || block_id >= map->num_blocks) {
    emulated::fail("a box of block %d, head %d, token %d, dim %d to %u", block_id, kv_head_idx,
                   token, dim, target);
  }
  const char* tile = map->first + block_id * map->block_bytes + kv_head_idx * map->tile_bytes;
  for (int32_t row = 0; row < map->box_tokens; ++row) {
    for (int32_t chunk = 0; chunk < 8; ++chunk) {
      const int32_t first_dim = dim + chunk * 8;
      const char* source = tile + (int64_t{token + row} * map->head_dim + first_dim) * 2;
      emulated::queue_chunk(target + row * 128 + ((chunk ^ (row % 8)) * 16),
                            first_dim < map->head_dim ? source : nullptr, barrier);
    }
  }
}

}  // namespace pagoda
