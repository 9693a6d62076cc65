# Writes copies of kernel sources in which bugs can be switched on: emulated::planted says which.
#
#   cmake -DSOURCE=native/src -DTARGET=folder -P plant_bugs.cmake
#
# Each bug is a text of a source and what stands there while the bug is switched on. A text that
# is not there once fails: then the source has changed, and the bug has to follow.

file(READ ${SOURCE}/attention/sm90_paged_decode.cuh kernel)
file(READ ${SOURCE}/attention/work_list.cuh work_list)
file(READ ${SOURCE}/attention/combine.cuh combine)

function(plant source number right wrong)
  string(FIND "${${source}}" "${right}" first)
  string(FIND "${${source}}" "${right}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "bug ${number}: this is not once in ${source}: ${right}")
  endif()
  string(REPLACE "${right}" "${wrong}" planted "${${source}}")
  set(${source} "${planted}" PARENT_SCOPE)
endfunction()

plant(kernel 1
  "barrier_arrive_expecting(full + 8 * slot, num_granules * granule_bytes + query_bytes)"
  "barrier_arrive_expecting(full + 8 * slot, num_granules * granule_bytes + query_bytes
                            + (emulated::planted == 1 ? 16 : 0))")
plant(kernel 2
  "barrier_expect(full, num_opening * granule_bytes + query_bytes_of(tile))"
  "barrier_expect(full, num_opening * granule_bytes +
                  (emulated::planted == 2 ? 0 : query_bytes_of(tile)))")
plant(kernel 3
  "if (!is_guess) {
          units[0].flags = kUnitIsVoid;"
  "if (!is_guess && emulated::planted != 3) {
          units[0].flags = kUnitIsVoid;")
plant(kernel "4 and 5"
  "lengths == walker.held() && block_id == chunk.block_id"
  "(emulated::planted == 4 || lengths == walker.held()) &&
   (emulated::planted == 5 || block_id == chunk.block_id)")
plant(kernel "6 and 7"
  "barrier_wait(empty + 8 * slot, phase ^ 1);
          // A unit without bytes is full as soon as lane 0 has arrived, and can be given back while
          // another lane has yet to see that the slot was empty: it would wait for ever.
          __syncwarp();"
  "if (emulated::planted != 6) {
     barrier_wait(empty + 8 * slot, phase ^ 1);
   }
   if (emulated::planted != 7) {
     __syncwarp();
   }")
plant(kernel 8
  "if (!is_guess || num_opening == piece.end_granule - piece.first_granule) {"
  "if (emulated::planted != 8 &&
       (!is_guess || num_opening == piece.end_granule - piece.first_granule)) {")
plant(kernel 9
  "query_slot + 1 == Shape::num_query_slots(num_slots) ? 0"
  "query_slot + 1 == (emulated::planted == 9 ? 1 : Shape::num_query_slots(num_slots)) ? 0")
plant(kernel 10
  "barrier_arrive(full + 8);
      }
      advance();"
  "barrier_arrive(full + 8);
      }
      if (emulated::planted != 10) {
        advance();
      }")
plant(kernel 11
  "is_valid = chunk->block_id >= 0 && chunk->block_id < params.num_blocks;"
  "is_valid = emulated::planted == 11 ||
              (chunk->block_id >= 0 && chunk->block_id < params.num_blocks);")
plant(kernel 12
  "is_valid = block_idx < params.block_table_stride;"
  "is_valid = emulated::planted == 12 || block_idx < params.block_table_stride;")
plant(kernel 13
  "barrier_arrive(empty + 8 * slot);
      advance();
      continue;"
  "if (emulated::planted != 13) {
        barrier_arrive(empty + 8 * slot);
      }
      advance();
      continue;")
plant(kernel 14
  "barrier_init(empty + 8 * i, 32 * Shape::kConsumerWarps)"
  "barrier_init(empty + 8 * i, 32 * Shape::kConsumerWarps - (emulated::planted == 14 ? 1 : 0))")
plant(kernel 15
  "float scores[kQueryTiles][4] = {};"
  "float scores[kQueryTiles][4] = {};
   if (emulated::planted == 15) {
     barrier_arrive(empty + 8 * slot);
   }")
plant(kernel 15
  "barrier_arrive_after(__float_as_uint(scores[0][0]), empty + 8 * slot);"
  "if (emulated::planted != 15) {
     barrier_arrive_after(__float_as_uint(scores[0][0]), empty + 8 * slot);
   }")
plant(kernel 16
  "walker.restart();
      has_grab"
  "if (emulated::planted != 16) {
        walker.restart();
      }
      has_grab")
plant(kernel 17
  "wait_for_earlier_launches();
    let_later"
  "if (emulated::planted == 17 && opening_bytes > 0) {
     bulk_copy(opening_target, opening_source, opening_bytes, opening_barrier, policy);
     opening_bytes = 0;
   }
   wait_for_earlier_launches();
    let_later")
plant(kernel 18
  "lane / 8 == is_value && lane % 8 < num_granules"
  "lane / 8 == is_value &&
       lane % 8 < (emulated::planted == 18 ? granules_per_unit : num_granules)")
plant(kernel 19
  "consumers_meet();

    const SplitSequence split"
  "if (emulated::planted != 19) {
      consumers_meet();
    }
    const SplitSequence split")
plant(combine 20
  "const uint32_t last = split.last_part - split.first_part;"
  "const uint32_t last = split.last_part - split.first_part - (emulated::planted == 20 ? 1 : 0);")
plant(combine 21
  "(part == split.first_part ? 1 : 0)"
  "(part == split.first_part && emulated::planted != 21 ? 1 : 0)")
plant(work_list 22
  "atomicInc(params_.grabs_taken, num_grabs() - 1)"
  "atomicInc(params_.grabs_taken, num_grabs() - (emulated::planted == 22 ? 0 : 1))")
plant(kernel 23
  "if (Shape::kScratches == 1) {"
  "if (Shape::kScratches == 1 && emulated::planted != 23) {")
plant(kernel 24
  "const auto settle_pending = [&] {
    consumers_meet();"
  "const auto settle_pending = [&] {
    if (emulated::planted != 24) {
      consumers_meet();
    }")
plant(kernel 25
  "opening_target = granule_target(lane / 8);"
  "opening_target = granule_target(emulated::planted == 25 ? 0 : lane / 8);")
plant(work_list 26
  "return part * shorter_ + min(part, num_longer_);"
  "return part * shorter_ + (emulated::planted == 26 ? 0 : min(part, num_longer_));")

file(WRITE ${TARGET}/attention/sm90_paged_decode.cuh "${kernel}")
file(WRITE ${TARGET}/attention/work_list.cuh "${work_list}")
file(WRITE ${TARGET}/attention/combine.cuh "${combine}")
