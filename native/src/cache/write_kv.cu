#include "cache/write_kv.h"

#include "device/elements.cuh"

namespace pagoda {

/// Writes the keys and values of one token into its slot.
///
/// Launch    grid num_tokens, CTA kThreads, no shared memory
/// Reads     rows and slot mapping
/// Writes    one slot of every KV head's key and value tile; nothing for a slot of -1
/// Requires  slots distinct, because CTAs run in any order; kVector > 1: rows and head dims on
///           16 bytes and rows of KvType
/// Moves     2 * num_tokens * num_kv_heads * (key_head_dim + value_head_dim) elements
template <typename KvType, int kVector, int kThreads>
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
    const char* row =
        static_cast<const char*>(what.rows) + blockIdx.x * what.row_stride_bytes;
    char* block = params.pool + block_id * params.block_bytes + what.base_bytes;
    for (int i = threadIdx.x * kVector; i < params.num_kv_heads * what.head_dim;
         i += kThreads * kVector) {
      const int kv_head = i / what.head_dim;
      const int dim = i - kv_head * what.head_dim;
      auto* target = reinterpret_cast<KvType*>(block + kv_head * what.tile_bytes) +
                     in_block * what.head_dim + dim;
      if constexpr (kVector == 1) {
        *target = from_float<KvType>(load_element(row, params.row_dtype, i));
      } else {
        *reinterpret_cast<uint4*>(target) =
            *reinterpret_cast<const uint4*>(reinterpret_cast<const KvType*>(row) + i);
      }
    }
  };
  write(params.keys);
  write(params.values);
}

namespace {

bool can_move_vectors(const WriteRows& what, int64_t bytes_per_element) {
  return reinterpret_cast<uintptr_t>(what.rows) % 16 == 0 && what.row_stride_bytes % 16 == 0 &&
         what.head_dim * bytes_per_element % 16 == 0;
}

template <typename KvType>
cudaError_t launch(const WriteKvParams& params, bool moves_vectors, cudaStream_t stream) {
  constexpr int kThreads = 128;
  if (moves_vectors) {
    constexpr int kVector = 16 / sizeof(KvType);
    write_kv_kernel<KvType, kVector, kThreads>
        <<<params.num_tokens, kThreads, 0, stream>>>(params);
  } else {
    write_kv_kernel<KvType, 1, kThreads><<<params.num_tokens, kThreads, 0, stream>>>(params);
  }
  return cudaGetLastError();
}

}  // namespace

cudaError_t launch_write_kv(const WriteKvParams& params, DType kv_dtype, cudaStream_t stream) {
  const bool moves_vectors = params.row_dtype == kv_dtype &&
                             can_move_vectors(params.keys, element_bytes(kv_dtype)) &&
                             can_move_vectors(params.values, element_bytes(kv_dtype));
  switch (kv_dtype) {
    case DType::kFp32:
      return launch<float>(params, moves_vectors, stream);
    case DType::kFp16:
      return launch<__half>(params, moves_vectors, stream);
    case DType::kBf16:
      return launch<__nv_bfloat16>(params, moves_vectors, stream);
  }
  return cudaErrorInvalidValue;
}

}  // namespace pagoda
