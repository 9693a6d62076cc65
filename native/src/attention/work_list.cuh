// Which part of a batch a CTA works on: an exact cut of the flat list of granules.
//
//   list    sequence 0: KV head 0 granules | KV head 1 granules | ... | sequence 1: ...
//   grab    a contiguous piece of the list, given to one CTA
//   piece   the part of one item inside one grab; an item in several grabs has partial results
//
// Every CTA computes the same list from the context lengths in device memory, so that lengths can
// change between replays of a graph and no plan travels from the host.
#ifndef PAGODA_ATTENTION_WORK_LIST_CUH
#define PAGODA_ATTENTION_WORK_LIST_CUH

#include <cstdint>

#include "attention/paged_decode.h"

namespace pagoda {

constexpr uint32_t kAllLanes = 0xffffffffu;

/// The cut: `num_static` grabs of equal size, one per CTA, then `num_tail` small ones that whoever
/// is first takes, because multiprocessors do not all read at the same speed.
struct WorkSplit {
  int64_t num_granules;
  int64_t static_granules;
  int32_t num_static;
  int32_t num_tail;

  __device__ WorkSplit(const DecodeParams& params, int64_t granules, int32_t num_ctas)
      : num_granules(granules), static_granules(granules), num_static(num_ctas), num_tail(0) {
    const int64_t least = params.min_granules;
    if (granules < num_ctas * least) {
      num_static = static_cast<int32_t>((granules + least - 1) / least);
      return;
    }
    const int64_t tail = granules * params.tail_permille / 1000;
    // A tail grab below this costs more in partial results than its balance is worth.
    constexpr int64_t kLeastTailGrab = 8;
    const int64_t most = static_cast<int64_t>(num_ctas) * params.tail_grabs;
    num_tail = static_cast<int32_t>(min(most, tail / kLeastTailGrab));
    static_granules = num_tail > 0 ? granules - tail : granules;
  }

  __device__ int32_t num_grabs() const { return num_static + num_tail; }

  /// First granule of a grab; of one past the last grab, the end of the list.
  __device__ int64_t start_of(int32_t grab) const {
    return grab <= num_static
               ? grab * static_granules / num_static
               : static_granules +
                     (grab - num_static) * (num_granules - static_granules) / num_tail;
  }

  /// The grab that holds a granule: the inverse of start_of.
  __device__ int32_t grab_of(int64_t granule) const {
    return static_cast<int32_t>(
        granule < static_granules
            ? ((granule + 1) * num_static - 1) / static_granules
            : num_static + ((granule - static_granules + 1) * num_tail - 1) /
                               (num_granules - static_granules));
  }
};

/// What one sequence adds to the list.
struct SequenceSpan {
  int32_t context_length;
  int32_t first_visible;  // token
  int32_t first_granule;
  int32_t num_granules;  // per item; at least 1, so that an empty context still writes its output

  __device__ SequenceSpan(const DecodeParams& params, int32_t seq_idx) {
    context_length = max(0, params.context_lengths[seq_idx]);
    first_visible =
        params.window_tokens == 0 ? 0 : max(0, context_length - params.window_tokens);
    first_granule = first_visible / params.granule_tokens;
    const int32_t end_granule =
        (context_length + params.granule_tokens - 1) / params.granule_tokens;
    num_granules = max(1, end_granule - first_granule);
  }
};

struct Piece {
  int32_t seq_idx;
  int32_t item_in_seq;  // KV head * tiles_per_group + query tile
  int32_t first_granule;
  int32_t end_granule;
  int32_t first_visible;  // tokens
  int32_t end_visible;
  int32_t grab;
  int32_t first_grab;  // of the item
  int32_t last_grab;   // of the item
};

/// Walks the pieces of grabs in rising order. All lanes of a warp call it together.
class WorkWalker {
 public:
  __device__ WorkWalker(const DecodeParams& params, int32_t num_ctas)
      : params_(params),
        lane_(threadIdx.x % 32),
        items_per_seq_(params.num_kv_heads * params.tiles_per_group),
        split_(params, total_granules(), num_ctas) {
    load_chunk(0, 0);
  }

  __device__ const WorkSplit& split() const { return split_; }

  /// Goes to the start of a grab, which must not lie before the one walked last.
  __device__ void enter(int32_t grab) {
    grab_ = grab;
    position_ = split_.start_of(grab);
    end_ = split_.start_of(grab + 1);
  }

  /// The next piece of the grab; false behind its last one.
  __device__ bool next(Piece* piece) {
    if (position_ >= end_) {
      return false;
    }
    while (position_ >= chunk_end_) {
      load_chunk(chunk_base_ + 32, chunk_end_);
    }
    // Starts rise from lane to lane, and lanes behind the last sequence start at the chunk's end.
    const int owner = 31 - __clz(__ballot_sync(kAllLanes, lane_start_ <= position_));
    const int64_t seq_start = __shfl_sync(kAllLanes, lane_start_, owner);
    const uint32_t granules = __shfl_sync(kAllLanes, lane_granules_, owner);
    const int32_t context_length = __shfl_sync(kAllLanes, lane_context_, owner);
    const int32_t first_granule = __shfl_sync(kAllLanes, lane_first_granule_, owner);
    const int32_t first_visible = __shfl_sync(kAllLanes, lane_first_visible_, owner);

    const auto in_seq = static_cast<uint32_t>(position_ - seq_start);
    const uint32_t item = in_seq / granules;
    const uint32_t in_item = in_seq - item * granules;
    const int64_t item_start = position_ - in_item;
    const int64_t item_end = item_start + granules;
    const int64_t piece_end = min(item_end, end_);

    piece->seq_idx = chunk_base_ + owner;
    piece->item_in_seq = static_cast<int32_t>(item);
    piece->first_granule = first_granule + static_cast<int32_t>(in_item);
    piece->end_granule = first_granule + static_cast<int32_t>(piece_end - item_start);
    piece->first_visible = first_visible;
    piece->end_visible = context_length;
    piece->grab = grab_;
    piece->first_grab = in_item == 0 ? grab_ : split_.grab_of(item_start);
    piece->last_grab = item_end <= end_ ? grab_ : split_.grab_of(item_end - 1);
    position_ = piece_end;
    return true;
  }

 private:
  __device__ int64_t total_granules() const {
    int64_t sum = 0;
    for (int32_t i = lane_; i < params_.num_seqs; i += 32) {
      sum += static_cast<int64_t>(SequenceSpan(params_, i).num_granules) * items_per_seq_;
    }
    for (int offset = 16; offset > 0; offset /= 2) {
      sum += __shfl_xor_sync(kAllLanes, sum, offset);
    }
    return sum;
  }

  __device__ void load_chunk(int32_t base, int64_t start) {
    chunk_base_ = base;
    int64_t granules = 0;
    if (base + lane_ < params_.num_seqs) {
      const SequenceSpan span(params_, base + lane_);
      lane_context_ = span.context_length;
      lane_first_visible_ = span.first_visible;
      lane_first_granule_ = span.first_granule;
      lane_granules_ = span.num_granules;
      granules = static_cast<int64_t>(span.num_granules) * items_per_seq_;
    }
    int64_t sum = granules;
    for (int offset = 1; offset < 32; offset *= 2) {
      const int64_t before = __shfl_up_sync(kAllLanes, sum, offset);
      sum += lane_ >= offset ? before : 0;
    }
    lane_start_ = start + sum - granules;
    chunk_end_ = start + __shfl_sync(kAllLanes, sum, 31);
  }

  const DecodeParams& params_;
  const int32_t lane_;
  const int32_t items_per_seq_;
  const WorkSplit split_;
  int32_t grab_ = 0;
  int64_t position_ = 0;
  int64_t end_ = 0;

  // 32 sequences at a time, one per lane.
  int32_t chunk_base_ = 0;
  int64_t chunk_end_ = 0;
  int64_t lane_start_ = 0;
  int32_t lane_granules_ = 0;
  int32_t lane_context_ = 0;
  int32_t lane_first_granule_ = 0;
  int32_t lane_first_visible_ = 0;
};

}  // namespace pagoda

#endif
