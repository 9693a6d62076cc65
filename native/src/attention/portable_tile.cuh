// One query tile against tiles of tokens, with plain loads and FP32 arithmetic: what the portable
// decode and prefill kernels have in common.
#ifndef PAGODA_ATTENTION_PORTABLE_TILE_CUH
#define PAGODA_ATTENTION_PORTABLE_TILE_CUH

#include <cstdint>
#include <cstring>

#include "attention/online_softmax.cuh"
#include "device/elements.cuh"

namespace pagoda {

/// The state of a CTA of kThreads; each thread scores one token of a tile and sums up to two dims.
///
/// A tile's sum is made before it joins the running one, so that rounding grows with the number of
/// tiles.
template <typename KeyType, typename ValueType, int kRows>
class PortableTile {
 public:
  static constexpr int kThreads = 128;
  static constexpr int kTokens = kThreads;
  static constexpr int kMaxHeadDim = 256;
  static constexpr int kDimsPerThread = kMaxHeadDim / kThreads;

  struct Shared {
    float queries[kRows][kMaxHeadDim];
    float probabilities[kRows][kTokens];
    float warp_values[kThreads / 32][kRows];
    int64_t token_values[kTokens];  // byte offset of each token's value row
  };

  __device__ explicit PortableTile(Shared& shared) : shared_(shared) {
#pragma unroll
    for (int row = 0; row < kRows; ++row) {
      maxima_[row] = minus_infinity();
    }
  }

  /// Finds this thread's token in its block, and multiplies its key with all queries.
  template <typename Params>
  __device__ void multiply_key(const Params& params, const char* keys, const int32_t* table,
                               int32_t position, float (&products)[kRows]) {
    const int block_idx = position / params.block_size;
    const int in_block = position - block_idx * params.block_size;
    const int64_t block_offset = table[block_idx] * params.block_bytes;
    shared_.token_values[threadIdx.x] = block_offset + static_cast<int64_t>(in_block) *
                                                           params.value_head_dim *
                                                           static_cast<int64_t>(sizeof(ValueType));
    const auto* key = reinterpret_cast<const KeyType*>(keys + block_offset) +
                      static_cast<int64_t>(in_block) * params.key_head_dim;
#pragma unroll
    for (int row = 0; row < kRows; ++row) {
      products[row] = 0.0f;
    }
    constexpr int kVector = 16 / sizeof(KeyType);
    if (params.key_head_dim % kVector == 0) {
      for (int dim = 0; dim < params.key_head_dim; dim += kVector) {
        const uint4 loaded = *reinterpret_cast<const uint4*>(key + dim);
        KeyType elements[kVector];
        memcpy(elements, &loaded, sizeof loaded);
#pragma unroll
        for (int row = 0; row < kRows; ++row) {
          float sum = 0.0f;
#pragma unroll
          for (int i = 0; i < kVector; ++i) {
            sum = fmaf(to_float(elements[i]), shared_.queries[row][dim + i], sum);
          }
          products[row] += sum;
        }
      }
    } else {
      for (int dim = 0; dim < params.key_head_dim; ++dim) {
        const float element = to_float(key[dim]);
#pragma unroll
        for (int row = 0; row < kRows; ++row) {
          products[row] = fmaf(element, shared_.queries[row][dim], products[row]);
        }
      }
    }
  }

  /// Adds a tile of tokens: this thread's token has these scores, minus infinity for unseen.
  __device__ void add_tokens(const float (&scores)[kRows], const char* values, int num_tokens,
                             int value_head_dim) {
#pragma unroll
    for (int row = 0; row < kRows; ++row) {
      float maximum = scores[row];
      for (int offset = 16; offset > 0; offset /= 2) {
        maximum = fmaxf(maximum, __shfl_xor_sync(0xffffffffu, maximum, offset));
      }
      keep_of_warp(row, maximum);
    }
    __syncthreads();
#pragma unroll
    for (int row = 0; row < kRows; ++row) {
      float maximum = maxima_[row];
      for (const auto& of_warp : shared_.warp_values) {
        maximum = fmaxf(maximum, of_warp[row]);
      }
      const float shrink = rescale_factor(maxima_[row], maximum);
      maxima_[row] = maximum;
      // NaN and plus infinity come from keys that are the sequence's own, and stay visible.
      const float probability =
          scores[row] == minus_infinity() ? 0.0f : exp2f(scores[row] - maximum);
      sums_[row] = fmaf(sums_[row], shrink, probability);
      shared_.probabilities[row][threadIdx.x] = probability;
#pragma unroll
      for (int i = 0; i < kDimsPerThread; ++i) {
        rows_[i][row] *= shrink;
      }
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kDimsPerThread; ++i) {
      const int dim = threadIdx.x + i * kThreads;
      if (dim >= value_head_dim) {
        continue;
      }
      float tile_sums[kRows] = {};
      for (int token = 0; token < num_tokens; ++token) {
        const float value =
            to_float(reinterpret_cast<const ValueType*>(values + shared_.token_values[token])[dim]);
#pragma unroll
        for (int row = 0; row < kRows; ++row) {
          tile_sums[row] = fmaf(shared_.probabilities[row][token], value, tile_sums[row]);
        }
      }
#pragma unroll
      for (int row = 0; row < kRows; ++row) {
        rows_[i][row] += tile_sums[row];
      }
    }
    __syncthreads();
  }

  /// Calls end(row, maximum, sum, values) for each row; values[i] is of dim
  /// threadIdx.x + i * kThreads, not yet divided by the sum. All threads call it together.
  template <typename End>
  __device__ void finish(int num_rows, End end) {
#pragma unroll
    for (int row = 0; row < kRows; ++row) {
      float sum = sums_[row];
      for (int offset = 16; offset > 0; offset /= 2) {
        sum += __shfl_xor_sync(0xffffffffu, sum, offset);
      }
      keep_of_warp(row, sum);
    }
    __syncthreads();
#pragma unroll
    for (int row = 0; row < kRows; ++row) {
      if (row >= num_rows) {
        break;
      }
      float sum = 0.0f;
      for (const auto& of_warp : shared_.warp_values) {
        sum += of_warp[row];
      }
      float values[kDimsPerThread];
#pragma unroll
      for (int i = 0; i < kDimsPerThread; ++i) {
        values[i] = rows_[i][row];
      }
      end(row, maxima_[row], sum, values);
    }
  }

 private:
  __device__ void keep_of_warp(int row, float value) {
    if (threadIdx.x % 32 == 0) {
      shared_.warp_values[threadIdx.x / 32][row] = value;
    }
  }

  Shared& shared_;
  float maxima_[kRows];
  float sums_[kRows] = {};  // of this thread's tokens alone
  float rows_[kDimsPerThread][kRows] = {};
};

/// A product as a score in base 2: scaled, capped, and with ALiBi's share of the distance.
template <typename Params>
__device__ __forceinline__ float portable_score(const Params& params, float product, int32_t head,
                                                int32_t distance) {
  float score = product * (params.softmax_scale * kLog2E);
  if (params.logit_soft_cap > 0.0f) {
    score = params.logit_soft_cap * kLog2E *
            tanhf(product * params.softmax_scale / params.logit_soft_cap);
  }
  if (params.maybe_alibi_slopes != nullptr) {
    score += params.maybe_alibi_slopes[head] * kLog2E * static_cast<float>(distance);
  }
  return score;
}

}  // namespace pagoda

#endif
