# Writes copies of the decode kernel's sources in which bugs can be switched on (plant.cmake).
#
#   cmake -DSOURCE=native/src -DTARGET=folder -P plant_decode_bugs.cmake

set(ring attention/sm90_decode_ring.cuh)
set(producer attention/sm90_decode_producer.cuh)
set(consumer attention/sm90_decode_consumer.cuh)
set(work_list attention/work_list.cuh)
set(combine attention/combine.cuh)
set(headers ring producer consumer work_list combine)
include(${CMAKE_CURRENT_LIST_DIR}/plant.cmake)
read_headers()

plant(producer 1
  "num_granules * granule_bytes_ + query_bytes);"
  "num_granules * granule_bytes_ + query_bytes + (emulated::planted == 1 ? 16 : 0));")
plant(producer 2
  "opening.num_granules * granule_bytes_ + query_bytes_of(tile)"
  "opening.num_granules * granule_bytes_ + (emulated::planted == 2 ? 0 : query_bytes_of(tile))")
plant(producer 3
  "if (!opening->is_guess) {
        ring_.units[0].flags"
  "if (!opening->is_guess && emulated::planted != 3) {
        ring_.units[0].flags")
plant(producer "4 and 5"
  "lengths == walker_.held() && block_id == chunk->block_id"
  "(emulated::planted == 4 || lengths == walker_.held()) &&
   (emulated::planted == 5 || block_id == chunk->block_id)")
plant(producer "6 and 7"
  "ring_.wait_until_empty();
        // A unit without bytes is full as soon as lane 0 has arrived, and can be given back while
        // another lane has yet to see that the slot was empty: it would wait for ever.
        __syncwarp();"
  "if (emulated::planted != 6) {
     ring_.wait_until_empty();
   }
   if (emulated::planted != 7) {
     __syncwarp();
   }")
plant(producer 8
  "if (!opening->is_guess || opening->num_granules == piece_.end_granule - piece_.first_granule) {"
  "if (emulated::planted != 8 &&
       (!opening->is_guess ||
        opening->num_granules == piece_.end_granule - piece_.first_granule)) {")
plant(producer 9
  "query_slot_ + 1 == Shape::num_query_slots(ring_.num_slots) ? 0"
  "query_slot_ + 1 == (emulated::planted == 9 ? 1 : Shape::num_query_slots(ring_.num_slots)) ? 0")
plant(producer 10
  "barrier_arrive(ring_.full + 8);
    }
    ring_.advance();"
  "barrier_arrive(ring_.full + 8);
    }
    if (emulated::planted != 10) {
      ring_.advance();
    }")
plant(producer 11
  "is_valid = chunk->block_id >= 0 && chunk->block_id < params.num_blocks;"
  "is_valid = emulated::planted == 11 ||
              (chunk->block_id >= 0 && chunk->block_id < params.num_blocks);")
plant(producer 12
  "is_valid = block_idx < params.block_table_stride;"
  "is_valid = emulated::planted == 12 || block_idx < params.block_table_stride;")
plant(consumer 13
  "ring_.wait_until_full();
    barrier_arrive(ring_.empty_barrier());"
  "ring_.wait_until_full();
    if (emulated::planted != 13) {
      barrier_arrive(ring_.empty_barrier());
    }")
plant(ring 14
  "barrier_init(empty + 8 * i, 32 * Shape::kConsumerWarps)"
  "barrier_init(empty + 8 * i, 32 * Shape::kConsumerWarps - (emulated::planted == 14 ? 1 : 0))")
plant(consumer 15
  "float scores[kQueryTiles][4] = {};"
  "float scores[kQueryTiles][4] = {};
   if (emulated::planted == 15) {
     barrier_arrive(ring_.empty_barrier());
   }")
plant(consumer 15
  "barrier_arrive_after(__float_as_uint(scores[0][0]), ring_.empty_barrier());"
  "if (emulated::planted != 15) {
     barrier_arrive_after(__float_as_uint(scores[0][0]), ring_.empty_barrier());
   }")
plant(producer 16
  "walker_.restart();"
  "if (emulated::planted != 16) {
     walker_.restart();
   }")
plant(producer 17
  "wait_for_earlier_launches();"
  "if (emulated::planted == 17 && opening.num_bytes > 0) {
     bulk_copy(opening.target, opening.source, opening.num_bytes, opening_barrier, policy_);
     opening.num_bytes = 0;
   }
   wait_for_earlier_launches();")
plant(producer 18
  "lane_ / 8 == is_value && lane_ % 8 < num_granules"
  "lane_ / 8 == is_value &&
       lane_ % 8 < (emulated::planted == 18 ? granules_per_unit_ : num_granules)")
plant(consumer 19
  "put_rows(piece_rows, piece_ends);
    consumers_meet();"
  "put_rows(piece_rows, piece_ends);
    if (emulated::planted != 19) {
      consumers_meet();
    }")
plant(combine 20
  "const uint32_t last = split.last_part - split.first_part;"
  "const uint32_t last = split.last_part - split.first_part - (emulated::planted == 20 ? 1 : 0);")
plant(combine 21
  "(part == split.first_part ? 1 : 0)"
  "(part == split.first_part && emulated::planted != 21 ? 1 : 0)")
plant(work_list 22
  "atomicInc(params_.grabs_taken, num_grabs() - 1)"
  "atomicInc(params_.grabs_taken, num_grabs() - (emulated::planted == 22 ? 0 : 1))")
plant(consumer 23
  "if (Shape::kScratches == 1) {"
  "if (Shape::kScratches == 1 && emulated::planted != 23) {")
plant(consumer 24
  "void settle_pending() {
    consumers_meet();"
  "void settle_pending() {
    if (emulated::planted != 24) {
      consumers_meet();
    }")
plant(producer 25
  "opening.target = granule_target(lane_ / 8);"
  "opening.target = granule_target(emulated::planted == 25 ? 0 : lane_ / 8);")
plant(work_list 26
  "return part * shorter_ + min(part, num_longer_);"
  "return part * shorter_ + (emulated::planted == 26 ? 0 : min(part, num_longer_));")

write_headers()
