// The part of CUDA's driver that kernels' headers name.
#pragma once

#include <cstdint>

/// What a map says; make_tile_map of the tests fills it in.
struct CUtensorMap {
  const char* first;
  int64_t block_bytes;
  int64_t tile_bytes;
  int32_t num_blocks;
  int32_t num_kv_heads;
  int32_t block_size;
  int32_t head_dim;
  int32_t box_tokens;
};
