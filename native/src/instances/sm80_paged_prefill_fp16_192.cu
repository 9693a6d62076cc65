#include "attention/sm80_paged_prefill.cuh"

namespace pagoda {

template cudaError_t launch_sm80_paged_prefill<__half, 192>(const PrefillParams&,
                                                            const LaunchDevice&, cudaStream_t);

}  // namespace pagoda
