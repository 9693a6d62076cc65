// Writing rows of keys and values into the slots of blocks.
#ifndef PAGODA_CACHE_WRITE_KV_H
#define PAGODA_CACHE_WRITE_KV_H

#include <cuda_runtime_api.h>

#include <cstdint>

#include "device/elements.h"

namespace pagoda {

/// Keys or values of one layer: where rows come from, and where they go.
struct WriteRows {
  const void* rows;  // [num_tokens, num_kv_heads, head_dim] of row_dtype
  int64_t row_stride_bytes;
  int64_t base_bytes;  // of the layer's keys or values inside a block
  int64_t tile_bytes;  // of one (block, KV head)
  int32_t head_dim;
  DType dtype;               // in the pool
  int32_t elements_at_once;  // 16 bytes of them, or 1; the launcher says which
};

struct WriteKvParams {
  char* pool;  // [num_blocks, block_bytes] bytes, 64-byte aligned
  int64_t block_bytes;
  int64_t num_slots;            // num_blocks * block_size
  const int64_t* slot_mapping;  // [num_tokens], outside [0, num_slots) skips the token
  WriteRows keys;
  WriteRows values;
  int32_t num_tokens;
  int32_t num_kv_heads;
  int32_t block_size;
  DType row_dtype;
};

/// Queues the write; rows are rounded to the pool's element type where that is narrower.
cudaError_t launch_write_kv(WriteKvParams params, cudaStream_t stream);

}  // namespace pagoda

#endif
