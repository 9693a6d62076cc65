// Which prefill kernel a shape and a device get.

#include "attention/paged_prefill.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <cstdint>

#include "attention/paged_decode.h"
#include "attention/sm80_prefill_shape.h"
#include "attention/sm90_prefill_shape.h"

namespace pagoda {
namespace {

using Launch = cudaError_t (*)(const PrefillParams&, const LaunchDevice&, cudaStream_t);

struct Instance {
  // Of the image. Matrix instructions of a warpgroup came and went with Hopper.
  int32_t oldest_architecture;
  int32_t newest_architecture;
  DType kv_dtype;
  int32_t head_dim;      // the wider of keys and values is no wider
  int32_t shared_bytes;  // at least, for a CTA
  Launch launch;
};

template <typename KvType, int kHeadDim>
constexpr Instance sm80_instance(DType kv_dtype) {
  return {80,
          INT32_MAX,
          kv_dtype,
          kHeadDim,
          Sm80Prefill<kHeadDim, 1>::kSharedBytes,
          launch_sm80_paged_prefill<KvType, kHeadDim>};
}

template <typename KvType, int kHeadDim>
constexpr Instance sm90_instance(DType kv_dtype) {
  return {90,
          90,
          kv_dtype,
          kHeadDim,
          Sm90Prefill<kHeadDim>::kSharedBytes,
          launch_sm90_paged_prefill<KvType, kHeadDim>};
}

// One per file of instances/; the first that takes a shape is taken.
constexpr Instance kInstances[] = {
    sm90_instance<__nv_bfloat16, 64>(DType::kBf16),  sm90_instance<__half, 64>(DType::kFp16),
    sm90_instance<__nv_bfloat16, 128>(DType::kBf16), sm90_instance<__half, 128>(DType::kFp16),
    sm80_instance<__nv_bfloat16, 64>(DType::kBf16),  sm80_instance<__half, 64>(DType::kFp16),
    sm80_instance<__nv_bfloat16, 96>(DType::kBf16),  sm80_instance<__half, 96>(DType::kFp16),
    sm80_instance<__nv_bfloat16, 128>(DType::kBf16), sm80_instance<__half, 128>(DType::kFp16),
    sm80_instance<__nv_bfloat16, 192>(DType::kBf16), sm80_instance<__half, 192>(DType::kFp16),
    sm80_instance<__nv_bfloat16, 256>(DType::kBf16), sm80_instance<__half, 256>(DType::kFp16),
};

const Instance* find_instance(const PrefillParams& params, const LaunchDevice& device) {
  // One element type, and rows of whole 16 bytes, as copies need them.
  if (params.key_dtype != params.value_dtype || params.key_head_dim % 8 != 0 ||
      params.value_head_dim % 8 != 0) {
    return nullptr;
  }
  const int32_t head_dim = std::max(params.key_head_dim, params.value_head_dim);
  for (const Instance& candidate : kInstances) {
    // Cards for workstations have 99 KB for a CTA, too little for the widest heads.
    if (candidate.oldest_architecture <= device.image_architecture &&
        candidate.newest_architecture >= device.image_architecture &&
        candidate.kv_dtype == params.key_dtype && candidate.head_dim >= head_dim &&
        candidate.shared_bytes <= device.most_shared_bytes_per_cta) {
      return &candidate;
    }
  }
  return nullptr;
}

/// The same batch for decode, which attends for the sequences of one row.
DecodeParams decode_params_of(const PrefillParams& prefill, void* workspace,
                              const LaunchDevice& device) {
  DecodeParams params{};
  params.pool = prefill.pool;
  params.block_bytes = prefill.block_bytes;
  params.key_base_bytes = prefill.key_base_bytes;
  params.value_base_bytes = prefill.value_base_bytes;
  params.key_tile_bytes = prefill.key_tile_bytes;
  params.value_tile_bytes = prefill.value_tile_bytes;
  params.queries = prefill.queries;
  params.output = prefill.output;
  params.maybe_lse = prefill.maybe_lse;
  params.block_tables = prefill.block_tables;
  params.context_lengths = prefill.context_lengths;
  params.maybe_cumulative_query_lengths = prefill.cumulative_query_lengths;
  params.maybe_alibi_slopes = prefill.maybe_alibi_slopes;
  params.maybe_sinks = prefill.maybe_sinks;
  params.query_row_stride_bytes = prefill.query_row_stride_bytes;
  params.output_row_stride_bytes = prefill.output_row_stride_bytes;
  params.block_table_stride = prefill.block_table_stride;
  params.num_seqs = prefill.num_seqs;
  params.num_query_heads = prefill.num_query_heads;
  params.num_kv_heads = prefill.num_kv_heads;
  params.group_size = prefill.group_size;
  params.num_blocks = prefill.num_blocks;
  params.block_size = prefill.block_size;
  params.key_head_dim = prefill.key_head_dim;
  params.value_head_dim = prefill.value_head_dim;
  params.window_tokens = prefill.window_tokens;
  params.key_dtype = prefill.key_dtype;
  params.value_dtype = prefill.value_dtype;
  params.row_dtype = prefill.row_dtype;
  params.softmax_scale = prefill.softmax_scale;
  params.logit_soft_cap = prefill.logit_soft_cap;
  use_paged_decode_workspace(&params, workspace, device.num_multiprocessors);
  return params;
}

cudaError_t launch_rows(const PrefillParams& params, const LaunchDevice& device,
                        cudaStream_t stream) {
  const Instance* instance = find_instance(params, device);
  return instance != nullptr ? instance->launch(params, device, stream)
                             : launch_portable_paged_prefill(params, stream);
}

}  // namespace

cudaError_t launch_paged_prefill(PrefillParams params, void* workspace, const LaunchDevice& device,
                                 cudaStream_t stream) {
  const DecodeParams decode = decode_params_of(params, workspace, device);
  params.grabs_taken = decode.grabs_taken;
  // A single row fills a sixteenth of a query tile at best, and its context is not split there.
  params.skips_single_rows =
      params.num_seqs > 1 && device.has_bulk_copies() && sm90_paged_decode_takes(decode);
  if (params.skips_single_rows) {
    const cudaError_t answer = launch_paged_decode(decode, {}, device, stream);
    if (answer != cudaSuccess) {
      return answer;
    }
  }
  return launch_rows(params, device, stream);
}

}  // namespace pagoda
