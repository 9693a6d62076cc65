// Which prefill kernel a shape and a device get.

#include "attention/paged_prefill.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>

#include "attention/sm80_prefill_shape.h"

namespace pagoda {
namespace {

using Launch = cudaError_t (*)(const PrefillParams&, const LaunchDevice&, cudaStream_t);

struct Instance {
  DType kv_dtype;
  int32_t head_dim;      // the wider of keys and values is no wider
  int32_t shared_bytes;  // at least, for a CTA
  Launch launch;
};

template <typename KvType, int kHeadDim>
constexpr Instance instance(DType kv_dtype) {
  return {kv_dtype, kHeadDim, Sm80Prefill<kHeadDim, 1>::kSharedBytes,
          launch_sm80_paged_prefill<KvType, kHeadDim>};
}

// One per file of instances/, narrow ones first.
constexpr Instance kInstances[] = {
    instance<__nv_bfloat16, 64>(DType::kBf16),  instance<__half, 64>(DType::kFp16),
    instance<__nv_bfloat16, 96>(DType::kBf16),  instance<__half, 96>(DType::kFp16),
    instance<__nv_bfloat16, 128>(DType::kBf16), instance<__half, 128>(DType::kFp16),
    instance<__nv_bfloat16, 192>(DType::kBf16), instance<__half, 192>(DType::kFp16),
    instance<__nv_bfloat16, 256>(DType::kBf16), instance<__half, 256>(DType::kFp16),
};

const Instance* find_instance(const PrefillParams& params, DType kv_dtype) {
  // Rows of whole 16 bytes, as copies need them.
  if (params.key_head_dim % 8 != 0 || params.value_head_dim % 8 != 0) {
    return nullptr;
  }
  const int32_t head_dim = std::max(params.key_head_dim, params.value_head_dim);
  for (const Instance& candidate : kInstances) {
    if (candidate.kv_dtype == kv_dtype && candidate.head_dim >= head_dim) {
      return &candidate;
    }
  }
  return nullptr;
}

}  // namespace

cudaError_t launch_paged_prefill(const PrefillParams& params, DType kv_dtype,
                                 const LaunchDevice& device, cudaStream_t stream) {
  const Instance* instance = find_instance(params, kv_dtype);
  // Cards for workstations have 99 KB for a CTA, too little for the widest heads.
  if (instance != nullptr && device.most_shared_bytes_per_cta >= instance->shared_bytes) {
    return instance->launch(params, device, stream);
  }
  return launch_portable_paged_prefill(params, kv_dtype, stream);
}

}  // namespace pagoda
