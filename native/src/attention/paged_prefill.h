// Paged prefill: ragged query rows against the keys and values of their sequences' blocks.
//
// Words: the rows of one sequence and one KV head are (token, query head of the group) pairs, token
// first; a query tile is a run of such rows that one CTA attends with.
#ifndef PAGODA_ATTENTION_PAGED_PREFILL_H
#define PAGODA_ATTENTION_PAGED_PREFILL_H

#include <cuda_runtime_api.h>

#include <cstdint>

#include "device/elements.h"
#include "device/launch_device.h"

namespace pagoda {

/// What the prefill kernels read; the launcher has checked it.
struct PrefillParams {
  const char* pool;  // [num_blocks, block_bytes] bytes, 64-byte aligned
  int64_t block_bytes;
  int64_t key_base_bytes;    // of the layer inside a block
  int64_t value_base_bytes;  // of the layer inside a block
  int64_t key_tile_bytes;    // of one (block, KV head)
  int64_t value_tile_bytes;

  const void* queries;             // [num_tokens, num_query_heads, key_head_dim] of row_dtype
  void* output;                    // [num_tokens, num_query_heads, value_head_dim] of row_dtype
  float* maybe_lse;                // [num_tokens, num_query_heads], natural log
  const int32_t* block_tables;     // [num_seqs, block_table_stride]
  const int32_t* context_lengths;  // [num_seqs]
  const int32_t* cumulative_query_lengths;  // [num_seqs + 1]
  const float* maybe_alibi_slopes;          // [num_query_heads]
  const float* maybe_sinks;                 // [num_query_heads]
  uint32_t* grabs_taken;                    // [1], 0 between launches
  int64_t query_row_stride_bytes;           // from one token to the next
  int64_t output_row_stride_bytes;          // from one token to the next
  int64_t block_table_stride;               // elements

  int32_t num_seqs;
  int32_t num_tokens;
  int32_t num_query_heads;
  int32_t num_kv_heads;
  int32_t group_size;
  int32_t tile_rows;   // of a query tile
  int32_t num_blocks;  // of the pool
  int32_t block_size;
  int32_t key_head_dim;
  int32_t value_head_dim;
  int32_t window_tokens;  // 0 for no window
  DType key_dtype;
  DType value_dtype;
  DType row_dtype;  // of queries and output
  bool is_causal;
  bool skips_single_rows;  // sequences of one row are left to decode

  float softmax_scale;
  float logit_soft_cap;  // 0 for none

  /// No batch of these sizes has more query tiles of one KV head.
  __host__ __device__ int64_t most_query_tiles() const {
    return (int64_t{num_tokens} * group_size + int64_t{num_seqs} * (tile_rows - 1)) / tile_rows;
  }
};

/// Queues the tensor core kernel for one (element type, head dim); defined once in each file of
/// instances/.
template <typename KvType, int kHeadDim>
cudaError_t launch_sm80_paged_prefill(const PrefillParams& params, const LaunchDevice& device,
                                      cudaStream_t stream);

/// Queues Hopper's kernel; likewise.
template <typename KvType, int kHeadDim>
cudaError_t launch_sm90_paged_prefill(const PrefillParams& params, const LaunchDevice& device,
                                      cudaStream_t stream);

/// Queues the kernel that takes every shape and runs on every device.
cudaError_t launch_portable_paged_prefill(const PrefillParams& params, cudaStream_t stream);

/// Picks the kernels and queues them. `params` lacks only what depends on the kernel: tile_rows,
/// skips_single_rows and grabs_taken. The workspace is that of paged_decode.h.
cudaError_t launch_paged_prefill(PrefillParams params, void* workspace, const LaunchDevice& device,
                                 cudaStream_t stream);

}  // namespace pagoda

#endif
