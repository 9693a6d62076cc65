// Attention over blocks: checks, and the launches.

#include <cuda_runtime_api.h>

#include <cstdint>

#include "abi/checks.h"
#include "abi/failure.h"
#include "attention/paged_decode.h"
#include "attention/paged_prefill.h"
#include "pagoda/pagoda.h"

namespace {

using namespace pagoda;

constexpr int32_t kMostHeadDim = 256;
constexpr uint64_t kWorkspaceAlignmentBytes = 256;

template <typename Pointee>
Pointee* device_pointer(uint64_t address) {
  return reinterpret_cast<Pointee*>(static_cast<uintptr_t>(address));
}

// Decode and prefill name their common fields alike, so that one template serves both structs.

/// What a workspace depends on.
template <typename AbiParams>
pagoda_status check_heads(const AbiParams& p, pagoda_error* error) {
  const pagoda_kv_layer& layer = p.layer;
  PAGODA_RETURN_UNLESS_OK(
      require_range({"value_head_dim", layer.value_head_dim}, 1, kMostHeadDim, error));
  PAGODA_RETURN_UNLESS_OK(require_range({"num_kv_heads", layer.num_kv_heads}, 1, 1 << 16, error));
  PAGODA_RETURN_UNLESS_OK(require_range({"num_query_heads", p.num_query_heads}, 1, 1 << 16, error));
  if (p.num_query_heads % layer.num_kv_heads != 0) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                "KV heads must divide query heads: num_query_heads=%d, num_kv_heads=%d",
                p.num_query_heads, layer.num_kv_heads);
  }
  return PAGODA_STATUS_OK;
}

template <typename AbiParams>
DecodeWorkspaceShape workspace_shape_of(const AbiParams& p, const LaunchDevice& device) {
  return {device.num_multiprocessors, p.num_query_heads / p.layer.num_kv_heads,
          p.layer.value_head_dim};
}

/// What must hold even of a launch that has nothing to do.
template <typename AbiParams>
pagoda_status check_numbers(const AbiParams& p, pagoda_error* error) {
  PAGODA_RETURN_UNLESS_OK(require_layer(p.layer, kMostHeadDim, error));
  PAGODA_RETURN_UNLESS_OK(check_heads(p, error));
  PAGODA_RETURN_UNLESS_OK(require_range({"num_seqs", p.num_seqs}, 0, 1 << 24, error));
  PAGODA_RETURN_UNLESS_OK(require_dtype("row_dtype", p.row_dtype, error));
  PAGODA_RETURN_UNLESS_OK(require_range({"window_tokens", p.window_tokens}, 0, INT32_MAX, error));
  PAGODA_RETURN_UNLESS_OK(require_finite("softmax_scale", p.softmax_scale, error));
  PAGODA_RETURN_UNLESS_OK(require_finite("logit_soft_cap", p.logit_soft_cap, error));
  if (p.logit_soft_cap < 0.0f) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                "a soft cap is not negative: logit_soft_cap=%g",
                static_cast<double>(p.logit_soft_cap));
  }
  return PAGODA_STATUS_OK;
}

template <typename AbiParams>
pagoda_status check_memory(const AbiParams& p, pagoda_error* error) {
  const pagoda_kv_layer& layer = p.layer;
  const auto element = static_cast<uint64_t>(element_bytes(static_cast<DType>(p.row_dtype)));
  PAGODA_RETURN_UNLESS_OK(require_address("queries", p.queries, element, error));
  PAGODA_RETURN_UNLESS_OK(require_address("output", p.output, element, error));
  PAGODA_RETURN_UNLESS_OK(require_maybe_address("maybe_lse", p.maybe_lse, 4, error));
  PAGODA_RETURN_UNLESS_OK(require_address("block_tables", p.block_tables, 4, error));
  PAGODA_RETURN_UNLESS_OK(require_address("context_lengths", p.context_lengths, 4, error));
  PAGODA_RETURN_UNLESS_OK(
      require_maybe_address("maybe_alibi_slopes", p.maybe_alibi_slopes, 4, error));
  PAGODA_RETURN_UNLESS_OK(require_maybe_address("maybe_sinks", p.maybe_sinks, 4, error));
  PAGODA_RETURN_UNLESS_OK(
      require_address("workspace", p.workspace, kWorkspaceAlignmentBytes, error));
  PAGODA_RETURN_UNLESS_OK(require_row_stride({"query_row_stride_bytes", p.query_row_stride_bytes},
                                             int64_t{p.num_query_heads} * layer.key_head_dim,
                                             p.row_dtype, error));
  PAGODA_RETURN_UNLESS_OK(require_row_stride({"output_row_stride_bytes", p.output_row_stride_bytes},
                                             int64_t{p.num_query_heads} * layer.value_head_dim,
                                             p.row_dtype, error));
  PAGODA_RETURN_UNLESS_OK(
      require_range({"block_table_stride", p.block_table_stride}, 1, INT32_MAX, error));
  PAGODA_RETURN_UNLESS_OK(require_reachable("queries", p.queries, error));
  PAGODA_RETURN_UNLESS_OK(require_reachable("output", p.output, error));
  return require_reachable("maybe_lse", p.maybe_lse, error);
}

pagoda_status check_prefill(const pagoda_paged_prefill_params& p, pagoda_error* error) {
  PAGODA_RETURN_UNLESS_OK(check_numbers(p, error));
  // The rows of one KV head are counted in 32 bits.
  const int32_t most_tokens = INT32_MAX / (p.num_query_heads / p.layer.num_kv_heads);
  PAGODA_RETURN_UNLESS_OK(require_range({"num_tokens", p.num_tokens}, 0, most_tokens, error));
  PAGODA_RETURN_UNLESS_OK(require_range({"is_causal", p.is_causal}, 0, 1, error));
  if (p.num_seqs == 0 || p.num_tokens == 0) {
    return PAGODA_STATUS_OK;
  }
  PAGODA_RETURN_UNLESS_OK(check_memory(p, error));
  return require_address("cumulative_query_lengths", p.cumulative_query_lengths, 4, error);
}

/// Fills what the params of both kernels have in common.
template <typename AbiParams, typename Params>
void use_common_fields(const AbiParams& p, Params* params) {
  const pagoda_kv_layer& layer = p.layer;
  params->pool = device_pointer<const char>(layer.pool);
  params->block_bytes = layer.block_bytes;
  params->key_base_bytes = layer.key_base_bytes;
  params->value_base_bytes = layer.value_base_bytes;
  params->key_tile_bytes = layer.key_tile_bytes;
  params->value_tile_bytes = layer.value_tile_bytes;
  params->queries = device_pointer<const void>(p.queries);
  params->output = device_pointer<void>(p.output);
  params->maybe_lse = device_pointer<float>(p.maybe_lse);
  params->block_tables = device_pointer<const int32_t>(p.block_tables);
  params->context_lengths = device_pointer<const int32_t>(p.context_lengths);
  params->maybe_alibi_slopes = device_pointer<const float>(p.maybe_alibi_slopes);
  params->maybe_sinks = device_pointer<const float>(p.maybe_sinks);
  params->query_row_stride_bytes = p.query_row_stride_bytes;
  params->output_row_stride_bytes = p.output_row_stride_bytes;
  params->block_table_stride = p.block_table_stride;
  params->num_seqs = p.num_seqs;
  params->num_query_heads = p.num_query_heads;
  params->num_kv_heads = layer.num_kv_heads;
  params->group_size = p.num_query_heads / layer.num_kv_heads;
  params->num_blocks = layer.num_blocks;
  params->block_size = layer.block_size;
  params->key_head_dim = layer.key_head_dim;
  params->value_head_dim = layer.value_head_dim;
  params->window_tokens = p.window_tokens;
  params->key_dtype = static_cast<DType>(layer.key_dtype);
  params->value_dtype = static_cast<DType>(layer.value_dtype);
  params->row_dtype = static_cast<DType>(p.row_dtype);
  params->softmax_scale = p.softmax_scale;
  params->logit_soft_cap = p.logit_soft_cap;
}

template <typename AbiParams>
pagoda_status workspace_bytes_of(const AbiParams* params, int64_t* workspace_bytes,
                                 pagoda_error* error) {
  PAGODA_RETURN_UNLESS_OK(require_params(params, error));
  if (workspace_bytes == nullptr) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                "the size to fill is missing: workspace_bytes=NULL");
  }
  PAGODA_RETURN_UNLESS_OK(check_heads(*params, error));
  LaunchDevice device{};
  PAGODA_RETURN_UNLESS_OK(require_launch_device(&device, error));
  *workspace_bytes = paged_decode_workspace_bytes(workspace_shape_of(*params, device));
  return PAGODA_STATUS_OK;
}

/// Learns the device of a launch and refuses a workspace too small for it.
template <typename AbiParams>
pagoda_status require_device_and_workspace(const AbiParams& p, LaunchDevice* device,
                                           pagoda_error* error) {
  PAGODA_RETURN_UNLESS_OK(require_launch_device(device, error));
  return require_range({"workspace_bytes", p.workspace_bytes},
                       paged_decode_workspace_bytes(workspace_shape_of(p, *device)), INT64_MAX,
                       error);
}

}  // namespace

pagoda_status pagoda_paged_decode_workspace(const pagoda_paged_decode_params* params,
                                            int64_t* workspace_bytes, pagoda_error* error) {
  return guarded(error, [&] { return workspace_bytes_of(params, workspace_bytes, error); });
}

pagoda_status pagoda_paged_decode(const pagoda_paged_decode_params* params, void* stream,
                                  pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_params(params, error));
    PAGODA_RETURN_UNLESS_OK(check_numbers(*params, error));
    if (params->num_seqs == 0) {
      return PAGODA_STATUS_OK;
    }
    PAGODA_RETURN_UNLESS_OK(check_memory(*params, error));
    LaunchDevice device{};
    PAGODA_RETURN_UNLESS_OK(require_device_and_workspace(*params, &device, error));
    DecodeParams decode{};
    use_common_fields(*params, &decode);
    use_paged_decode_workspace(&decode, device_pointer<void>(params->workspace),
                               device.num_multiprocessors);
    return launched(launch_paged_decode(decode, {}, device, static_cast<cudaStream_t>(stream)),
                    "paged_decode", error);
  });
}

pagoda_status pagoda_paged_prefill_workspace(const pagoda_paged_prefill_params* params,
                                             int64_t* workspace_bytes, pagoda_error* error) {
  return guarded(error, [&] { return workspace_bytes_of(params, workspace_bytes, error); });
}

pagoda_status pagoda_paged_prefill(const pagoda_paged_prefill_params* params, void* stream,
                                   pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_params(params, error));
    PAGODA_RETURN_UNLESS_OK(check_prefill(*params, error));
    if (params->num_seqs == 0 || params->num_tokens == 0) {
      return PAGODA_STATUS_OK;
    }
    LaunchDevice device{};
    PAGODA_RETURN_UNLESS_OK(require_device_and_workspace(*params, &device, error));
    PrefillParams prefill{};
    use_common_fields(*params, &prefill);
    prefill.cumulative_query_lengths =
        device_pointer<const int32_t>(params->cumulative_query_lengths);
    prefill.num_tokens = params->num_tokens;
    prefill.is_causal = params->is_causal == 1;
    return launched(launch_paged_prefill(prefill, device_pointer<void>(params->workspace), device,
                                         static_cast<cudaStream_t>(stream)),
                    "paged_prefill", error);
  });
}
