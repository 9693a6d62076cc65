// Writes and copies of blocks: checks, and the launches.

#include <cuda_runtime_api.h>

#include "abi/checks.h"
#include "abi/failure.h"
#include "cache/copy_blocks.h"
#include "cache/write_kv.h"
#include "pagoda/pagoda.h"

namespace {

using namespace pagoda;

// Writes have no limit of their own; this one keeps a row inside 32 bits.
constexpr int32_t kMostWrittenHeadDim = 1 << 14;

static_assert(sizeof(BlockCopy) == sizeof(pagoda_block_copy), "copies are read as they lie");

template <typename Pointee>
Pointee* device_pointer(uint64_t address) {
  return reinterpret_cast<Pointee*>(static_cast<uintptr_t>(address));
}

pagoda_status check_write(const pagoda_write_kv_params& p, pagoda_error* error) {
  PAGODA_RETURN_UNLESS_OK(require_layer(p.layer, kMostWrittenHeadDim, error));
  PAGODA_RETURN_UNLESS_OK(require_range({"num_tokens", p.num_tokens}, 0, INT32_MAX, error));
  PAGODA_RETURN_UNLESS_OK(require_dtype("row_dtype", p.row_dtype, error));
  if (p.num_tokens == 0) {
    return PAGODA_STATUS_OK;
  }
  const auto element = static_cast<uint64_t>(element_bytes(static_cast<DType>(p.row_dtype)));
  PAGODA_RETURN_UNLESS_OK(require_address("keys", p.keys, element, error));
  PAGODA_RETURN_UNLESS_OK(require_address("values", p.values, element, error));
  PAGODA_RETURN_UNLESS_OK(require_address("slot_mapping", p.slot_mapping, 8, error));
  PAGODA_RETURN_UNLESS_OK(require_row_stride({"key_row_stride_bytes", p.key_row_stride_bytes},
                                             int64_t{p.layer.num_kv_heads} * p.layer.key_head_dim,
                                             p.row_dtype, error));
  PAGODA_RETURN_UNLESS_OK(require_row_stride({"value_row_stride_bytes", p.value_row_stride_bytes},
                                             int64_t{p.layer.num_kv_heads} * p.layer.value_head_dim,
                                             p.row_dtype, error));
  PAGODA_RETURN_UNLESS_OK(require_reachable("keys", p.keys, error));
  return require_reachable("values", p.values, error);
}

WriteKvParams write_params(const pagoda_write_kv_params& p) {
  const pagoda_kv_layer& layer = p.layer;
  return {device_pointer<char>(layer.pool),
          layer.block_bytes,
          layer.num_blocks * layer.block_size,
          device_pointer<const int64_t>(p.slot_mapping),
          {device_pointer<const void>(p.keys), p.key_row_stride_bytes, layer.key_base_bytes,
           layer.key_tile_bytes, layer.key_head_dim, static_cast<DType>(layer.key_dtype), 1},
          {device_pointer<const void>(p.values), p.value_row_stride_bytes, layer.value_base_bytes,
           layer.value_tile_bytes, layer.value_head_dim, static_cast<DType>(layer.value_dtype), 1},
          p.num_tokens,
          layer.num_kv_heads,
          layer.block_size,
          static_cast<DType>(p.row_dtype)};
}

struct NamedPool {
  const char* name;
  uint64_t address;
};

constexpr uint64_t kVectorBytes = 16;

pagoda_status check_copies(NamedPool source, NamedPool target, uint64_t copies, int64_t block_bytes,
                           int64_t num_copies, pagoda_error* error) {
  PAGODA_RETURN_UNLESS_OK(require_range({"num_copies", num_copies}, 0, INT32_MAX, error));
  PAGODA_RETURN_UNLESS_OK(
      require_range({"block_bytes", block_bytes}, kVectorBytes, int64_t{1} << 40, error));
  if (block_bytes % static_cast<int64_t>(kVectorBytes) != 0) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                "this must be a multiple of 16: block_bytes=%lld",
                static_cast<long long>(block_bytes));
  }
  if (num_copies == 0) {
    return PAGODA_STATUS_OK;
  }
  PAGODA_RETURN_UNLESS_OK(require_address(source.name, source.address, kVectorBytes, error));
  PAGODA_RETURN_UNLESS_OK(require_address(target.name, target.address, kVectorBytes, error));
  return require_address("copies", copies, 4, error);
}

}  // namespace

pagoda_status pagoda_write_kv(const pagoda_write_kv_params* params, void* stream,
                              pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_params(params, error));
    PAGODA_RETURN_UNLESS_OK(check_write(*params, error));
    if (params->num_tokens == 0) {
      return PAGODA_STATUS_OK;
    }
    return launched(launch_write_kv(write_params(*params), static_cast<cudaStream_t>(stream)),
                    "write_kv", error);
  });
}

pagoda_status pagoda_copy_blocks(const pagoda_copy_blocks_params* params, void* stream,
                                 pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_params(params, error));
    PAGODA_RETURN_UNLESS_OK(check_copies({"pool", params->pool}, {"pool", params->pool},
                                         params->copies, params->block_bytes, params->num_copies,
                                         error));
    if (params->num_copies == 0) {
      return PAGODA_STATUS_OK;
    }
    const CopyBlocksParams copies{
        device_pointer<const char>(params->pool), device_pointer<char>(params->pool),
        device_pointer<const BlockCopy>(params->copies), params->block_bytes, params->num_copies};
    return launched(launch_copy_blocks(copies, static_cast<cudaStream_t>(stream)), "copy_blocks",
                    error);
  });
}

pagoda_status pagoda_swap_blocks(const pagoda_swap_blocks_params* params, void* stream,
                                 pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_params(params, error));
    PAGODA_RETURN_UNLESS_OK(check_copies({"source_pool", params->source_pool},
                                         {"target_pool", params->target_pool}, params->copies,
                                         params->block_bytes, params->num_copies, error));
    if (params->num_copies == 0) {
      return PAGODA_STATUS_OK;
    }
    const CopyBlocksParams copies{
        device_pointer<const char>(params->source_pool), device_pointer<char>(params->target_pool),
        device_pointer<const BlockCopy>(params->copies), params->block_bytes, params->num_copies};
    return launched(launch_swap_blocks(copies, static_cast<cudaStream_t>(stream)), "swap_blocks",
                    error);
  });
}
