#include "device/tile_map.h"

#include "device/driver_functions.h"

namespace pagoda {

cudaError_t make_tile_map(const MappedTiles& tiles, CUtensorMap* map) {
  using Encode = decltype(&cuTensorMapEncodeTiled);
  // Asked for once: a launch has no time to ask again.
  static const Encode encode = [] {
    Encode found = nullptr;
    return find_driver_function("cuTensorMapEncodeTiled", &found) == cudaSuccess ? found : nullptr;
  }();
  if (encode == nullptr) {
    return cudaErrorSymbolNotFound;
  }
  constexpr cuuint32_t kRank = 4;
  const cuuint64_t sizes[kRank] = {
      static_cast<cuuint64_t>(tiles.head_dim), static_cast<cuuint64_t>(tiles.block_size),
      static_cast<cuuint64_t>(tiles.num_kv_heads), static_cast<cuuint64_t>(tiles.num_blocks)};
  const cuuint64_t strides[kRank - 1] = {static_cast<cuuint64_t>(2 * tiles.head_dim),
                                         static_cast<cuuint64_t>(tiles.tile_bytes),
                                         static_cast<cuuint64_t>(tiles.block_bytes)};
  const cuuint32_t box[kRank] = {64, static_cast<cuuint32_t>(tiles.box_tokens), 1, 1};
  const cuuint32_t steps[kRank] = {1, 1, 1, 1};
  const CUresult answer =
      encode(map, CU_TENSOR_MAP_DATA_TYPE_UINT16, kRank, const_cast<char*>(tiles.first), sizes,
             strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
             CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return answer == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
}

}  // namespace pagoda
