// Maps of a pool, by which Hopper's copy engine brings tiles of it into shared memory.
#ifndef PAGODA_DEVICE_TILE_MAP_H
#define PAGODA_DEVICE_TILE_MAP_H

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdint>

namespace pagoda {

/// The keys, or the values, of one layer, [num_blocks, num_kv_heads, block_size, head_dim] elements
/// of 16 bits.
struct MappedTiles {
  const char* first;  // of block 0 and KV head 0, on 16 bytes
  int64_t block_bytes;
  int64_t tile_bytes;  // from one KV head to the next
  int32_t num_blocks;
  int32_t num_kv_heads;
  int32_t block_size;
  int32_t head_dim;    // a multiple of 8
  int32_t box_tokens;  // what a copy brings, times 64 dims
};

/// Makes a map. A copy by it lays its rows of 128 bytes out as warpgroup_matrix.cuh has them, and
/// zeros where a row has fewer elements.
cudaError_t make_tile_map(const MappedTiles& tiles, CUtensorMap* map);

}  // namespace pagoda

#endif
