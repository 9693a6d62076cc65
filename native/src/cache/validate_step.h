// A look at what a step's kernels will take on trust.
#ifndef PAGODA_CACHE_VALIDATE_STEP_H
#define PAGODA_CACHE_VALIDATE_STEP_H

#include <cuda_runtime_api.h>

#include <cstdint>

namespace pagoda {

/// What can be wrong, in the order in which it is looked for.
enum class StepFault : int64_t {
  kNone = 0,
  kCumulativeStart = 1,
  kCumulativeOrder = 2,
  kCumulativeEnd = 3,
  kContextLength = 4,
  kBlockId = 5,
  kSlot = 6,
};

/// The first fault: in report[0] its kind, then sequence or token, block index, and the value.
struct StepReport {
  int64_t fault;
  int64_t idx;
  int64_t block_idx;
  int64_t value;
};

struct ValidateStepParams {
  const int32_t* block_tables;              // [num_seqs, block_table_stride]
  const int32_t* context_lengths;           // [num_seqs]
  const int32_t* cumulative_query_lengths;  // [num_seqs + 1]
  const int64_t* slot_mapping;              // [num_tokens]
  StepReport* report;                       // pinned host
  int64_t block_table_stride;
  int32_t num_seqs;
  int32_t num_tokens;
  int32_t num_blocks;
  int32_t block_size;
};

cudaError_t launch_validate_step(const ValidateStepParams& params, cudaStream_t stream);

}  // namespace pagoda

#endif
