// The decode kernel's consumers: they empty the ring with matrix instructions.
#ifndef PAGODA_ATTENTION_SM90_DECODE_CONSUMER_CUH
#define PAGODA_ATTENTION_SM90_DECODE_CONSUMER_CUH

#include <cstdint>

#include "attention/combine.cuh"
#include "attention/online_softmax.cuh"
#include "attention/paged_decode.h"
#include "attention/sm90_decode_ring.cuh"
#include "attention/work_list.cuh"
#include "device/bulk_copy.cuh"
#include "device/elements.cuh"
#include "device/shared_memory.cuh"
#include "device/tensor_core.cuh"

namespace pagoda {

/// Eight bytes of two rows, element by element: pairs[i] holds element i of each.
__device__ __forceinline__ void zip_rows(uint32_t (&pairs)[4], uint2 low, uint2 high) {
  pairs[0] = __byte_perm(low.x, high.x, 0x5410);
  pairs[1] = __byte_perm(low.x, high.x, 0x7632);
  pairs[2] = __byte_perm(low.y, high.y, 0x5410);
  pairs[3] = __byte_perm(low.y, high.y, 0x7632);
}

/// Where a lane's tokens lie in a unit, 16 of which belong to its warp: token m of them lies in
/// granule m % granules_per_unit.
template <typename Shape>
struct UnitTokens {
  const int granule_tokens;
  const int granule_pitch;
  const int granules_per_unit;
  const int first_row;  // of this warp, in each granule

  __device__ __forceinline__ UnitTokens(int granule_tokens, int warp)
      : granule_tokens(granule_tokens),
        granule_pitch(Shape::granule_pitch(granule_tokens)),
        granules_per_unit(Shape::kUnitTokens / granule_tokens),
        first_row(warp * (16 / granules_per_unit)) {}

  __device__ __forceinline__ int token_in_unit(int m) const {
    return m % granules_per_unit * granule_tokens + first_row + m / granules_per_unit;
  }

  __device__ __forceinline__ int byte_in_slot(int m) const {
    return m % granules_per_unit * granule_pitch +
           (first_row + m / granules_per_unit) * Shape::kRowBytes;
  }
};

/// One lane of the consumers' four warps, each of which has a softmax state of its own.
template <typename KvType, int kHeadDim, int kQueryTiles>
class DecodeConsumer {
  using Shape = Sm90Decode<kHeadDim, kQueryTiles>;
  static constexpr int kSteps = kHeadDim / 16;
  static constexpr int kConsumers = 32 * Shape::kConsumerWarps;

 public:
  __device__ __forceinline__ DecodeConsumer(const DecodeParams& params, DecodeRing<Shape>& ring)
      : params_(params),
        ring_(ring),
        warp_(threadIdx.x / 32),
        group_(threadIdx.x % 32 / 4),
        member_(threadIdx.x % 4),
        tokens_(params.granule_tokens, warp_),
        low_token_(tokens_.token_in_unit(group_)),
        high_token_(tokens_.token_in_unit(group_ + 8)),
        low_byte_(tokens_.byte_in_slot(group_)),
        high_byte_(tokens_.byte_in_slot(group_ + 8)),
        scale_log2_(params.softmax_scale * kLog2E) {
    const int lane = threadIdx.x % 32;
    key_lane_ = tokens_.byte_in_slot(lane % 16) + lane / 16 * 16;
    value_lane_ = tokens_.byte_in_slot(lane % 8 + lane / 16 * 8) + lane / 8 % 2 * 16;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      value_bytes_[i] = tokens_.byte_in_slot(2 * member_ + i % 2 + i / 2 * 8) + group_ * 2 * kSteps;
    }
  }

  __device__ __forceinline__ void run() {
    while (true) {
      ring_.wait_until_full();
      DecodeUnit unit = ring_.units[ring_.slot];
      if (unit.flags & kUnitEndsWork) {
        break;
      }
      if (unit.flags & kUnitIsVoid) {
        give_back();
        continue;
      }
      begin_piece(unit);
      while (true) {
        add_unit(unit);
        if (unit.flags & kUnitEndsPiece) {
          break;
        }
        ring_.wait_until_full();
        unit = ring_.units[ring_.slot];
      }
      end_piece(unit);
    }
    if (num_pending_ > 0) {
      settle_pending();
    }
  }

 private:
  __device__ __forceinline__ static void consumers_meet() { named_barrier_sync<1, kConsumers>(); }

  /// Gives a void unit back: its keys have landed, its values and then both slots are given back.
  __device__ __forceinline__ void give_back() {
    barrier_arrive(ring_.empty_barrier());
    ring_.advance();
    ring_.wait_until_full();
    barrier_arrive(ring_.empty_barrier());
    ring_.advance();
  }

  /// The order of dims in a product is free: with vectors, two steps take a vector of keys, and one
  /// of queries.
  __device__ __forceinline__ int query_dim(int step, int half) const {
    return Shape::kReadsVectors ? (step / 2 * 4 + member_) * 8 + step % 2 * 4 + half * 2
                                : step * 16 + half * 8 + 2 * member_;
  }

  __device__ __forceinline__ void begin_piece(const DecodeUnit& unit) {
    tile_ = {unit.row_idx, unit.first_query_head, unit.num_rows};
#pragma unroll
    for (int n = 0; n < kQueryTiles; ++n) {
      load_queries(unit, n);
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        maxima_[n][i] = minus_infinity();
        sums_[n][i] = 0.0f;
        slopes_log2_[n][i] = 0.0f;
        const int row = n * 8 + 2 * member_ + i;
        if (params_.maybe_alibi_slopes != nullptr && row < tile_.num_rows) {
          slopes_log2_[n][i] = params_.maybe_alibi_slopes[tile_.first_query_head + row] * kLog2E;
        }
      }
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          rows_[n][step][i] = 0.0f;
        }
      }
    }
  }

  __device__ __forceinline__ void load_queries(const DecodeUnit& unit, int n) {
    const int row = n * 8 + group_;
    const bool is_row = row < tile_.num_rows;
    const char* query_row =
        ring_.queries + unit.query_slot * Shape::kQueryBytes + row * Shape::kRowBytes;
    if (queries_need_rounding<KvType>(params_)) {
      const char* row_queries = static_cast<const char*>(params_.queries) +
                                tile_.row_idx * params_.query_row_stride_bytes;
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const int64_t idx =
              static_cast<int64_t>(tile_.first_query_head + row) * kHeadDim + query_dim(step, half);
          queries_[n][step][half] =
              is_row ? pack_pair<KvType>(load_element(row_queries, params_.row_dtype, idx),
                                         load_element(row_queries, params_.row_dtype, idx + 1))
                     : 0;
        }
      }
    } else if constexpr (Shape::kReadsVectors) {
#pragma unroll
      for (int step = 0; step < kSteps; step += 2) {
        const uint4 dims = is_row
                               ? *reinterpret_cast<const uint4*>(query_row + 2 * query_dim(step, 0))
                               : make_uint4(0, 0, 0, 0);
        queries_[n][step][0] = dims.x;
        queries_[n][step][1] = dims.y;
        queries_[n][step + 1][0] = dims.z;
        queries_[n][step + 1][1] = dims.w;
      }
    } else {
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          queries_[n][step][half] =
              is_row ? *reinterpret_cast<const uint32_t*>(query_row + 2 * query_dim(step, half))
                     : 0;
        }
      }
    }
  }

  /// Attends to a unit whose keys have landed, and gives both its slots back.
  __device__ __forceinline__ void add_unit(const DecodeUnit& unit) {
    float scores[kQueryTiles][4] = {};
    multiply_keys(scores);
    // Every lane by itself: one for the warp is no faster, and racecheck does not follow it. A
    // score is the sum of products that took all keys that the lane has read.
    barrier_arrive_after(__float_as_uint(scores[0][0]), ring_.empty_barrier());
    ring_.advance();

    const VisibleTokens visible(unit);
    const bool rises = finish_scores(unit, visible, scores);
    if (__any_sync(kAllLanes, rises)) {
      raise_maxima(scores);
    }
    uint32_t probabilities[kQueryTiles][2];
    exponentiate(scores, probabilities);

    ring_.wait_until_full();
    const uint32_t all_values = add_values(visible, probabilities);
    barrier_arrive_after(all_values, ring_.empty_barrier());
    ring_.advance();
  }

  /// Which tokens of a unit count.
  struct VisibleTokens {
    const bool is_partial;
    const int from;
    const int end;

    __device__ __forceinline__ explicit VisibleTokens(const DecodeUnit& unit)
        : is_partial(unit.first_token < unit.first_visible ||
                     unit.first_token + Shape::kUnitTokens > unit.end_visible),
          from(unit.first_visible - unit.first_token),
          end(unit.end_visible - unit.first_token) {}

    __device__ __forceinline__ bool contains(int token) const {
      return token >= from && token < end;
    }
  };

  __device__ __forceinline__ void multiply_keys(float (&scores)[kQueryTiles][4]) const {
    // Two chains, because one would wait for its own last sum at every step.
    float other[kQueryTiles][4] = {};
    if constexpr (Shape::kReadsVectors) {
      const char* slot_keys = ring_.tiles + ring_.slot * ring_.slot_bytes;
      const char* low_row = slot_keys + low_byte_ + member_ * 16;
      const char* high_row = slot_keys + high_byte_ + member_ * 16;
#pragma unroll
      for (int step = 0; step < kSteps; step += 2) {
        const uint4 low = *reinterpret_cast<const uint4*>(low_row + step * 32);
        const uint4 high = *reinterpret_cast<const uint4*>(high_row + step * 32);
        const uint32_t first[4] = {low.x, high.x, low.y, high.y};
        const uint32_t second[4] = {low.z, high.z, low.w, high.w};
#pragma unroll
        for (int n = 0; n < kQueryTiles; ++n) {
          multiply_accumulate<KvType>(scores[n], first, queries_[n][step][0], queries_[n][step][1]);
          multiply_accumulate<KvType>(other[n], second, queries_[n][step + 1][0],
                                      queries_[n][step + 1][1]);
        }
      }
    } else {
      const uint32_t row_address =
          shared_address(ring_.tiles) + ring_.slot * ring_.slot_bytes + key_lane_;
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
        uint32_t keys[4];
        load_matrices(keys, row_address + step * 32);
#pragma unroll
        for (int n = 0; n < kQueryTiles; ++n) {
          multiply_accumulate<KvType>(step % 2 == 0 ? scores[n] : other[n], keys,
                                      queries_[n][step][0], queries_[n][step][1]);
        }
      }
    }
#pragma unroll
    for (int n = 0; n < kQueryTiles; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        scores[n][i] += other[n][i];
      }
    }
  }

  /// Scales and masks products; whether one is too far above its row's reference.
  __device__ __forceinline__ bool finish_scores(const DecodeUnit& unit,
                                                const VisibleTokens& visible,
                                                float (&scores)[kQueryTiles][4]) const {
    bool rises = false;
#pragma unroll
    for (int n = 0; n < kQueryTiles; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int token = i < 2 ? low_token_ : high_token_;
        float score = scores[n][i] * scale_log2_;
        if (params_.logit_soft_cap > 0.0f) {
          score = params_.logit_soft_cap * kLog2E *
                  tanhf(scores[n][i] * params_.softmax_scale / params_.logit_soft_cap);
        }
        if (params_.maybe_alibi_slopes != nullptr) {
          const int distance = unit.first_token + token - (unit.context_length - 1);
          score += slopes_log2_[n][i % 2] * static_cast<float>(distance);
        }
        if (visible.is_partial && !visible.contains(token)) {
          score = minus_infinity();
        }
        scores[n][i] = score;
        // Up to 2^8 above the reference is no danger to a sum in FP32, nor to a 16-bit element.
        rises |= score > maxima_[n][i % 2] + 8.0f;
      }
    }
    return rises;
  }

  /// Makes the warp's maxima the references of its rows.
  __device__ __forceinline__ void raise_maxima(const float (&scores)[kQueryTiles][4]) {
#pragma unroll
    for (int n = 0; n < kQueryTiles; ++n) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        float maximum = fmaxf(maxima_[n][i], fmaxf(scores[n][i], scores[n][i + 2]));
#pragma unroll
        for (int offset = 4; offset < 32; offset *= 2) {
          maximum = fmaxf(maximum, __shfl_xor_sync(kAllLanes, maximum, offset));
        }
        const float shrink = rescale_factor(maxima_[n][i], maximum);
        maxima_[n][i] = maximum;
        sums_[n][i] *= shrink;
#pragma unroll
        for (int step = 0; step < kSteps; ++step) {
          rows_[n][step][i] *= shrink;
          rows_[n][step][i + 2] *= shrink;
        }
      }
    }
  }

  /// Makes scores the right operand of the product with values, and adds them to the sums.
  __device__ __forceinline__ void exponentiate(const float (&scores)[kQueryTiles][4],
                                               uint32_t (&probabilities)[kQueryTiles][2]) {
#pragma unroll
    for (int n = 0; n < kQueryTiles; ++n) {
      float p[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float maximum = maxima_[n][i % 2];
        p[i] = exp2_approximate(scores[n][i] - (maximum == minus_infinity() ? 0.0f : maximum));
      }
      sums_[n][0] += p[0] + p[2];
      sums_[n][1] += p[1] + p[3];
      probabilities[n][0] = transpose_matrix(pack_pair<KvType>(p[0], p[1]));
      probabilities[n][1] = transpose_matrix(pack_pair<KvType>(p[2], p[3]));
    }
  }

  /// Adds the slot's values; bits that depend on every load of them.
  __device__ __forceinline__ uint32_t add_values(const VisibleTokens& visible,
                                                 const uint32_t (&probabilities)[kQueryTiles][2]) {
    // A slot that nobody owns may hold NaN, which a probability of 0 would not silence.
    uint32_t keep[2] = {0xffffffffu, 0xffffffffu};
    if (visible.is_partial) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const int token = i * 8 + 2 * member_;
        keep[i] = (visible.contains(tokens_.token_in_unit(token)) ? 0x0000ffffu : 0u) |
                  (visible.contains(tokens_.token_in_unit(token + 1)) ? 0xffff0000u : 0u);
      }
    }
    const auto add = [&](int step, uint32_t (&values)[4]) {
      if (visible.is_partial) {
        values[0] &= keep[0];
        values[1] &= keep[0];
        values[2] &= keep[1];
        values[3] &= keep[1];
      }
#pragma unroll
      for (int n = 0; n < kQueryTiles; ++n) {
        multiply_accumulate<KvType>(rows_[n][step], values, probabilities[n][0],
                                    probabilities[n][1]);
      }
    };
    uint32_t all_values = 0;
    if constexpr (Shape::kReadsVectors) {
      const char* slot_values = ring_.tiles + ring_.slot * ring_.slot_bytes;
      constexpr int kVectorBytes = kSteps % 8 == 0 ? 16 : 8;
#pragma unroll
      for (int first = 0; first < kSteps; first += kVectorBytes / 2) {
        uint2 low_rows[4][kVectorBytes / 8];   // of dims group * kSteps + first and on
        uint2 high_rows[4][kVectorBytes / 8];  // eight rows of matrices further
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const char* vector = slot_values + value_bytes_[i] + first * 2;
          if constexpr (kVectorBytes == 16) {
            const uint4 low = *reinterpret_cast<const uint4*>(vector);
            const uint4 high = *reinterpret_cast<const uint4*>(vector + Shape::kRowBytes / 2);
            all_values ^= low.x ^ high.x;
            low_rows[i][0] = make_uint2(low.x, low.y);
            low_rows[i][1] = make_uint2(low.z, low.w);
            high_rows[i][0] = make_uint2(high.x, high.y);
            high_rows[i][1] = make_uint2(high.z, high.w);
          } else {
            low_rows[i][0] = *reinterpret_cast<const uint2*>(vector);
            high_rows[i][0] = *reinterpret_cast<const uint2*>(vector + Shape::kRowBytes / 2);
            all_values ^= low_rows[i][0].x ^ high_rows[i][0].x;
          }
        }
#pragma unroll
        for (int quarter = 0; quarter < kVectorBytes / 8; ++quarter) {
          uint32_t zipped[4][4];  // [matrix of the operand][step]
          zip_rows(zipped[0], low_rows[0][quarter], low_rows[1][quarter]);
          zip_rows(zipped[1], high_rows[0][quarter], high_rows[1][quarter]);
          zip_rows(zipped[2], low_rows[2][quarter], low_rows[3][quarter]);
          zip_rows(zipped[3], high_rows[2][quarter], high_rows[3][quarter]);
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            uint32_t values[4] = {zipped[0][i], zipped[1][i], zipped[2][i], zipped[3][i]};
            add(first + quarter * 4 + i, values);
          }
        }
      }
    } else {
      const uint32_t row_address =
          shared_address(ring_.tiles) + ring_.slot * ring_.slot_bytes + value_lane_;
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
        uint32_t values[4];
        load_matrices_transposed(values, row_address + step * 32);
        all_values ^= values[0];
        add(step, values);
      }
    }
    return all_values;
  }

  /// The piece is read: four warps become one result.
  __device__ __forceinline__ void end_piece(const DecodeUnit& unit) {
    if (Shape::kScratches == 1) {
      consumers_meet();
    }
    float* piece_rows = ring_.scratch + scratch_idx_ * Shape::kScratchFloats;
    auto* piece_ends = reinterpret_cast<float2*>(
        piece_rows + Shape::kConsumerWarps * Shape::kTileRows * Shape::kScratchPitch);
    scratch_idx_ = (scratch_idx_ + 1) % Shape::kScratches;
    put_rows(piece_rows, piece_ends);
    consumers_meet();

    const SplitSequence split{unit.row_idx, unit.stripe, unit.first_part, unit.last_part};
    const bool is_whole = split.first_part == split.last_part;
    store_piece(unit, split, piece_rows, piece_ends);
    if (!is_whole) {
      if (threadIdx.x == 0) {
        ring_.pending[num_pending_] = split;
      }
      if (++num_pending_ == Shape::kMaxPending) {
        settle_pending();
        consumers_meet();
      }
    }
  }

  /// Leaves this lane's part of the warp's rows, maxima and sums where all consumers see them.
  __device__ __forceinline__ void put_rows(float* piece_rows, float2* piece_ends) const {
#pragma unroll
    for (int n = 0; n < kQueryTiles; ++n) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        float sum = sums_[n][i];
#pragma unroll
        for (int offset = 4; offset < 32; offset *= 2) {
          sum += __shfl_xor_sync(kAllLanes, sum, offset);
        }
        const int row = warp_ * Shape::kTileRows + n * 8 + 2 * member_ + i;
        if (group_ == 0) {
          piece_ends[row] = make_float2(maxima_[n][i], sum);
        }
        float* place = piece_rows + row * Shape::kScratchPitch;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          if constexpr (Shape::kReadsVectors) {
#pragma unroll
            for (int step = 0; step < kSteps; step += 4) {
              *reinterpret_cast<float4*>(place + (group_ + half * 8) * kSteps + step) =
                  make_float4(rows_[n][step][half * 2 + i], rows_[n][step + 1][half * 2 + i],
                              rows_[n][step + 2][half * 2 + i], rows_[n][step + 3][half * 2 + i]);
            }
          } else {
#pragma unroll
            for (int step = 0; step < kSteps; ++step) {
              place[step * 16 + group_ + half * 8] = rows_[n][step][half * 2 + i];
            }
          }
        }
      }
    }
  }

  /// Writes output and LSE of a whole sequence, or a partial result of a part of one.
  __device__ __forceinline__ void store_piece(const DecodeUnit& unit, const SplitSequence& split,
                                              const float* piece_rows,
                                              const float2* piece_ends) const {
    const bool is_whole = split.first_part == split.last_part;
    float* partial = is_whole ? nullptr : partial_of(params_, split, unit.part);
    constexpr int kVectorsPerRow = kHeadDim / 4;
    for (int i = threadIdx.x; i < tile_.num_rows * kVectorsPerRow; i += kConsumers) {
      const int row = i / kVectorsPerRow;
      const int dim = (i - row * kVectorsPerRow) * 4;
      float2 ends[Shape::kConsumerWarps];
      float maximum = minus_infinity();
#pragma unroll
      for (int w = 0; w < Shape::kConsumerWarps; ++w) {
        ends[w] = piece_ends[w * Shape::kTileRows + row];
        maximum = fmaxf(maximum, ends[w].x);
      }
      float sum = 0.0f;
      float values[4] = {};
#pragma unroll
      for (int w = 0; w < Shape::kConsumerWarps; ++w) {
        const float weight = rescale_factor(ends[w].x, maximum);
        const float4 of_warp = *reinterpret_cast<const float4*>(
            piece_rows + (w * Shape::kTileRows + row) * Shape::kScratchPitch + dim);
        sum = fmaf(ends[w].y, weight, sum);
        values[0] = fmaf(of_warp.x, weight, values[0]);
        values[1] = fmaf(of_warp.y, weight, values[1]);
        values[2] = fmaf(of_warp.z, weight, values[2]);
        values[3] = fmaf(of_warp.w, weight, values[3]);
      }
      if (is_whole) {
        const RowEnd end =
            end_row(maximum, sum, maybe_sink_of(params_, tile_.first_query_head + row));
        for (float& value : values) {
          value *= end.factor;
        }
        store_output<4>(params_, tile_, row, dim, values);
        if (dim == 0) {
          store_lse(params_, tile_, row, end.lse);
        }
      } else {
        *reinterpret_cast<float4*>(partial + 2 * Shape::kTileRows + row * kHeadDim + dim) =
            make_float4(values[0], values[1], values[2], values[3]);
        if (dim == 0) {
          *reinterpret_cast<float2*>(partial + 2 * row) = make_float2(maximum, sum);
        }
      }
    }
  }

  /// Announces partial results, and merges those whose last one they are. It waits until the work
  /// is over: a fence in the middle of it takes microseconds, because it waits behind all the
  /// copies in flight.
  __device__ __forceinline__ void settle_pending() {
    consumers_meet();
    if (static_cast<int>(threadIdx.x) < num_pending_) {
      ring_.is_last[threadIdx.x] = arrives_last(params_, ring_.pending[threadIdx.x]);
    }
    consumers_meet();
    for (int i = 0; i < num_pending_; ++i) {
      if (ring_.is_last[i]) {
        const SplitSequence split = ring_.pending[i];
        cta_combine_splits<kConsumers, 4>(params_, TileRows(params_, split.row_idx, split.stripe),
                                          split);
      }
    }
    num_pending_ = 0;
  }

  const DecodeParams& params_;
  DecodeRing<Shape>& ring_;
  const int warp_;
  const int group_;
  const int member_;
  const UnitTokens<Shape> tokens_;
  const int low_token_;
  const int high_token_;
  // With vectors: the rows of this lane's keys, and of its values. Values are transposed on the
  // way into registers: a lane zips the rows of two tokens, dims [i * kSteps, (i + 1) * kSteps) of
  // which are rows i of the kSteps matrices.
  const int low_byte_;
  const int high_byte_;
  int value_bytes_[4];
  // Without: lane i names a row of matrix i / 8. Keys are the left operand as they lie: matrices
  // are (tokens 0-7, dims 0-7), (8-15, 0-7), (0-7, 8-15), (8-15, 8-15). Values are transposed:
  // (tokens 0-7, dims 0-7), (0-7, 8-15), (8-15, 0-7), (8-15, 8-15).
  uint32_t key_lane_;
  uint32_t value_lane_;
  const float scale_log2_;

  // Of the piece.
  QueryRows tile_;
  uint32_t queries_[kQueryTiles][kSteps][2];
  float rows_[kQueryTiles][kSteps][4];  // [dim, query head] of the output, not yet divided
  float maxima_[kQueryTiles][2];
  float sums_[kQueryTiles][2];  // of this lane's tokens alone
  float slopes_log2_[kQueryTiles][2];

  int num_pending_ = 0;
  int scratch_idx_ = 0;
};

}  // namespace pagoda

#endif
