// A step's arrays in device memory: their updates, and a look at what they hold.

#include <cuda_runtime_api.h>

#include <cinttypes>

#include "abi/checks.h"
#include "abi/device_failures.h"
#include "abi/failure.h"
#include "cache/update_words.h"
#include "cache/validate_step.h"
#include "pagoda/pagoda.h"

namespace {

using namespace pagoda;

static_assert(sizeof(WordRun) == sizeof(pagoda_word_run), "runs are read as they lie");

template <typename Pointee>
Pointee* pointer_to(uint64_t address) {
  return reinterpret_cast<Pointee*>(static_cast<uintptr_t>(address));
}

pagoda_status check_update(const pagoda_update_words_params& p, pagoda_error* error) {
  PAGODA_RETURN_UNLESS_OK(require_range({"num_runs", p.num_runs}, 0, INT32_MAX, error));
  if (p.num_runs == 0) {
    return PAGODA_STATUS_OK;
  }
  PAGODA_RETURN_UNLESS_OK(require_address("staged", p.staged, 8, error));
  PAGODA_RETURN_UNLESS_OK(require_address("delta", p.delta, 8, error));
  PAGODA_RETURN_UNLESS_OK(require_address("target", p.target, 4, error));
  PAGODA_RETURN_UNLESS_OK(
      require_range({"num_target_words", p.num_target_words}, 1, INT64_MAX / 4, error));
  PAGODA_RETURN_UNLESS_OK(require_range({"num_bytes", p.num_bytes},
                                        p.num_runs * static_cast<int64_t>(sizeof(WordRun)),
                                        int64_t{1} << 32, error));
  if (p.num_bytes % 4 != 0) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                "this must be a multiple of 4: num_bytes=%" PRId64, p.num_bytes);
  }
  return PAGODA_STATUS_OK;
}

pagoda_status check_validation(const pagoda_validate_step_params& p, pagoda_error* error) {
  constexpr int32_t kMost = (1 << 30) - 1;
  PAGODA_RETURN_UNLESS_OK(require_range({"num_seqs", p.num_seqs}, 0, kMost, error));
  if (p.num_seqs == 0) {
    return PAGODA_STATUS_OK;
  }
  PAGODA_RETURN_UNLESS_OK(require_range({"num_tokens", p.num_tokens}, 0, kMost, error));
  PAGODA_RETURN_UNLESS_OK(require_range({"num_blocks", p.num_blocks}, 1, INT32_MAX, error));
  PAGODA_RETURN_UNLESS_OK(require_range({"block_size", p.block_size}, 1, INT32_MAX, error));
  PAGODA_RETURN_UNLESS_OK(
      require_range({"block_table_stride", p.block_table_stride}, 1, kMost, error));
  PAGODA_RETURN_UNLESS_OK(require_address("block_tables", p.block_tables, 4, error));
  PAGODA_RETURN_UNLESS_OK(require_address("context_lengths", p.context_lengths, 4, error));
  PAGODA_RETURN_UNLESS_OK(
      require_address("cumulative_query_lengths", p.cumulative_query_lengths, 4, error));
  PAGODA_RETURN_UNLESS_OK(require_address("slot_mapping", p.slot_mapping, 8, error));
  return require_address("report", p.report, 8, error);
}

pagoda_status fail_with(const StepReport& report, pagoda_error* error) {
  const auto refuse = [&](const char* what, const char* name) {
    return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess, "%s: %s[%" PRId64 "]=%" PRId64,
                what, name, report.idx, report.value);
  };
  switch (static_cast<StepFault>(report.fault)) {
    case StepFault::kNone:
      return PAGODA_STATUS_OK;
    case StepFault::kCumulativeStart:
      return refuse("query lengths are counted from 0", "cumulative_query_lengths");
    case StepFault::kCumulativeOrder:
      return refuse("cumulative query lengths do not fall", "cumulative_query_lengths");
    case StepFault::kCumulativeEnd:
      return refuse("there are fewer rows", "cumulative_query_lengths");
    case StepFault::kContextLength:
      return refuse("a context holds its queries and fits its table", "context_lengths");
    case StepFault::kBlockId:
      return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, cudaSuccess,
                  "there is no such block: block_tables[%" PRId64 "][%" PRId64 "]=%" PRId64,
                  report.idx, report.block_idx, report.value);
    case StepFault::kSlot:
      return refuse("table and position say another slot", "slot_mapping");
  }
  return fail(error, PAGODA_STATUS_INTERNAL_ERROR, cudaSuccess,
              "the report holds no known fault: fault=%" PRId64, report.fault);
}

}  // namespace

pagoda_status pagoda_update_words(const pagoda_update_words_params* params, void* stream,
                                  pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_params(params, error));
    PAGODA_RETURN_UNLESS_OK(check_update(*params, error));
    if (params->num_runs == 0) {
      return PAGODA_STATUS_OK;
    }
    const UpdateWordsParams update{pointer_to<const void>(params->staged),
                                   pointer_to<char>(params->delta),
                                   pointer_to<uint32_t>(params->target),
                                   params->num_target_words,
                                   params->num_bytes,
                                   params->num_runs};
    return launched(launch_update_words(update, static_cast<cudaStream_t>(stream)), "update_words",
                    error);
  });
}

pagoda_status pagoda_validate_step(const pagoda_validate_step_params* params, void* stream,
                                   pagoda_error* error) {
  return guarded(error, [&]() -> pagoda_status {
    PAGODA_RETURN_UNLESS_OK(require_params(params, error));
    PAGODA_RETURN_UNLESS_OK(check_validation(*params, error));
    if (params->num_seqs == 0) {
      return PAGODA_STATUS_OK;
    }
    auto* report = pointer_to<StepReport>(params->report);
    const ValidateStepParams step{pointer_to<const int32_t>(params->block_tables),
                                  pointer_to<const int32_t>(params->context_lengths),
                                  pointer_to<const int32_t>(params->cumulative_query_lengths),
                                  pointer_to<const int64_t>(params->slot_mapping),
                                  report,
                                  params->block_table_stride,
                                  params->num_seqs,
                                  params->num_tokens,
                                  params->num_blocks,
                                  params->block_size};
    const auto stream_handle = static_cast<cudaStream_t>(stream);
    PAGODA_RETURN_UNLESS_OK(
        launched(launch_validate_step(step, stream_handle), "validate_step", error));
    const cudaError_t answer = cudaStreamSynchronize(stream_handle);
    if (answer != cudaSuccess) {
      return fail_to_do(answer, "wait for the validation", error);
    }
    return fail_with(*report, error);
  });
}
