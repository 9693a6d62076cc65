#include "attention/sm80_paged_prefill.cuh"

namespace pagoda {

template cudaError_t launch_sm80_paged_prefill<__nv_bfloat16, 96>(const PrefillParams&,
                                                                  const LaunchDevice&,
                                                                  cudaStream_t);

}  // namespace pagoda
