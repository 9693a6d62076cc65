// Which decode kernel a shape and a device get, and how the workspace is divided.

#include "attention/paged_decode.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace pagoda {
namespace {

using Launch = cudaError_t (*)(const DecodeParams&, const DecodeTuning&, const LaunchDevice&,
                               cudaStream_t);

struct Instance {
  DType kv_dtype;
  int32_t head_dim;
  Launch launch;
};

template <typename KvType, int kHeadDim>
constexpr Instance instance(DType kv_dtype) {
  return {kv_dtype, kHeadDim, launch_sm90_paged_decode<KvType, kHeadDim>};
}

// One per file of instances/.
constexpr Instance kInstances[] = {
    instance<__nv_bfloat16, 64>(DType::kBf16),  instance<__half, 64>(DType::kFp16),
    instance<__nv_bfloat16, 80>(DType::kBf16),  instance<__half, 80>(DType::kFp16),
    instance<__nv_bfloat16, 96>(DType::kBf16),  instance<__half, 96>(DType::kFp16),
    instance<__nv_bfloat16, 112>(DType::kBf16), instance<__half, 112>(DType::kFp16),
    instance<__nv_bfloat16, 128>(DType::kBf16), instance<__half, 128>(DType::kFp16),
    instance<__nv_bfloat16, 192>(DType::kBf16), instance<__half, 192>(DType::kFp16),
    instance<__nv_bfloat16, 256>(DType::kBf16), instance<__half, 256>(DType::kFp16),
};

const Instance* find_instance(const DecodeParams& params) {
  for (const Instance& candidate : kInstances) {
    if (candidate.kv_dtype == params.key_dtype && candidate.head_dim == params.key_head_dim) {
      return &candidate;
    }
  }
  return nullptr;
}

bool lies_on_16_bytes(const DecodeParams& params) {
  return reinterpret_cast<uintptr_t>(params.queries) % 16 == 0 &&
         reinterpret_cast<uintptr_t>(params.output) % 16 == 0 &&
         params.query_row_stride_bytes % 16 == 0 && params.output_row_stride_bytes % 16 == 0;
}

// Counters come first, on lines of their own.
constexpr int64_t kLineBytes = 256;

constexpr int64_t rounded_to_lines(int64_t num_bytes) {
  return (num_bytes + kLineBytes - 1) / kLineBytes * kLineBytes;
}

constexpr int64_t counter_bytes(int32_t num_multiprocessors) {
  // One more for the grabs taken.
  return rounded_to_lines(4 * (max_decode_grabs(num_multiprocessors) + 1));
}

}  // namespace

bool sm90_paged_decode_takes(const DecodeParams& params) {
  return params.key_dtype == params.value_dtype && params.key_head_dim == params.value_head_dim &&
         params.block_size % 8 == 0 && lies_on_16_bytes(params) && find_instance(params) != nullptr;
}

cudaError_t launch_paged_decode(DecodeParams params, const DecodeTuning& tuning,
                                const LaunchDevice& device, cudaStream_t stream) {
  if (device.has_bulk_copies() && sm90_paged_decode_takes(params)) {
    return find_instance(params)->launch(params, tuning, device, stream);
  }
  return launch_portable_paged_decode(params, device, stream);
}

int64_t paged_decode_workspace_bytes(const DecodeWorkspaceShape& shape) {
  const int64_t tile_rows = shape.group_size <= 8 ? 8 : 16;
  const int64_t partial_bytes = 4 * tile_rows * (shape.value_head_dim + 2);
  return counter_bytes(shape.num_multiprocessors) +
         2 * max_decode_grabs(shape.num_multiprocessors) * partial_bytes;
}

void use_paged_decode_workspace(DecodeParams* params, void* workspace,
                                int32_t num_multiprocessors) {
  char* bytes = static_cast<char*>(workspace);
  params->counters = reinterpret_cast<uint32_t*>(bytes);
  params->grabs_taken = params->counters + max_decode_grabs(num_multiprocessors);
  params->partials = reinterpret_cast<float*>(bytes + counter_bytes(num_multiprocessors));
}

}  // namespace pagoda
