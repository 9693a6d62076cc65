// The consumers of Hopper's prefill: scores, probabilities, and their sums of values.
#ifndef PAGODA_ATTENTION_SM90_PREFILL_CONSUMER_CUH
#define PAGODA_ATTENTION_SM90_PREFILL_CONSUMER_CUH

#include <cstdint>
#include <type_traits>

#include "attention/online_softmax.cuh"
#include "attention/paged_prefill.h"
#include "attention/sm90_prefill_ring.cuh"
#include "attention/sm90_prefill_shape.h"
#include "device/async_copy.cuh"
#include "device/bulk_copy.cuh"
#include "device/elements.cuh"
#include "device/shared_memory.cuh"
#include "device/warpgroup_matrix.cuh"

/// Has the compiler compute what depends on a number behind this line, not ahead of a loop.
#define PAGODA_COMPUTED_HERE(number) asm volatile("" : "+r"(number))

namespace pagoda {

/// One warpgroup, with 64 rows of the query tile.
template <typename KvType, int kHeadDim>
class PrefillConsumer {
  using Shape = Sm90Prefill<kHeadDim>;
  static constexpr int kTokens = Shape::kTileTokens;
  static constexpr int kTokenColumns = kTokens / 8;
  static constexpr int kTokenSteps = kTokens / 16;
  static constexpr int kWarpRows = 16;

 public:
  __device__ __forceinline__ PrefillConsumer(const PrefillParams& params,
                                             const PrefillRing<Shape>& ring, int consumer)
      : params_(params),
        ring_(ring),
        consumer_(consumer),
        first_row_(consumer * Shape::kConsumerRows),
        lane_(static_cast<int>(threadIdx.x) % 32),
        member_(lane_ % 4),
        is_plain_(params.logit_soft_cap == 0.0f && params.maybe_alibi_slopes == nullptr &&
                  params.softmax_scale > 0.0f),
        factor_(is_plain_ ? params.softmax_scale * kLog2E : 1.0f) {}

  __device__ __forceinline__ void run() {
    if (consumer_ == 1) {
      give_turn();
    }
    for (int num_works = 0;; ++num_works) {
      const StageOf<Shape> place(num_works);
      barrier_wait(ring_.queries_full(place.stage), place.phase);
      // Not copied: what is not needed between the tiles of tokens takes no register there.
      const PrefillWork& work = ring_.works[place.stage];
      if (work.ends_work != 0) {
        break;
      }
      queries_ = ring_.queries + place.stage * Shape::kQueryBytes +
                 consumer_ * Shape::kColumns * Shape::kQueryTileBytes;
      attend(work);
      give_back(ring_.queries_empty(place.stage));
    }
    if (consumer_ == 0) {
      wait_for_turn();
    }
  }

 private:
  __device__ __forceinline__ void attend(const PrefillWork& work) {
    const TokenTiles all(work.tile.visible(params_), kTokens);
    const int num_before = begin_rows(work, all);
    for (int i = 0; i < num_before; ++i) {
      pass_over();
    }
    if (own_tiles_end_ > own_tile_) {
      matrices_see_shared_writes();
      wait_for_turn();
      begin_scores();
      give_turn();
      wait_for_matrix_batches<0>();
      take_scores(work);
      weigh();
      ++num_tiles_;
      while (++own_tile_ < own_tiles_end_) {
        wait_for_turn();
        begin_scores();
        begin_values();
        give_turn();
        wait_for_matrix_batches<1>();
        take_scores(work);
        wait_for_matrix_batches<0>();
        take_values();
        weigh();
        ++num_tiles_;
      }
      begin_values();
      wait_for_matrix_batches<0>();
      take_values();
    }
    for (int left = TokenTiles(work.tile.visible(params_), kTokens).end - own_tile_; left > 0;
         --left) {
      pass_over();
    }
    if (first_row_ < work.tile.num_rows) {
      write_results(work);
    }
  }

  /// Forgets the rows before; returns how many tiles come ahead of the first that the rows see.
  __device__ __forceinline__ int begin_rows(const PrefillWork& work, const TokenTiles& all) {
    const QueryTile& tile = work.tile;
    int thread = static_cast<int>(threadIdx.x);
    PAGODA_COMPUTED_HERE(thread);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = first_row_ + thread / 32 % 4 * kWarpRows + thread % 32 / 4 + half * 8;
      positions_[half] = tile.position_of(params_, min(row, tile.num_rows - 1));
      slopes_log2_[half] = params_.maybe_alibi_slopes == nullptr || row >= tile.num_rows
                               ? 0.0f
                               : params_.maybe_alibi_slopes[work.head_of(params_, row)] * kLog2E;
      maxima_[half] = minus_infinity();
      sums_[half] = 0.0f;
    }
#pragma unroll
    for (float& row : rows_) {
      row = 0.0f;
    }
    const int last_row = min(first_row_ + Shape::kConsumerRows, tile.num_rows) - 1;
    const VisibleRange of_first = tile.visible_from(params_, tile.position_of(params_, first_row_));
    const VisibleRange of_last = tile.visible_from(params_, tile.position_of(params_, last_row));
    plain_begin_ = of_last.begin;
    plain_end_ = of_first.end;
    const TokenTiles own({of_first.begin, of_last.end}, kTokens);
    const bool sees = first_row_ <= last_row && own.begin < own.end;
    own_tile_ = sees ? own.begin : all.end;
    own_tiles_end_ = sees ? own.end : all.end;
    return own_tile_ - all.begin;
  }

  __device__ __forceinline__ StageOf<Shape> stage() const { return StageOf<Shape>(num_tiles_); }
  __device__ __forceinline__ StageOf<Shape> stage_before() const {
    return StageOf<Shape>(num_tiles_ - 1);
  }

  // The warpgroups queue their products in turn, so that one's softmax goes beside the other's
  // products. Every tile of tokens is a turn of each, and consumer 1 begins by giving the first.

  __device__ __forceinline__ void wait_for_turn() const {
    named_barrier_sync<kBothConsumers>(kFirstTurnBarrier + consumer_);
  }

  __device__ __forceinline__ void give_turn() const {
    named_barrier_arrive<kBothConsumers>(kFirstTurnBarrier + 1 - consumer_);
  }

  /// Each warp by itself: its own part of the warpgroup's instructions has read.
  __device__ __forceinline__ void give_back(uint32_t empty_barrier) const {
    __syncwarp();
    if (lane_ == 0) {
      barrier_arrive(empty_barrier);
    }
  }

  /// Gives a tile back of which none of the warpgroup's rows sees anything.
  __device__ __forceinline__ void pass_over() {
    const StageOf<Shape> place = stage();
    wait_for_turn();
    give_turn();
    barrier_wait(ring_.keys_full(place.stage), place.phase);
    give_back(ring_.keys_empty(place.stage));
    barrier_wait(ring_.values_full(place.stage), place.phase);
    give_back(ring_.values_empty(place.stage));
    ++num_tiles_;
  }

  __device__ __forceinline__ static uint32_t query_offset(int row, int chunk) {
    return chunk / 8 * Shape::kQueryTileBytes + matrix_tile_offset(row, chunk % 8);
  }

  /// Queues the products of queries and keys.
  __device__ __forceinline__ void begin_scores() {
    const StageOf<Shape> place = stage();
    barrier_wait(ring_.keys_full(place.stage), place.phase);
    matrices_see_shared_writes();
    hold_in_registers(scores_);
    begin_matrix_batch();
#pragma unroll
    for (int step = 0; step < kHeadDim / 16; ++step) {
      const int column = step / 4;
      const int in_row = step % 4 * 32;
      multiply_tiles<KvType>(
          scores_, matrix_descriptor(queries_ + column * Shape::kQueryTileBytes + in_row, 0),
          matrix_descriptor(ring_.keys + place.stage * Shape::kTokenBytes +
                                column * Shape::kTokenTileBytes + in_row,
                            0),
          step > 0);
    }
    end_matrix_batch();
  }

  /// Queues the products of the probabilities of the tile before and its values.
  __device__ __forceinline__ void begin_values() {
    const StageOf<Shape> place = stage_before();
    barrier_wait(ring_.values_full(place.stage), place.phase);
    matrices_see_shared_writes();
    hold_in_registers(rows_);
    begin_matrix_batch();
#pragma unroll
    for (int step = 0; step < kTokenSteps; ++step) {
      multiply_rows<KvType>(rows_, probabilities_[step],
                            matrix_descriptor(ring_.values + place.stage * Shape::kTokenBytes +
                                                  step * 16 * kMatrixTileRowBytes,
                                              Shape::kTokenTileBytes));
    }
    end_matrix_batch();
  }

  /// Gives the keys back and turns scores into what will be probabilities, relative to maxima that
  /// the rows still have to follow.
  __device__ __forceinline__ void take_scores(const PrefillWork& work) {
    hold_in_registers(scores_);
    give_back(ring_.keys_empty(stage().stage));
    const int first_token = own_tile_ * kTokens;
    if (!is_plain_) {
      bias(first_token);
    }
    if (first_token < plain_begin_ || first_token + kTokens > plain_end_) {
      hide(work, first_token);
    }
    bool rises = false;
    float tile_maxima[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float maximum = minus_infinity();
#pragma unroll
      for (int n = 0; n < kTokenColumns; ++n) {
        maximum = fmaxf(maximum, fmaxf(scores_[4 * n + 2 * half], scores_[4 * n + 2 * half + 1]));
      }
      tile_maxima[half] = maximum * factor_;
      // Up to 2^8 above the reference is no danger to a sum in FP32, nor to a 16-bit element.
      rises |= tile_maxima[half] > maxima_[half] + 8.0f;
    }
    has_risen_ = __any_sync(kEveryLane, rises);
    if (has_risen_) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float maximum = fmaxf(maxima_[half], tile_maxima[half]);
        maximum = fmaxf(maximum, __shfl_xor_sync(kEveryLane, maximum, 1));
        maximum = fmaxf(maximum, __shfl_xor_sync(kEveryLane, maximum, 2));
        shrink_[half] = rescale_factor(maxima_[half], maximum);
        maxima_[half] = maximum;
        sums_[half] *= shrink_[half];
      }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float reference = maxima_[half] == minus_infinity() ? 0.0f : maxima_[half];
#pragma unroll
      for (int n = 0; n < kTokenColumns; ++n) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          float& score = scores_[4 * n + 2 * half + i];
          score = exp2_approximate(fmaf(score, factor_, -reference));
          sums_[half] += score;
        }
      }
    }
  }

  __device__ __forceinline__ void bias(int first_token) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int distance = first_token + 2 * member_ - positions_[half];
#pragma unroll
      for (int n = 0; n < kTokenColumns; ++n) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          float score = scores_[4 * n + 2 * half + i] * params_.softmax_scale;
          if (params_.logit_soft_cap > 0.0f) {
            score = params_.logit_soft_cap * tanhf(score / params_.logit_soft_cap);
          }
          scores_[4 * n + 2 * half + i] =
              fmaf(slopes_log2_[half], static_cast<float>(distance + n * 8 + i), score * kLog2E);
        }
      }
    }
  }

  __device__ __forceinline__ void hide(const PrefillWork& work, int first_token) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const VisibleRange seen = work.tile.visible_from(params_, positions_[half]);
      const int begin = seen.begin - first_token - 2 * member_;
      const int end = seen.end - first_token - 2 * member_;
#pragma unroll
      for (int n = 0; n < kTokenColumns; ++n) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          if (n * 8 + i < begin || n * 8 + i >= end) {
            scores_[4 * n + 2 * half + i] = minus_infinity();
          }
        }
      }
    }
  }

  /// Gives the values back, which have been multiplied.
  __device__ __forceinline__ void take_values() {
    hold_in_registers(rows_);
    give_back(ring_.values_empty(stage_before().stage));
  }

  /// The rows follow their maxima, and the probabilities become operands.
  __device__ __forceinline__ void weigh() {
    if (has_risen_) {
#pragma unroll
      for (int n = 0; n < kHeadDim / 8; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          rows_[4 * n + i] *= shrink_[i / 2];
        }
      }
    }
#pragma unroll
    for (int step = 0; step < kTokenSteps; ++step) {
#pragma unroll
      for (int odd = 0; odd < 2; ++odd) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const float* two = &scores_[4 * (2 * step + odd) + 2 * half];
          probabilities_[step][2 * odd + half] = pack_pair<KvType>(two[0], two[1]);
        }
      }
    }
  }

  __device__ __forceinline__ void write_results(const PrefillWork& work) const {
    // Addresses that are the same for every query tile would be kept in registers all the time.
    int thread = static_cast<int>(threadIdx.x);
    PAGODA_COMPUTED_HERE(thread);
    const int lane = thread % 32;
    const int warp_row = thread / 32 % 4 * kWarpRows;
    const bool is_staged = params_.row_dtype != DType::kFp32 &&
                           params_.output_row_stride_bytes % 16 == 0 &&
                           reinterpret_cast<uintptr_t>(params_.output) % 16 == 0;
    char* const staged = ring_.query_bytes + (queries_ - ring_.queries);
    warpgroup_meets();
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = warp_row + lane / 4 + half * 8;
      const bool is_row = first_row_ + row < work.tile.num_rows;
      float sum = sums_[half];
      sum += __shfl_xor_sync(kEveryLane, sum, 1);
      sum += __shfl_xor_sync(kEveryLane, sum, 2);
      const int32_t head = work.head_of(params_, first_row_ + row);
      const RowEnd end =
          end_row(maxima_[half], sum,
                  params_.maybe_sinks == nullptr || !is_row ? nullptr : params_.maybe_sinks + head);
      const int64_t token = work.token_of(params_, first_row_ + row);
      if (is_row && lane % 4 == 0 && params_.maybe_lse != nullptr) {
        params_.maybe_lse[token * params_.num_query_heads + head] = end.lse;
      }
#pragma unroll
      for (int n = 0; n < kHeadDim / 8; ++n) {
        const float low = rows_[4 * n + 2 * half] * end.factor;
        const float high = rows_[4 * n + 2 * half + 1] * end.factor;
        if (is_staged) {
          // The query rows have been read for the last time.
          *reinterpret_cast<uint32_t*>(staged + query_offset(row, n) + lane % 4 * 4) =
              params_.row_dtype == DType::kFp16 ? pack_pair<__half>(low, high)
                                                : pack_pair<__nv_bfloat16>(low, high);
        } else if (is_row && n * 8 + lane % 4 * 2 < params_.value_head_dim) {
          char* token_output =
              static_cast<char*>(params_.output) + token * params_.output_row_stride_bytes;
          const int64_t first = int64_t{head} * params_.value_head_dim + n * 8 + lane % 4 * 2;
          store_element(token_output, params_.row_dtype, first, low);
          store_element(token_output, params_.row_dtype, first + 1, high);
        }
      }
    }
    if (is_staged) {
      __syncwarp();
      write_staged(work, staged, warp_row, lane);
    }
  }

  /// Writes the rows of the calling warp, 16 bytes at a time.
  __device__ __forceinline__ void write_staged(const PrefillWork& work, const char* staged,
                                               int warp_row, int lane) const {
    // Divisions take long: each lane places a row, and the others ask it.
    const int own_row = first_row_ + warp_row + lane % kWarpRows;
    const int64_t own_place =
        own_row < work.tile.num_rows
            ? work.token_of(params_, own_row) * params_.output_row_stride_bytes +
                  int64_t{2} * work.head_of(params_, own_row) * params_.value_head_dim
            : -1;
    const int value_chunks = params_.value_head_dim / 8;
#pragma unroll
    for (int i = 0; i < kWarpRows * Shape::kChunks / 32; ++i) {
      const int row = (i * 32 + lane) / Shape::kChunks;
      const int chunk = (i * 32 + lane) % Shape::kChunks;
      const int64_t place = __shfl_sync(kEveryLane, own_place, row);
      if (place >= 0 && chunk < value_chunks) {
        *reinterpret_cast<uint4*>(static_cast<char*>(params_.output) + place + chunk * 16) =
            *reinterpret_cast<const uint4*>(staged + query_offset(warp_row + row, chunk));
      }
    }
  }

  __device__ __forceinline__ void warpgroup_meets() const {
    if (consumer_ == 0) {
      named_barrier_sync<1, Shape::kWarpgroupThreads>();
    } else {
      named_barrier_sync<2, Shape::kWarpgroupThreads>();
    }
  }

  static constexpr int kFirstTurnBarrier = 3;
  static constexpr int kBothConsumers = Shape::kConsumers * Shape::kWarpgroupThreads;

  const PrefillParams& params_;
  const PrefillRing<Shape>& ring_;
  const int consumer_;
  const int first_row_;  // of the query tile
  const int lane_;
  const int member_;
  const bool is_plain_;
  const float factor_;  // plain scores stay products: their factor goes into the exponent
  int num_tiles_ = 0;   // of tokens, so far

  // Of the query tile at hand.
  uint32_t queries_ = 0;
  int32_t own_tile_ = 0;  // of tokens, among those that the warpgroup's rows see
  int32_t own_tiles_end_ = 0;
  // What all of the warpgroup's rows see: tiles between need no mask.
  int32_t plain_begin_ = 0;
  int32_t plain_end_ = 0;
  int32_t positions_[2] = {};  // of this lane's rows, as everything below
  float slopes_log2_[2] = {};
  float maxima_[2] = {};  // base 2
  float sums_[2] = {};    // of this lane's tokens alone
  float shrink_[2] = {1.0f, 1.0f};
  bool has_risen_ = false;
  float scores_[kTokens / 2];
  uint32_t probabilities_[kTokenSteps][4];
  float rows_[kHeadDim / 2];  // of the output, not yet divided
};

}  // namespace pagoda

#endif
