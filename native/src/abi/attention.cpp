// Attention over blocks: checks, and the launch.

#include <cuda_runtime_api.h>

#include "abi/checks.h"
#include "abi/failure.h"
#include "attention/paged_decode.h"
#include "pagoda/pagoda.h"

namespace {

using namespace pagoda;

constexpr int32_t kMostHeadDim = 256;
constexpr uint64_t kWorkspaceAlignmentBytes = 256;

template <typename Pointee>
Pointee* device_pointer(uint64_t address) {
  return reinterpret_cast<Pointee*>(static_cast<uintptr_t>(address));
}

/// What a workspace depends on.
pagoda_status check_heads(const pagoda_paged_decode_params& p, pagoda_error* error) {
  const pagoda_kv_layer& layer = p.layer;
  PAGODA_RETURN_UNLESS_OK(
      require_range({"value_head_dim", layer.value_head_dim}, 1, kMostHeadDim, error));
  PAGODA_RETURN_UNLESS_OK(require_range({"num_kv_heads", layer.num_kv_heads}, 1, 1 << 16, error));
  PAGODA_RETURN_UNLESS_OK(
      require_range({"num_query_heads", p.num_query_heads}, 1, 1 << 16, error));
  if (p.num_query_heads % layer.num_kv_heads != 0) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                "KV heads must divide query heads: num_query_heads=%d, num_kv_heads=%d",
                p.num_query_heads, layer.num_kv_heads);
  }
  return PAGODA_STATUS_OK;
}

int64_t workspace_bytes_of(const pagoda_paged_decode_params& p, const DecodeDevice& device) {
  return paged_decode_workspace_bytes({device.num_multiprocessors,
                                       p.num_query_heads / p.layer.num_kv_heads,
                                       p.layer.value_head_dim});
}

pagoda_status check_decode(const pagoda_paged_decode_params& p, pagoda_error* error) {
  const pagoda_kv_layer& layer = p.layer;
  PAGODA_RETURN_UNLESS_OK(require_layer(layer, kMostHeadDim, error));
  PAGODA_RETURN_UNLESS_OK(check_heads(p, error));
  PAGODA_RETURN_UNLESS_OK(require_range({"num_seqs", p.num_seqs}, 0, 1 << 24, error));
  PAGODA_RETURN_UNLESS_OK(require_dtype("row_dtype", p.row_dtype, error));
  PAGODA_RETURN_UNLESS_OK(
      require_range({"window_tokens", p.window_tokens}, 0, INT32_MAX, error));
  PAGODA_RETURN_UNLESS_OK(require_finite("softmax_scale", p.softmax_scale, error));
  PAGODA_RETURN_UNLESS_OK(require_finite("logit_soft_cap", p.logit_soft_cap, error));
  if (p.logit_soft_cap < 0.0f) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                "a soft cap is not negative: logit_soft_cap=%g",
                static_cast<double>(p.logit_soft_cap));
  }
  if (p.num_seqs == 0) {
    return PAGODA_STATUS_OK;
  }
  const auto element = static_cast<uint64_t>(element_bytes(static_cast<DType>(p.row_dtype)));
  PAGODA_RETURN_UNLESS_OK(require_address("queries", p.queries, element, error));
  PAGODA_RETURN_UNLESS_OK(require_address("output", p.output, element, error));
  PAGODA_RETURN_UNLESS_OK(require_address("block_tables", p.block_tables, 4, error));
  PAGODA_RETURN_UNLESS_OK(require_address("context_lengths", p.context_lengths, 4, error));
  PAGODA_RETURN_UNLESS_OK(
      require_address("workspace", p.workspace, kWorkspaceAlignmentBytes, error));
  PAGODA_RETURN_UNLESS_OK(require_row_stride({"query_row_stride_bytes", p.query_row_stride_bytes},
                                             int64_t{p.num_query_heads} * layer.key_head_dim,
                                             p.row_dtype, error));
  PAGODA_RETURN_UNLESS_OK(require_row_stride(
      {"output_row_stride_bytes", p.output_row_stride_bytes},
      int64_t{p.num_query_heads} * layer.value_head_dim, p.row_dtype, error));
  return require_range({"block_table_stride", p.block_table_stride}, 1, INT32_MAX, error);
}

DecodeParams decode_params(const pagoda_paged_decode_params& p, int32_t num_multiprocessors) {
  const pagoda_kv_layer& layer = p.layer;
  DecodeParams params{};
  params.pool = device_pointer<const char>(layer.pool);
  params.block_bytes = layer.block_bytes;
  params.key_base_bytes = layer.key_base_bytes;
  params.value_base_bytes = layer.value_base_bytes;
  params.key_tile_bytes = layer.key_tile_bytes;
  params.value_tile_bytes = layer.value_tile_bytes;
  params.queries = device_pointer<const void>(p.queries);
  params.output = device_pointer<void>(p.output);
  params.maybe_lse = device_pointer<float>(p.maybe_lse);
  params.block_tables = device_pointer<const int32_t>(p.block_tables);
  params.context_lengths = device_pointer<const int32_t>(p.context_lengths);
  params.maybe_alibi_slopes = device_pointer<const float>(p.maybe_alibi_slopes);
  params.maybe_sinks = device_pointer<const float>(p.maybe_sinks);
  params.query_row_stride_bytes = p.query_row_stride_bytes;
  params.output_row_stride_bytes = p.output_row_stride_bytes;
  params.block_table_stride = p.block_table_stride;
  params.num_seqs = p.num_seqs;
  params.num_query_heads = p.num_query_heads;
  params.num_kv_heads = layer.num_kv_heads;
  params.group_size = p.num_query_heads / layer.num_kv_heads;
  params.block_size = layer.block_size;
  params.key_head_dim = layer.key_head_dim;
  params.value_head_dim = layer.value_head_dim;
  params.window_tokens = p.window_tokens;
  params.row_dtype = static_cast<DType>(p.row_dtype);
  params.softmax_scale = p.softmax_scale;
  params.logit_soft_cap = p.logit_soft_cap;
  use_paged_decode_workspace(&params, device_pointer<void>(p.workspace), num_multiprocessors);
  return params;
}

}  // namespace

pagoda_status pagoda_paged_decode_workspace(const pagoda_paged_decode_params* params,
                                            int64_t* workspace_bytes, pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_params(params, error));
    if (workspace_bytes == nullptr) {
      return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                  "the size to fill is missing: workspace_bytes=NULL");
    }
    PAGODA_RETURN_UNLESS_OK(check_heads(*params, error));
    DecodeDevice device{};
    PAGODA_RETURN_UNLESS_OK(query_decode_device(&device, error));
    *workspace_bytes = workspace_bytes_of(*params, device);
    return PAGODA_STATUS_OK;
  });
}

pagoda_status pagoda_paged_decode(const pagoda_paged_decode_params* params, void* stream,
                                  pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_params(params, error));
    PAGODA_RETURN_UNLESS_OK(check_decode(*params, error));
    if (params->num_seqs == 0) {
      return PAGODA_STATUS_OK;
    }
    DecodeDevice device{};
    PAGODA_RETURN_UNLESS_OK(query_decode_device(&device, error));
    PAGODA_RETURN_UNLESS_OK(require_range({"workspace_bytes", params->workspace_bytes},
                                          workspace_bytes_of(*params, device), INT64_MAX, error));
    return launched(launch_paged_decode(decode_params(*params, device.num_multiprocessors),
                                        static_cast<DType>(params->layer.key_dtype), {}, device,
                                        static_cast<cudaStream_t>(stream)),
                    "paged_decode", error);
  });
}
