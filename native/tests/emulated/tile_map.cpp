// What src/device/tile_map.cpp does, emulated: a map of this machine (cuda.h).

#include "device/tile_map.h"

namespace pagoda {

cudaError_t make_tile_map(const MappedTiles& tiles, CUtensorMap* map) {
  *map = {tiles.first,        tiles.block_bytes, tiles.tile_bytes, tiles.num_blocks,
          tiles.num_kv_heads, tiles.block_size,  tiles.head_dim,   tiles.box_tokens};
  return cudaSuccess;
}

}  // namespace pagoda
