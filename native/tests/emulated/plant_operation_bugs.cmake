# Writes copies of the kernels that run through the C ABI, in which bugs can be switched on
# (plant.cmake).
#
#   cmake -DSOURCE=native/src -DTARGET=folder -P plant_operation_bugs.cmake

set(write_kv cache/write_kv.cu)
set(copy_blocks cache/copy_blocks.cu)
set(merge_partials attention/merge_partials.cu)
set(update_words cache/update_words.cu)
set(validate_step cache/validate_step.cu)
set(portable_tile attention/portable_tile.cuh)
set(portable_decode attention/portable_paged_decode.cu)
set(portable_prefill attention/portable_paged_prefill.cu)
set(headers write_kv copy_blocks merge_partials update_words validate_step
  portable_tile portable_decode portable_prefill)
include(${CMAKE_CURRENT_LIST_DIR}/plant.cmake)
read_headers()

plant(write_kv "1 and 2"
  "slot < 0 || slot >= params.num_slots"
  "(slot < 0 && emulated::planted != 1) ||
      (slot >= params.num_slots && emulated::planted != 2)")
plant(write_kv 3
  "in_block * what.head_dim + i - kv_head * what.head_dim"
  "in_block * what.head_dim + i - (emulated::planted == 3 ? 0 : kv_head * what.head_dim)")
plant(write_kv 4
  "what.dtype == row_dtype &&"
  "(what.dtype == row_dtype || emulated::planted == 4) &&")
plant(write_kv 5
  "what.head_dim * bytes_each % 16 == 0"
  "(what.head_dim * bytes_each % 16 == 0 || emulated::planted == 5)")
plant(copy_blocks 6
  "if (first + i * kThreads < vectors_per_block) {
          store_with_policy"
  "if (first + i * kThreads < vectors_per_block || emulated::planted == 6) {
          store_with_policy")
plant(copy_blocks 7
  "first < vectors_per_block; first +="
  "first < (emulated::planted == 7
                      ? min(vectors_per_block, int64_t{gridDim.x} * kThreads * kVectors)
                      : vectors_per_block);
         first +=")
plant(copy_blocks 8
  "copy_idx < params.num_copies;"
  "copy_idx < (emulated::planted == 8 ? min(params.num_copies, int64_t{gridDim.y})
                                         : params.num_copies);")
plant(copy_blocks 9
  "params.source_pool + copy.source_block"
  "(emulated::planted == 9 ? params.target_pool : params.source_pool) + copy.source_block")
plant(merge_partials 10
  "row < params.num_rows; row +="
  "row < params.num_rows + (emulated::planted == 10 ? 1 : 0); row +=")
plant(merge_partials 11
  "part_row = int64_t{part} * params.num_rows + row;"
  "part_row = emulated::planted == 11 ? row * params.num_partials + part
                                              : int64_t{part} * params.num_rows + row;")
plant(merge_partials 12
  "if (lse > -INFINITY) {"
  "if (lse > -INFINITY || emulated::planted == 12) {")
plant(merge_partials 13
  "merged += expf(lse - most) / sum *"
  "merged += expf(lse - (emulated::planted == 13 ? 0.0f : most)) / sum *")
plant(merge_partials 14
  "dim < params.head_dim; dim += kWarpSize"
  "dim < (emulated::planted == 14 ? kWarpSize : params.head_dim); dim += kWarpSize")
plant(update_words 15
  "i < run.num_words;"
  "i < (emulated::planted == 15 ? min(run.num_words, 4 * kThreads) : run.num_words);")
plant(update_words 16
  "target < params.num_target_words &&"
  "(target < params.num_target_words || emulated::planted == 16) &&")
plant(validate_step 17
  "__syncthreads();
  const auto note"
  "if (emulated::planted != 17) {
    __syncthreads();
  }
  const auto note")
plant(validate_step 18
  "const bool lengths_hold = first == kNoFault;
  __syncthreads();"
  "const bool lengths_hold = first == kNoFault;
  if (emulated::planted != 18) {
    __syncthreads();
  }")
plant(validate_step 19
  "__syncthreads();
  if (threadIdx.x == 0) {
    StepReport"
  "if (emulated::planted != 19) {
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    StepReport")
plant(validate_step 20
  "atomicMin(&first, fault_key(fault, idx, block_idx));"
  "if (emulated::planted == 20) {
      first = fault_key(fault, idx, block_idx);
    } else {
      atomicMin(&first, fault_key(fault, idx, block_idx));
    }")
plant(portable_tile 21
  "__syncthreads();
#pragma unroll
    for (int row = 0; row < kRows; ++row) {
      float maximum = maxima_[row];"
  "if (emulated::planted != 21) {
      __syncthreads();
    }
#pragma unroll
    for (int row = 0; row < kRows; ++row) {
      float maximum = maxima_[row];")
plant(portable_tile 22
  "__syncthreads();
#pragma unroll
    for (int i = 0; i < kDimsPerThread; ++i) {
      const int dim"
  "if (emulated::planted != 22) {
      __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < kDimsPerThread; ++i) {
      const int dim")
plant(portable_tile 23
  "__syncthreads();
  }

  /// Calls end"
  "if (emulated::planted != 23) {
      __syncthreads();
    }
  }

  /// Calls end")
plant(portable_tile 24
  "__syncthreads();
#pragma unroll
    for (int row = 0; row < kRows; ++row) {
      if (row >= num_rows) {"
  "if (emulated::planted != 24) {
      __syncthreads();
    }
#pragma unroll
    for (int row = 0; row < kRows; ++row) {
      if (row >= num_rows) {")
plant(portable_tile 25
  "fmaf(sums_[row], shrink, probability)"
  "fmaf(sums_[row], emulated::planted == 25 ? 1.0f : shrink, probability)")
plant(portable_tile 26
  "token < num_tokens;"
  "token < (emulated::planted == 26 ? kTokens : num_tokens);")
plant(portable_decode 27
  "__syncthreads();

    for (int first = begin;"
  "if (emulated::planted != 27) {
      __syncthreads();
    }

    for (int first = begin;")
plant(portable_decode "28 and 29"
  "__syncthreads();
      if (threadIdx.x == 0) {
        is_last = arrives_last(params, split);
      }
      __syncthreads();"
  "if (emulated::planted != 28) {
        __syncthreads();
      }
      if (threadIdx.x == 0) {
        is_last = arrives_last(params, split);
      }
      if (emulated::planted != 29) {
        __syncthreads();
      }")

write_headers()
