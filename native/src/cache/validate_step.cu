#include "cache/validate_step.h"

namespace pagoda {
namespace {

/// Fault, index and block index in one number, so that the smallest is the first fault.
__device__ unsigned long long fault_key(StepFault fault, int64_t idx, int64_t block_idx) {
  return (static_cast<unsigned long long>(fault) << 60) |
         (static_cast<unsigned long long>(idx) << 30) | static_cast<unsigned long long>(block_idx);
}

constexpr unsigned long long kNoFault = ~0ull;

}  // namespace

/// Finds the first value that kernels could not live with.
///
/// Launch    one CTA of kThreads, 8 bytes of shared memory
/// Reads     lengths; block ids and slots only where the lengths hold
/// Writes    params.report
/// Requires  num_seqs, num_tokens and blocks per sequence below 2^30
/// Moves     every word once; for debugging
template <int kThreads>
__global__ void __launch_bounds__(kThreads)
    validate_step_kernel(const __grid_constant__ ValidateStepParams params) {
  __shared__ unsigned long long first;
  if (threadIdx.x == 0) {
    first = kNoFault;
  }
  __syncthreads();
  const auto note = [&](StepFault fault, int64_t idx, int64_t block_idx) {
    atomicMin(&first, fault_key(fault, idx, block_idx));
  };
  const int32_t* cumulative = params.cumulative_query_lengths;
  if (threadIdx.x == 0 && cumulative[0] != 0) {
    note(StepFault::kCumulativeStart, 0, 0);
  }
  for (int32_t seq = threadIdx.x; seq < params.num_seqs; seq += kThreads) {
    if (cumulative[seq + 1] < cumulative[seq]) {
      note(StepFault::kCumulativeOrder, seq + 1, 0);
    }
    if (cumulative[seq + 1] > params.num_tokens) {
      note(StepFault::kCumulativeEnd, seq + 1, 0);
    }
    const int64_t context_length = params.context_lengths[seq];
    const int64_t query_length = int64_t{cumulative[seq + 1]} - cumulative[seq];
    if (context_length < query_length ||
        context_length > params.block_table_stride * params.block_size) {
      note(StepFault::kContextLength, seq, 0);
    }
  }
  __syncthreads();
  const bool lengths_hold = first == kNoFault;
  __syncthreads();
  if (lengths_hold) {
    for (int32_t seq = 0; seq < params.num_seqs; ++seq) {
      const int32_t* table = params.block_tables + seq * params.block_table_stride;
      const int32_t context_length = params.context_lengths[seq];
      const int32_t num_blocks = (context_length + params.block_size - 1) / params.block_size;
      for (int32_t i = threadIdx.x; i < num_blocks; i += kThreads) {
        if (table[i] < 0 || table[i] >= params.num_blocks) {
          note(StepFault::kBlockId, seq, i);
        }
      }
      const int32_t first_position = context_length - (cumulative[seq + 1] - cumulative[seq]);
      for (int32_t token = cumulative[seq] + threadIdx.x; token < cumulative[seq + 1];
           token += kThreads) {
        const int32_t position = first_position + token - cumulative[seq];
        const int64_t slot = params.slot_mapping[token];
        const int64_t expected = int64_t{table[position / params.block_size]} * params.block_size +
                                 position % params.block_size;
        if (slot != -1 && slot != expected) {
          note(StepFault::kSlot, token, 0);
        }
      }
    }
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    StepReport report{};
    if (first != kNoFault) {
      report.fault = static_cast<int64_t>(first >> 60);
      report.idx = static_cast<int64_t>((first >> 30) & ((1ull << 30) - 1));
      report.block_idx = static_cast<int64_t>(first & ((1ull << 30) - 1));
      switch (static_cast<StepFault>(report.fault)) {
        case StepFault::kContextLength:
          report.value = params.context_lengths[report.idx];
          break;
        case StepFault::kBlockId:
          report.value =
              params.block_tables[report.idx * params.block_table_stride + report.block_idx];
          break;
        case StepFault::kSlot:
          report.value = params.slot_mapping[report.idx];
          break;
        default:
          report.value = cumulative[report.idx];
          break;
      }
    }
    *params.report = report;
    __threadfence_system();
  }
}

cudaError_t launch_validate_step(const ValidateStepParams& params, cudaStream_t stream) {
  constexpr int kThreads = 1024;
  validate_step_kernel<kThreads><<<1, kThreads, 0, stream>>>(params);
  return cudaGetLastError();
}

}  // namespace pagoda
