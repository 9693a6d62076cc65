// Attention over parts of a context becomes attention over all of it.
#ifndef PAGODA_ATTENTION_MERGE_PARTIALS_H
#define PAGODA_ATTENTION_MERGE_PARTIALS_H

#include <cuda_runtime_api.h>

#include <cstdint>

#include "device/elements.h"

namespace pagoda {

struct MergePartialsParams {
  const void* partial_outputs;  // [num_partials, num_rows, head_dim]
  const float* partial_lse;     // [num_partials, num_rows], natural log
  void* output;                 // [num_rows, head_dim]
  float* maybe_lse;             // [num_rows], or null
  int32_t num_partials;
  int32_t num_rows;
  int32_t head_dim;
  DType row_dtype;
};

cudaError_t launch_merge_partials(const MergePartialsParams& params, cudaStream_t stream);

}  // namespace pagoda

#endif
