#include "attention/sm90_paged_prefill.cuh"

namespace pagoda {

template cudaError_t launch_sm90_paged_prefill<__half, 64>(const PrefillParams&,
                                                           const LaunchDevice&, cudaStream_t);

}  // namespace pagoda
