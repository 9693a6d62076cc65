// A device that runs no instance of the kernels for tensor cores: the portable ones take every
// shape.

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "abi/checks.h"
#include "attention/paged_decode.h"
#include "attention/paged_prefill.h"

namespace pagoda {

/// Few multiprocessors, so that short contexts are split too.
pagoda_status require_launch_device(LaunchDevice* device, pagoda_error*) {
  *device = {};
  device->num_multiprocessors = 4;
  device->image_architecture = 80;
  return PAGODA_STATUS_OK;
}

template <typename KvType, int kHeadDim>
cudaError_t launch_sm90_paged_decode(const DecodeParams&, const DecodeTuning&, const LaunchDevice&,
                                     cudaStream_t) {
  return cudaErrorInvalidConfiguration;
}

template <typename KvType, int kHeadDim>
cudaError_t launch_sm80_paged_prefill(const PrefillParams&, const LaunchDevice&, cudaStream_t) {
  return cudaErrorInvalidConfiguration;
}

template <typename KvType, int kHeadDim>
cudaError_t launch_sm90_paged_prefill(const PrefillParams&, const LaunchDevice&, cudaStream_t) {
  return cudaErrorInvalidConfiguration;
}

#define ABSENT_DECODE(kv_type, head_dim)                            \
  template cudaError_t launch_sm90_paged_decode<kv_type, head_dim>( \
      const DecodeParams&, const DecodeTuning&, const LaunchDevice&, cudaStream_t)
#define ABSENT_PREFILL(kv_type, head_dim)                            \
  template cudaError_t launch_sm80_paged_prefill<kv_type, head_dim>( \
      const PrefillParams&, const LaunchDevice&, cudaStream_t)
#define ABSENT_HOPPER_PREFILL(kv_type, head_dim)                     \
  template cudaError_t launch_sm90_paged_prefill<kv_type, head_dim>( \
      const PrefillParams&, const LaunchDevice&, cudaStream_t)
#define ABSENT(head_dim)                  \
  ABSENT_DECODE(__half, head_dim);        \
  ABSENT_DECODE(__nv_bfloat16, head_dim); \
  ABSENT_PREFILL(__half, head_dim);       \
  ABSENT_PREFILL(__nv_bfloat16, head_dim)

ABSENT(64);
ABSENT(80);
ABSENT(96);
ABSENT(112);
ABSENT(128);
ABSENT(192);
ABSENT(256);
ABSENT_HOPPER_PREFILL(__half, 64);
ABSENT_HOPPER_PREFILL(__nv_bfloat16, 64);
ABSENT_HOPPER_PREFILL(__half, 128);
ABSENT_HOPPER_PREFILL(__nv_bfloat16, 128);

}  // namespace pagoda
