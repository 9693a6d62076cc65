# Writes copies of the prefill kernel's sources in which bugs can be switched on (plant.cmake).
#
#   cmake -DSOURCE=native/src -DTARGET=folder -P plant_prefill_bugs.cmake

set(kernel attention/sm80_paged_prefill.cuh)
set(query_tiles attention/query_tiles.cuh)
set(headers kernel query_tiles)
include(${CMAKE_CURRENT_LIST_DIR}/plant.cmake)
read_headers()

plant(kernel "1 and 2"
  "async_copy_wait<0>();
    __syncthreads();
    if (token_tile + 1 < end_tile) {"
  "if (emulated::planted == 1) {
      async_copy_wait<1>();
    } else {
      async_copy_wait<0>();
    }
    if (emulated::planted != 2) {
      __syncthreads();
    }
    if (token_tile + 1 < end_tile) {")
plant(kernel 3
  "copy_tile(token_tile + 1, stage ^ 1);"
  "copy_tile(token_tile + 1, emulated::planted == 3 ? stage : stage ^ 1);")
plant(kernel 4
  "async_copy_end_group();
  };"
  "if (emulated::planted != 4) {
      async_copy_end_group();
    }
  };")
plant(kernel 5
  "const bool has_value = offset.value >= 0 && chunk < value_chunks;"
  "const bool has_value =
            (offset.value >= 0 || emulated::planted == 5) && chunk < value_chunks;")
plant(kernel 6
  "const bool has_key = offset.key >= 0 && chunk < key_chunks;"
  "const bool has_key =
            offset.key >= 0 && (chunk < key_chunks || emulated::planted == 6);")
plant(kernel 7
  "(token_tile + 1) * kTokens <= visible.end) {"
  "((token_tile + 1) * kTokens <= visible.end || emulated::planted == 7)) {")
plant(kernel 8
  "first_token < of_last.begin || first_token + kTokens > of_first.end"
  "(first_token < of_last.begin && emulated::planted != 8) ||
          first_token + kTokens > of_first.end")
plant(kernel 9
  "n * 8 + i >= end"
  "n * 8 + i >= end + (emulated::planted == 9 ? 1 : 0)")
plant(kernel 10
  "sums[m][half] *= shrink;"
  "sums[m][half] *= emulated::planted == 10 ? 1.0f : shrink;")
plant(kernel 11
  "store_offsets(token_tile + 2, stage, next_block_id);"
  "store_offsets(token_tile + 2, emulated::planted == 11 ? stage ^ 1 : stage, next_block_id);")
plant(kernel 12
  "if (is_staged) {
    __syncwarp();"
  "if (is_staged) {
    if (emulated::planted != 12) {
      __syncwarp();
    }")
plant(kernel 13
  "if (row < tile.num_rows && chunk < value_chunks) {"
  "if ((row < tile.num_rows || emulated::planted == 13) && chunk < value_chunks) {")
plant(kernel 14
  "maximum = fmaxf(maximum, __shfl_xor_sync(kEveryLane, maximum, 2));"
  "if (emulated::planted != 14) {
              maximum = fmaxf(maximum, __shfl_xor_sync(kEveryLane, maximum, 2));
            }")
plant(kernel 15
  "if (__any_sync(kEveryLane, rises)) {"
  "if (emulated::planted == 15 ? rises : __any_sync(kEveryLane, rises)) {")
plant(kernel 16
  "table[position / params.block_size]"
  "table[position / (emulated::planted == 16 ? 16 : params.block_size)]")
plant(query_tiles 17
  "tile_idx - first_tile - __shfl_sync"
  "tile_idx - (emulated::planted == 17 ? 0 : first_tile) - __shfl_sync")
plant(query_tiles 18
  "if (num_tokens == 1 && params.skips_single_rows) {"
  "if (num_tokens == 1 && params.skips_single_rows && emulated::planted != 18) {")
plant(query_tiles 19
  "params.is_causal ? min(position + 1, context_length) : context_length"
  "params.is_causal || emulated::planted == 19 ? min(position + 1, context_length)
                                                        : context_length")
plant(query_tiles 20
  "max(0, position - params.window_tokens + 1)"
  "max(0, position - params.window_tokens + (emulated::planted == 20 ? 0 : 1))")
plant(kernel 21
  "if (first_tile >= end_tile) {"
  "if (first_tile >= end_tile && emulated::planted != 21) {")

write_headers()
