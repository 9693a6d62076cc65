#include "cache/write_kv.h"
#include "device/elements.cuh"

namespace pagoda {

/// Writes the keys and values of one token into its slot.
///
/// Launch    grid num_tokens, CTA kThreads, no shared memory
/// Reads     rows and slot mapping
/// Writes    one slot of every KV head's key and value tile; nothing for a slot of -1
/// Requires  slots distinct, because CTAs run in any order; for several elements at once: rows and
///           head dims on 16 bytes and rows of the pool's element type
/// Moves     2 * num_tokens * num_kv_heads * (key_head_dim + value_head_dim) elements
template <int kThreads>
__global__ void __launch_bounds__(kThreads)
    write_kv_kernel(const __grid_constant__ WriteKvParams params) {
  const int64_t slot = params.slot_mapping[blockIdx.x];
  // Past the pool's end is no slot either; the host validates slots when it makes them.
  if (slot < 0 || slot >= params.num_slots) {
    return;
  }
  const int64_t block_id = slot / params.block_size;
  const int64_t in_block = slot - block_id * params.block_size;
  const auto write = [&](const WriteRows& what) {
    const char* row = static_cast<const char*>(what.rows) + blockIdx.x * what.row_stride_bytes;
    char* block = params.pool + block_id * params.block_bytes + what.base_bytes;
    const int32_t step = what.elements_at_once;
    for (int i = threadIdx.x * step; i < params.num_kv_heads * what.head_dim;
         i += kThreads * step) {
      const int kv_head = i / what.head_dim;
      const int64_t idx = in_block * what.head_dim + i - kv_head * what.head_dim;
      char* tile = block + kv_head * what.tile_bytes;
      if (step > 1) {
        const int32_t bytes_each = 16 / step;
        *reinterpret_cast<uint4*>(tile + idx * bytes_each) =
            *reinterpret_cast<const uint4*>(row + i * bytes_each);
      } else {
        store_element(tile, what.dtype, idx, load_element(row, params.row_dtype, i));
      }
    }
  };
  write(params.keys);
  write(params.values);
}

namespace {

int32_t elements_at_once(const WriteRows& what, DType row_dtype) {
  const auto bytes_each = static_cast<int32_t>(element_bytes(what.dtype));
  const bool can_move_vectors =
      what.dtype == row_dtype && reinterpret_cast<uintptr_t>(what.rows) % 16 == 0 &&
      what.row_stride_bytes % 16 == 0 && what.head_dim * bytes_each % 16 == 0;
  return can_move_vectors ? 16 / bytes_each : 1;
}

}  // namespace

cudaError_t launch_write_kv(WriteKvParams params, cudaStream_t stream) {
  constexpr int kThreads = 128;
  params.keys.elements_at_once = elements_at_once(params.keys, params.row_dtype);
  params.values.elements_at_once = elements_at_once(params.values, params.row_dtype);
  write_kv_kernel<kThreads><<<params.num_tokens, kThreads, 0, stream>>>(params);
  return cudaGetLastError();
}

}  // namespace pagoda
