#include "attention/sm90_paged_decode.cuh"

namespace pagoda {

template cudaError_t launch_sm90_paged_decode<__nv_bfloat16, 64>(const DecodeParams&,
                                                                 const DecodeTuning&,
                                                                 const LaunchDevice&, cudaStream_t);

}  // namespace pagoda
