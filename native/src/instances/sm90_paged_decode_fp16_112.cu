#include "attention/sm90_paged_decode.cuh"

namespace pagoda {

template cudaError_t launch_sm90_paged_decode<__half, 112>(const DecodeParams&, const DecodeTuning&,
                                                           const LaunchDevice&, cudaStream_t);

}  // namespace pagoda
