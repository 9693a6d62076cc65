// Which part of a batch a CTA works on: an exact cut of the flat list of granules.
//
//   list    sequence 0's granules | sequence 1's granules | ...     the same for every stripe
//   stripe  one (KV head, query tile) of every sequence
//   part    a contiguous run of the list; all parts are equally long, to the granule, or each is a
//           whole sequence
//   grab    one part of one stripe: what a CTA does at a time
//   piece   what a grab holds of one sequence; a sequence in several parts has partial results
//
// CTAs with neighbouring numbers take the same part of neighbouring stripes: together they read
// whole blocks, which DRAM likes much better than scattered tiles (native/NOTES.md).
//
// Where no sequence is much of a CTA's share, parts are whole sequences instead, handed out on
// demand: there is nothing to merge, and multiprocessors that read faster do more.
//
// Every CTA computes the same list from the context lengths in device memory, so that lengths can
// change between replays of a graph and no plan travels from the host. They are read past L1, where
// lines would outlive a guess that was made before the wait (sm90_decode_producer.cuh).
#ifndef PAGODA_ATTENTION_WORK_LIST_CUH
#define PAGODA_ATTENTION_WORK_LIST_CUH

#include <cstdint>

#include "attention/paged_decode.h"

namespace pagoda {

constexpr uint32_t kAllLanes = 0xffffffffu;

/// The cut of the list into parts, in 32 bits: 2^32 granules are more than any device holds.
class WorkSplit {
 public:
  __device__ WorkSplit(const DecodeParams& params, uint32_t granules)
      : num_parts_(max(1u, min(static_cast<uint32_t>(params.max_parts),
                               (granules + params.min_granules - 1) / params.min_granules))),
        shorter_(granules / num_parts_),
        num_longer_(granules - shorter_ * num_parts_) {}

  __device__ int32_t num_parts() const { return static_cast<int32_t>(num_parts_); }

  /// First granule of a part; of one past the last part, the end of the list.
  __device__ uint32_t start_of(uint32_t part) const {
    return part * shorter_ + min(part, num_longer_);
  }

  /// The part that holds a granule: the inverse of start_of.
  __device__ int32_t part_of(uint32_t granule) const {
    const uint32_t end_of_longer = num_longer_ * (shorter_ + 1);
    return static_cast<int32_t>(granule < end_of_longer
                                    ? granule / (shorter_ + 1)
                                    : num_longer_ + (granule - end_of_longer) / shorter_);
  }

 private:
  uint32_t num_parts_;
  uint32_t shorter_;  // granules of a part; the first num_longer_ parts have one more
  uint32_t num_longer_;
};

/// What one sequence adds to the list.
struct SequenceSpan {
  int32_t row_idx;  // of queries and output
  int32_t context_length;
  int32_t first_visible;  // token
  int32_t first_granule;
  int32_t num_granules;  // 0 when left out, else at least 1: an empty context has an output too

  __device__ SequenceSpan(const DecodeParams& params, int32_t seq_idx, int32_t length) {
    row_idx = seq_idx;
    bool is_left_out = false;
    if (params.maybe_cumulative_query_lengths != nullptr) {
      row_idx = __ldcg(params.maybe_cumulative_query_lengths + seq_idx);
      is_left_out = __ldcg(params.maybe_cumulative_query_lengths + seq_idx + 1) - row_idx != 1;
    }
    context_length = max(0, length);
    first_visible = params.window_tokens == 0 ? 0 : max(0, context_length - params.window_tokens);
    // Unsigned: a guessed length may be the largest of all.
    const uint32_t granule_tokens = params.granule_tokens;
    first_granule = static_cast<int32_t>(first_visible / granule_tokens);
    const uint32_t end_granule = (context_length + granule_tokens - 1) / granule_tokens;
    num_granules = is_left_out ? 0 : max(1, static_cast<int32_t>(end_granule) - first_granule);
  }
};

struct Piece {
  int32_t seq_idx;
  int32_t row_idx;
  int32_t stripe;
  int32_t first_granule;
  int32_t end_granule;
  int32_t first_visible;  // tokens
  int32_t end_visible;
  int32_t part;
  int32_t first_part;  // of the sequence
  int32_t last_part;   // of the sequence
};

/// What the list holds in all.
struct ListSize {
  uint32_t granules;
  uint32_t longest;  // granules of one sequence
};

/// Whether a kernel can hand out grabs on demand.
enum class Grabs { kInTurn, kOnDemand };

/// The context lengths of a batch that is not huge, as a warp holds them: lane l those of sequences
/// l, l + 32 and so on.
struct HeldLengths {
  static constexpr int kPerLane = 9;
  static constexpr int kMostSeqs = 32 * kPerLane;
  int32_t lengths[kPerLane] = {};

  __device__ void read(const DecodeParams& params) {
#pragma unroll
    for (int i = 0; i < kPerLane; ++i) {
      if (i * 32 >= params.num_seqs) {
        break;
      }
      const int32_t seq_idx = i * 32 + static_cast<int32_t>(threadIdx.x % 32);
      lengths[i] = seq_idx < params.num_seqs ? __ldcg(params.context_lengths + seq_idx) : 0;
    }
  }

  /// Of this lane's sequence among the 32 from `base` on, a multiple of 32.
  __device__ int32_t of_lane(int32_t base) const {
    int32_t length = 0;
#pragma unroll
    for (int i = 0; i < kPerLane; ++i) {
      length = base == i * 32 ? lengths[i] : length;
    }
    return length;
  }

  __device__ bool operator==(const HeldLengths& other) const {
    bool is_equal = true;
#pragma unroll
    for (int i = 0; i < kPerLane; ++i) {
      is_equal &= lengths[i] == other.lengths[i];
    }
    return is_equal;
  }
};

/// Walks the pieces of grabs. All lanes of a warp call it together.
class WorkWalker {
 public:
  __device__ WorkWalker(const DecodeParams& params, Grabs grabs)
      : params_(params), grabs_(grabs), lane_(threadIdx.x % 32), split_(params, 1) {
    restart();
  }

  /// Reads the lengths again, and begins anew.
  __device__ void restart() {
    if (is_held()) {
      held_.read(params_);
    }
    const ListSize size = list_size();
    // On demand the last CTA ends at most one sequence behind the others: nine sixteenths of a
    // CTA's share let two CTAs of a multiprocessor have 64 sequences of 8 KV heads on 132.
    is_by_sequence_ =
        grabs_ == Grabs::kOnDemand && uint64_t{16} * size.longest * gridDim.x <=
                                          uint64_t{9} * size.granules * params_.num_stripes;
    split_ = WorkSplit(params_, size.granules);
    position_ = 0;
    end_ = 0;
  }

  /// Whether lengths are held, so that nothing but held() says where pieces lie.
  __device__ bool is_held() const {
    return params_.num_seqs <= HeldLengths::kMostSeqs &&
           params_.maybe_cumulative_query_lengths == nullptr;
  }
  __device__ const HeldLengths& held() const { return held_; }

  __device__ int32_t num_grabs() const {
    return (is_by_sequence_ ? params_.num_seqs : split_.num_parts()) * params_.num_stripes;
  }

  /// Enters the CTA's first grab; false when there is none for it.
  __device__ bool enter_first() { return enter(blockIdx.x); }

  /// Enters the CTA's next grab; false behind its last one. It is called until then.
  __device__ bool enter_next() {
    if (!is_by_sequence_) {
      return enter(grab_ + gridDim.x);
    }
    // As many calls as grabs, for every CTA that has a first one asks once too often: the counter
    // comes back to 0 by itself, ready for the next launch.
    int32_t taken = 0;
    if (lane_ == 0) {
      taken = static_cast<int32_t>(atomicInc(params_.grabs_taken, num_grabs() - 1));
    }
    return enter(gridDim.x + __shfl_sync(kAllLanes, taken, 0));
  }

  /// The next piece of the grab; false behind its last one.
  __device__ bool next(Piece* piece) {
    if (position_ >= end_) {
      return false;
    }
    if (is_by_sequence_) {
      position_ = end_;
      const int32_t length = __shfl_sync(kAllLanes, length_of_lane(part_ / 32 * 32), part_ % 32);
      const SequenceSpan span(params_, part_, length);
      if (span.num_granules == 0) {
        return false;
      }
      *piece = {part_,
                span.row_idx,
                stripe_,
                span.first_granule,
                span.first_granule + span.num_granules,
                span.first_visible,
                span.context_length,
                part_,
                part_,
                part_};
      return true;
    }
    while (position_ >= chunk_end_) {
      if (chunk_base_ + 32 >= params_.num_seqs) {
        return false;  // lengths have shrunk since they were added up
      }
      read_chunk(chunk_base_ + 32);
      place_chunk(chunk_end_);
    }
    // Starts rise from lane to lane, and lanes behind the last sequence start at the chunk's end.
    const int owner = 31 - __clz(__ballot_sync(kAllLanes, lane_start_ <= position_));
    const uint32_t seq_start = __shfl_sync(kAllLanes, lane_start_, owner);
    const uint32_t granules = __shfl_sync(kAllLanes, lane_granules_, owner);
    const int32_t first_granule = __shfl_sync(kAllLanes, lane_first_granule_, owner);
    const uint32_t seq_end = seq_start + granules;
    const uint32_t piece_end = min(seq_end, end_);

    piece->seq_idx = chunk_base_ + owner;
    piece->row_idx = __shfl_sync(kAllLanes, lane_row_, owner);
    piece->stripe = stripe_;
    piece->first_granule = first_granule + static_cast<int32_t>(position_ - seq_start);
    piece->end_granule = first_granule + static_cast<int32_t>(piece_end - seq_start);
    piece->first_visible = __shfl_sync(kAllLanes, lane_first_visible_, owner);
    piece->end_visible = __shfl_sync(kAllLanes, lane_context_, owner);
    piece->part = part_;
    piece->first_part = position_ == seq_start ? part_ : split_.part_of(seq_start);
    piece->last_part = seq_end <= end_ ? part_ : split_.part_of(seq_end - 1);
    position_ = piece_end;
    return true;
  }

 private:
  __device__ bool enter(int32_t grab) {
    grab_ = grab;
    if (grab >= num_grabs()) {
      return false;
    }
    part_ = grab / params_.num_stripes;
    stripe_ = grab - part_ * params_.num_stripes;
    if (is_by_sequence_) {
      position_ = 0;
      end_ = 1;
      return true;
    }
    position_ = split_.start_of(part_);
    end_ = split_.start_of(part_ + 1);
    if (position_ < chunk_start_) {
      read_chunk(0);
      place_chunk(0);
    }
    return true;
  }

  /// Reads the whole list, and leaves the first chunk loaded on the way.
  __device__ ListSize list_size() {
    read_chunk(0);
    uint32_t sum = 0;
    uint32_t longest = lane_granules_;
    const auto granules_of = [&](int32_t seq_idx, int32_t length) {
      return seq_idx < params_.num_seqs ? SequenceSpan(params_, seq_idx, length).num_granules : 0u;
    };
    const auto add = [&](uint32_t granules) {
      sum += granules;
      longest = max(longest, granules);
    };
    if (is_held()) {
#pragma unroll
      for (int i = 1; i < HeldLengths::kPerLane; ++i) {
        add(granules_of(i * 32 + lane_, held_.lengths[i]));
      }
    } else {
      // No work begins before all lengths are known: many at a time are on their way.
      constexpr int kAtOnce = 8;
      for (int32_t base = 32; base < params_.num_seqs; base += 32 * kAtOnce) {
        uint32_t granules[kAtOnce];
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) {
          granules[i] = granules_of(base + i * 32 + lane_, length_of_lane(base + i * 32));
        }
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) {
          add(granules[i]);
        }
      }
    }
    place_chunk(0);
    for (int offset = 16; offset > 0; offset /= 2) {
      sum += __shfl_xor_sync(kAllLanes, sum, offset);
      longest = max(longest, __shfl_xor_sync(kAllLanes, longest, offset));
    }
    return {chunk_end_ + sum, longest};
  }

  /// Of sequence base + lane; 0 behind the last one. `base` is a multiple of 32.
  __device__ int32_t length_of_lane(int32_t base) const {
    if (is_held()) {
      return held_.of_lane(base);
    }
    return base + lane_ < params_.num_seqs ? __ldcg(params_.context_lengths + base + lane_) : 0;
  }

  /// Reads 32 sequences; place_chunk follows, as soon as their answers are needed.
  __device__ void read_chunk(int32_t base) {
    chunk_base_ = base;
    lane_granules_ = 0;
    if (base + lane_ < params_.num_seqs) {
      const SequenceSpan span(params_, base + lane_, length_of_lane(base));
      lane_row_ = span.row_idx;
      lane_context_ = span.context_length;
      lane_first_visible_ = span.first_visible;
      lane_first_granule_ = span.first_granule;
      lane_granules_ = span.num_granules;
    }
  }

  /// Says where in the list the chunk's sequences lie.
  __device__ void place_chunk(uint32_t start) {
    chunk_start_ = start;
    uint32_t sum = lane_granules_;
    for (int offset = 1; offset < 32; offset *= 2) {
      const uint32_t before = __shfl_up_sync(kAllLanes, sum, offset);
      sum += lane_ >= offset ? before : 0;
    }
    lane_start_ = start + sum - lane_granules_;
    chunk_end_ = start + __shfl_sync(kAllLanes, sum, 31);
  }

  const DecodeParams& params_;
  const Grabs grabs_;
  const int32_t lane_;
  HeldLengths held_;

  // 32 sequences at a time, one per lane.
  int32_t chunk_base_ = 0;
  uint32_t chunk_start_ = 0;
  uint32_t chunk_end_ = 0;
  uint32_t lane_start_ = 0;
  uint32_t lane_granules_ = 0;
  int32_t lane_row_ = 0;
  int32_t lane_context_ = 0;
  int32_t lane_first_granule_ = 0;
  int32_t lane_first_visible_ = 0;

  bool is_by_sequence_ = false;
  WorkSplit split_;
  int32_t grab_ = 0;
  int32_t part_ = 0;
  int32_t stripe_ = 0;
  uint32_t position_ = 0;  // in the list; by sequence, 0 before the grab's only piece
  uint32_t end_ = 0;
};

}  // namespace pagoda

#endif
