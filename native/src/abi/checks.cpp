#include "abi/checks.h"

#include <cinttypes>
#include <cmath>

#include "abi/device_failures.h"
#include "device/driver_functions.h"

namespace pagoda {
namespace {

static_assert(static_cast<int32_t>(DType::kFp32) == PAGODA_DTYPE_FP32);
static_assert(static_cast<int32_t>(DType::kFp16) == PAGODA_DTYPE_FP16);
static_assert(static_cast<int32_t>(DType::kBf16) == PAGODA_DTYPE_BF16);

constexpr int64_t kTileAlignmentBytes = 64;
constexpr int32_t kMostBlockSize = 1024;
constexpr int64_t kMostBlockBytes = int64_t{1} << 40;

pagoda_status require_multiple(NamedValue field, int64_t unit, pagoda_error* error) {
  if (field.value % unit != 0) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                "this must be a multiple of %" PRId64 ": %s=%" PRId64, unit, field.name,
                field.value);
  }
  return PAGODA_STATUS_OK;
}

bool has_several_devices() {
  static const bool has_several = [] {
    int num_devices = 0;
    const cudaError_t answer = cudaGetDeviceCount(&num_devices);
    if (answer != cudaSuccess) {
      cudaGetLastError();
    }
    return answer == cudaSuccess && num_devices > 1;
  }();
  return has_several;
}

/// What the driver says about the current context's access to memory of another device. Where it
/// says nothing, the launch will tell.
bool has_access(uint64_t address) {
  using GetAttribute = CUresult(CUDAAPI*)(void*, CUpointer_attribute, CUdeviceptr);
  static const GetAttribute get_attribute = [] {
    GetAttribute found = nullptr;
    return find_driver_function("cuPointerGetAttribute", &found) == cudaSuccess ? found : nullptr;
  }();
  uint64_t flags = 0;
  return get_attribute == nullptr ||
         get_attribute(&flags, CU_POINTER_ATTRIBUTE_ACCESS_FLAGS, address) != CUDA_SUCCESS ||
         (flags & CU_POINTER_ATTRIBUTE_ACCESS_FLAG_READ) != 0;
}

/// Keys or values of a layer, whose tiles must hold a block's rows and lie inside the block.
struct NamedTiles {
  NamedValue base;
  NamedValue tile;
  int32_t head_dim;
  pagoda_dtype dtype;
};

pagoda_status require_tiles(const pagoda_kv_layer& layer, const NamedTiles& tiles,
                            pagoda_error* error) {
  PAGODA_RETURN_UNLESS_OK(require_range(tiles.base, 0, layer.block_bytes, error));
  PAGODA_RETURN_UNLESS_OK(require_multiple(tiles.base, kTileAlignmentBytes, error));
  const int64_t payload_bytes =
      int64_t{layer.block_size} * tiles.head_dim * element_bytes(static_cast<DType>(tiles.dtype));
  PAGODA_RETURN_UNLESS_OK(require_range(tiles.tile, payload_bytes, layer.block_bytes, error));
  PAGODA_RETURN_UNLESS_OK(require_multiple(tiles.tile, kTileAlignmentBytes, error));
  if (tiles.tile.value > (layer.block_bytes - tiles.base.value) / layer.num_kv_heads) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                "%d tiles of %" PRId64 " bytes from byte %" PRId64
                " on do not fit a block: block_bytes=%" PRId64,
                layer.num_kv_heads, tiles.tile.value, tiles.base.value, layer.block_bytes);
  }
  return PAGODA_STATUS_OK;
}

}  // namespace

pagoda_status require_params(const void* params, pagoda_error* error) {
  if (params == nullptr) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                "the parameters are missing: params=NULL");
  }
  return PAGODA_STATUS_OK;
}

pagoda_status require_range(NamedValue field, int64_t least, int64_t most, pagoda_error* error) {
  if (field.value < least || field.value > most) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                "this must be from %" PRId64 " to %" PRId64 ": %s=%" PRId64, least, most,
                field.name, field.value);
  }
  return PAGODA_STATUS_OK;
}

pagoda_status require_address(const char* name, uint64_t address, uint64_t alignment_bytes,
                              pagoda_error* error) {
  if (address == 0) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess, "an address is missing: %s=0",
                name);
  }
  if (address % alignment_bytes != 0) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                "this address must be a multiple of %" PRIu64 ": %s=0x%" PRIx64, alignment_bytes,
                name, address);
  }
  return PAGODA_STATUS_OK;
}

pagoda_status require_maybe_address(const char* name, uint64_t address, uint64_t alignment_bytes,
                                    pagoda_error* error) {
  return address == 0 ? PAGODA_STATUS_OK : require_address(name, address, alignment_bytes, error);
}

pagoda_status require_reachable(const char* name, uint64_t address, pagoda_error* error) {
  if (address == 0 || !has_several_devices()) {
    return PAGODA_STATUS_OK;
  }
  cudaPointerAttributes attributes{};
  int device_idx = 0;
  if (cudaPointerGetAttributes(&attributes, reinterpret_cast<const void*>(
                                                static_cast<uintptr_t>(address))) != cudaSuccess ||
      cudaGetDevice(&device_idx) != cudaSuccess) {
    cudaGetLastError();
    return PAGODA_STATUS_OK;
  }
  if (attributes.type != cudaMemoryTypeDevice || attributes.device == device_idx ||
      has_access(address)) {
    return PAGODA_STATUS_OK;
  }
  return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
              "this is memory of device %d, which device %d has no access to: %s=0x%" PRIx64,
              attributes.device, device_idx, name, address);
}

pagoda_status require_dtype(const char* name, pagoda_dtype dtype, pagoda_error* error) {
  if (dtype < PAGODA_DTYPE_FP32 || dtype > PAGODA_DTYPE_BF16) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess, "there is no such dtype: %s=%d",
                name, dtype);
  }
  return PAGODA_STATUS_OK;
}

pagoda_status require_finite(const char* name, float value, pagoda_error* error) {
  if (!std::isfinite(value)) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess, "this must be finite: %s=%g",
                name, static_cast<double>(value));
  }
  return PAGODA_STATUS_OK;
}

pagoda_status require_row_stride(NamedValue stride, int64_t row_elements, pagoda_dtype dtype,
                                 pagoda_error* error) {
  const int64_t one = element_bytes(static_cast<DType>(dtype));
  PAGODA_RETURN_UNLESS_OK(require_range(stride, row_elements * one, kMostBlockBytes, error));
  return require_multiple(stride, one, error);
}

pagoda_status require_layer(const pagoda_kv_layer& layer, int32_t most_head_dim,
                            pagoda_error* error) {
  PAGODA_RETURN_UNLESS_OK(require_address("pool", layer.pool, kTileAlignmentBytes, error));
  PAGODA_RETURN_UNLESS_OK(require_range({"num_blocks", layer.num_blocks}, 1, INT32_MAX, error));
  PAGODA_RETURN_UNLESS_OK(
      require_range({"block_bytes", layer.block_bytes}, 1, kMostBlockBytes, error));
  PAGODA_RETURN_UNLESS_OK(
      require_multiple({"block_bytes", layer.block_bytes}, kTileAlignmentBytes, error));
  PAGODA_RETURN_UNLESS_OK(require_range({"num_kv_heads", layer.num_kv_heads}, 1, 1 << 16, error));
  PAGODA_RETURN_UNLESS_OK(
      require_range({"block_size", layer.block_size}, 1, kMostBlockSize, error));
  PAGODA_RETURN_UNLESS_OK(
      require_range({"key_head_dim", layer.key_head_dim}, 1, most_head_dim, error));
  PAGODA_RETURN_UNLESS_OK(
      require_range({"value_head_dim", layer.value_head_dim}, 1, most_head_dim, error));
  PAGODA_RETURN_UNLESS_OK(require_dtype("key_dtype", layer.key_dtype, error));
  PAGODA_RETURN_UNLESS_OK(require_dtype("value_dtype", layer.value_dtype, error));
  PAGODA_RETURN_UNLESS_OK(require_tiles(layer,
                                        {{"key_base_bytes", layer.key_base_bytes},
                                         {"key_tile_bytes", layer.key_tile_bytes},
                                         layer.key_head_dim,
                                         layer.key_dtype},
                                        error));
  return require_tiles(layer,
                       {{"value_base_bytes", layer.value_base_bytes},
                        {"value_tile_bytes", layer.value_tile_bytes},
                        layer.value_head_dim,
                        layer.value_dtype},
                       error);
}

pagoda_status require_launch_device(LaunchDevice* device, pagoda_error* error) {
  const cudaError_t answer = query_launch_device(device);
  if (answer == cudaSuccess) {
    return PAGODA_STATUS_OK;
  }
  cudaGetLastError();
  return answer == cudaErrorNoKernelImageForDevice
             ? launched(answer, "image_probe", error)
             : fail_without_devices(answer, query_cuda_versions(), error);
}

pagoda_status launched(cudaError_t answer, const char* operation, pagoda_error* error) {
  switch (answer) {
    case cudaSuccess:
      return PAGODA_STATUS_OK;
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
      return fail_without_devices(answer, query_cuda_versions(), error);
    case cudaErrorNoKernelImageForDevice:
      return fail(error, PAGODA_STATUS_UNSUPPORTED, answer,
                  "no kernel fits this device, they were built for %s: operation=%s",
                  PAGODA_BUILT_ARCHITECTURES, operation);
    default:
      if (breaks_the_context(answer)) {
        return fail_to_do(answer, operation, error);
      }
      return fail(error, PAGODA_STATUS_CUDA_FAILURE, answer,
                  "CUDA refused the launch of %s, %s: cuda_error=%d", operation,
                  cudaGetErrorString(answer), static_cast<int>(answer));
  }
}

}  // namespace pagoda
