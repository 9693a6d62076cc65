// Paged decode: one query row per sequence against the keys and values of its blocks.
//
// Words: a query tile is the query heads of one KV head that one warp's matrices hold together; a
// granule is a run of tokens that a kernel treats as one. work_list.cuh has those of the schedule.
#ifndef PAGODA_ATTENTION_PAGED_DECODE_H
#define PAGODA_ATTENTION_PAGED_DECODE_H

#include <cuda_runtime_api.h>

#include <cstdint>

#include "device/elements.h"
#include "device/launch_device.h"

namespace pagoda {

/// What both decode kernels read; the launcher has checked it.
struct DecodeParams {
  const char* pool;  // [num_blocks, block_bytes] bytes, 64-byte aligned
  int64_t block_bytes;
  int64_t key_base_bytes;    // of the layer inside a block
  int64_t value_base_bytes;  // of the layer inside a block
  int64_t key_tile_bytes;    // of one (block, KV head)
  int64_t value_tile_bytes;

  const void* queries;             // [num_seqs, num_query_heads, key_head_dim] of row_dtype
  void* output;                    // [num_seqs, num_query_heads, value_head_dim] of row_dtype
  float* maybe_lse;                // [num_seqs, num_query_heads], natural log
  const int32_t* block_tables;     // [num_seqs, block_table_stride]
  const int32_t* context_lengths;  // [num_seqs]
  /// [num_seqs + 1]: the row of a sequence, where rows are not the sequences in their order;
  /// sequences with more rows than one, or none, are left out.
  const int32_t* maybe_cumulative_query_lengths;
  const float* maybe_alibi_slopes;  // [num_query_heads]
  const float* maybe_sinks;         // [num_query_heads]
  int64_t query_row_stride_bytes;   // from one sequence to the next
  int64_t output_row_stride_bytes;  // from one sequence to the next
  int64_t block_table_stride;       // elements

  uint32_t* counters;     // [max_decode_grabs]: partial results arrived; all 0 between launches
  uint32_t* grabs_taken;  // [1]: of those handed out on demand; 0 between launches
  float* partials;        // [2 * max_decode_grabs, partial_floats()]

  int32_t num_seqs;
  int32_t num_query_heads;
  int32_t num_kv_heads;
  int32_t group_size;
  int32_t tiles_per_group;
  int32_t tile_rows;   // query heads that a query tile has room for
  int32_t num_blocks;  // of the pool
  int32_t block_size;
  int32_t key_head_dim;
  int32_t value_head_dim;
  int32_t window_tokens;  // 0 for no window
  int32_t granule_tokens;
  DType key_dtype;
  DType value_dtype;
  DType row_dtype;  // of queries and output

  float softmax_scale;
  float logit_soft_cap;  // 0 for none

  int32_t num_stripes;   // num_kv_heads * tiles_per_group
  int32_t max_parts;     // of the list of granules
  int32_t min_granules;  // a part is no shorter, where there is a choice
  int32_t num_slots;     // of the ring in shared memory
  int32_t slot_bytes;

  /// (maximum, sum) of each row, then the rows themselves.
  __host__ __device__ int64_t partial_floats() const {
    return static_cast<int64_t>(tile_rows) * (value_head_dim + 2);
  }
};

/// How a launch uses the device. Zeros mean: let the launcher choose.
struct DecodeTuning {
  int32_t ctas_per_multiprocessor;
  int32_t num_slots;
  int32_t min_granules;
};

constexpr int32_t kMaxDecodeCtasPerMultiprocessor = 3;

/// Grabs of any launch that has partial results; bounds counters and results.
constexpr int64_t max_decode_grabs(int32_t num_multiprocessors) {
  return static_cast<int64_t>(num_multiprocessors) * kMaxDecodeCtasPerMultiprocessor;
}

/// Whether the kernels of sm90_paged_decode.cuh hold this shape.
bool sm90_paged_decode_takes(const DecodeParams& params);

/// Queues the kernel for one (element type, head dim); defined once in each file of instances/.
template <typename KvType, int kHeadDim>
cudaError_t launch_sm90_paged_decode(const DecodeParams& params, const DecodeTuning& tuning,
                                     const LaunchDevice& device, cudaStream_t stream);

/// Queues the kernel that takes every shape and runs on every device.
cudaError_t launch_portable_paged_decode(const DecodeParams& params, const LaunchDevice& device,
                                         cudaStream_t stream);

/// Picks the kernel and queues it. `params` lacks only what depends on the kernel: tiles, granules,
/// the split and the ring.
cudaError_t launch_paged_decode(DecodeParams params, const DecodeTuning& tuning,
                                const LaunchDevice& device, cudaStream_t stream);

/// What the size of a workspace depends on.
struct DecodeWorkspaceShape {
  int32_t num_multiprocessors;
  int32_t group_size;
  int32_t value_head_dim;
};

int64_t paged_decode_workspace_bytes(const DecodeWorkspaceShape& shape);

/// Points the params into a workspace of that size.
void use_paged_decode_workspace(DecodeParams* params, void* workspace, int32_t num_multiprocessors);

}  // namespace pagoda

#endif
