# Writes copies of Hopper's prefill kernel's sources in which bugs can be switched on (plant.cmake).
#
#   cmake -DSOURCE=native/src -DTARGET=folder -P plant_hopper_prefill_bugs.cmake

set(consumer attention/sm90_prefill_consumer.cuh)
set(producer attention/sm90_prefill_producer.cuh)
set(headers consumer producer)
include(${CMAKE_CURRENT_LIST_DIR}/plant.cmake)
read_headers()

plant(consumer 1
  "wait_for_matrix_batches<1>();"
  "if (emulated::planted != 1) {
          wait_for_matrix_batches<1>();
        }")
plant(consumer 2
  "wait_for_matrix_batches<0>();
        take_values();
        weigh();"
  "if (emulated::planted != 2) {
          wait_for_matrix_batches<0>();
        }
        take_values();
        weigh();")
plant(consumer 3
  "if (has_risen_) {
#pragma unroll
      for (int n = 0; n < kHeadDim / 8; ++n) {"
  "if (has_risen_ && emulated::planted != 3) {
#pragma unroll
      for (int n = 0; n < kHeadDim / 8; ++n) {")
plant(consumer 4
  "n * 8 + i >= end"
  "n * 8 + i >= end + (emulated::planted == 4 ? 1 : 0)")
plant(consumer 5
  "first_token < plain_begin_ || first_token + kTokens > plain_end_"
  "(first_token < plain_begin_ && emulated::planted != 5) ||
        first_token + kTokens > plain_end_")
plant(consumer 6
  "return StageOf<Shape>(num_tiles_ - 1);"
  "return StageOf<Shape>(num_tiles_ - (emulated::planted == 6 ? 0 : 1));")
plant(consumer 7
  "sums_[half] *= shrink_[half];"
  "sums_[half] *= emulated::planted == 7 ? 1.0f : shrink_[half];")
plant(consumer 8
  "maximum = fmaxf(maximum, __shfl_xor_sync(kEveryLane, maximum, 2));"
  "if (emulated::planted != 8) {
          maximum = fmaxf(maximum, __shfl_xor_sync(kEveryLane, maximum, 2));
        }")
plant(consumer 9
  "attend(work);
      give_back(ring_.queries_empty(place.stage));"
  "if (emulated::planted == 9) {
        give_back(ring_.queries_empty(place.stage));
      }
      attend(work);
      if (emulated::planted != 9) {
        give_back(ring_.queries_empty(place.stage));
      }")
plant(consumer 10
  "give_back(ring_.values_empty(place.stage));
    ++num_tiles_;"
  "give_back(ring_.values_empty(place.stage));
    num_tiles_ += emulated::planted == 10 ? 0 : 1;")
plant(producer 11
  "(token_tile + 1) * Shape::kTileTokens <= readable_.end) {"
  "((token_tile + 1) * Shape::kTileTokens <= readable_.end || emulated::planted == 11)) {")
plant(producer 12
  "barrier_wait(ring_.keys_empty(place.stage), place.phase ^ 1);"
  "if (emulated::planted != 12) {
      barrier_wait(ring_.keys_empty(place.stage), place.phase ^ 1);
    }")
plant(producer 13
  "position % params_.block_size, kv_head_idx_, box_block_id,"
  "emulated::planted == 13 ? 0 : position % params_.block_size, kv_head_idx_, box_block_id,")
plant(producer 14
  "work.head_of(params_, row)"
  "work.head_of(params_, emulated::planted == 14 ? 0 : row)")
plant(producer 15
  "atomicInc(params_.grabs_taken, num_grabs - 1)"
  "atomicInc(params_.grabs_taken, emulated::planted == 15 ? num_grabs : num_grabs - 1)")
plant(producer 16
  "(readable >> from_lane & 1) != 0 && column * 8 + chunk < rows.num_chunks;"
  "((readable >> from_lane & 1) != 0 || emulated::planted == 16) &&
            column * 8 + chunk < rows.num_chunks;")
plant(producer 17
  "column * 8 + chunk < rows.num_chunks;"
  "(column * 8 + chunk < rows.num_chunks || emulated::planted == 17);")
plant(producer 18
  "copy_chunks(token_tile, block_id, rows, target);
      barrier_arrive_behind_copies(full_barrier);"
  "copy_chunks(token_tile, block_id, rows, target);
      if (emulated::planted == 18) {
        barrier_arrive(full_barrier);
      } else {
        barrier_arrive_behind_copies(full_barrier);
      }")
plant(producer 19
  "barrier_arrive_expecting(full_barrier, 32 * Shape::kColumns * kMatrixTileRowBytes);"
  "barrier_arrive_expecting(full_barrier, (emulated::planted == 19 ? 16 : 32) *
                                                 Shape::kColumns * kMatrixTileRowBytes);")
plant(producer 20
  "if (token_tile + 1 < tiles.end) {
        copy_keys(token_tile + 1, StageOf<Shape>(num_tiles_ + 1), next_block_id);"
  "if (token_tile + 1 < tiles.end) {
        copy_keys(token_tile + 1, StageOf<Shape>(num_tiles_ + (emulated::planted == 20 ? 0 : 1)),
                  next_block_id);")

write_headers()
