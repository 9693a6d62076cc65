// The end of a piece: its rows become output, or a partial result that the last CTA merges.
#ifndef PAGODA_ATTENTION_COMBINE_CUH
#define PAGODA_ATTENTION_COMBINE_CUH

#include "attention/online_softmax.cuh"
#include "attention/paged_decode.h"
#include "attention/work_list.cuh"
#include "device/counter.cuh"
#include "device/elements.cuh"

namespace pagoda {

/// The place of a sequence's query tile in queries and output.
struct QueryRows {
  int32_t row_idx;
  int32_t first_query_head;
  int32_t num_rows;
};

/// A sequence's query tile, and the KV head that it attends to.
struct TileRows : QueryRows {
  int32_t kv_head_idx;

  __device__ TileRows(const DecodeParams& params, int32_t row, int32_t stripe) {
    row_idx = row;
    kv_head_idx = stripe / params.tiles_per_group;
    const int32_t first_in_group =
        (stripe - kv_head_idx * params.tiles_per_group) * params.tile_rows;
    first_query_head = kv_head_idx * params.group_size + first_in_group;
    num_rows = min(params.tile_rows, params.group_size - first_in_group);
  }
};

/// The parts that hold a sequence, in one stripe.
struct SplitSequence {
  int32_t row_idx;
  int32_t stripe;
  int32_t first_part;
  int32_t last_part;
};

/// Where the partial result of a sequence's piece in a part lies.
///
/// A part holds at most two pieces of sequences that it does not hold whole: the first piece, of a
/// sequence that began before it, and the last, of one that goes on behind it.
__device__ __forceinline__ float* partial_of(const DecodeParams& params, const SplitSequence& split,
                                             int32_t part) {
  const int64_t grab = static_cast<int64_t>(part) * params.num_stripes + split.stripe;
  return params.partials +
         (2 * grab + (part == split.first_part ? 1 : 0)) * params.partial_floats();
}

/// Counts one more partial result of a sequence; true for the last one to come.
///
/// One thread calls it, after a CTA barrier behind the writes of its partial result. It wraps to 0
/// by itself, ready for the next launch.
__device__ __forceinline__ bool arrives_last(const DecodeParams& params,
                                             const SplitSequence& split) {
  // A sequence that is split goes on behind its first part, so that part and stripe name it alone.
  uint32_t* counter =
      params.counters + static_cast<int64_t>(split.first_part) * params.num_stripes + split.stripe;
  const uint32_t last = split.last_part - split.first_part;
  // Releases what the CTA wrote, acquires what others did: fences on both sides take longer.
  return count_up_to(counter, last) == last;
}

__device__ __forceinline__ const float* maybe_sink_of(const DecodeParams& params, int32_t head) {
  return params.maybe_sinks == nullptr ? nullptr : params.maybe_sinks + head;
}

/// Writes neighbouring elements of one output row, a whole number of which fits the row.
template <int kVector>
__device__ __forceinline__ void store_output(const DecodeParams& params, const QueryRows& tile,
                                             int32_t row, int32_t dim,
                                             const float (&values)[kVector]) {
  char* row_output =
      static_cast<char*>(params.output) + tile.row_idx * params.output_row_stride_bytes;
  const int64_t first =
      static_cast<int64_t>(tile.first_query_head + row) * params.value_head_dim + dim;
  if constexpr (kVector == 4) {
    // Rows start on 16 bytes and head dims of this path are multiples of 16.
    if (params.row_dtype == DType::kFp32) {
      reinterpret_cast<float4*>(row_output)[first / 4] =
          make_float4(values[0], values[1], values[2], values[3]);
    } else {
      const bool is_half = params.row_dtype == DType::kFp16;
      const uint2 pairs = is_half ? make_uint2(pack_pair<__half>(values[0], values[1]),
                                               pack_pair<__half>(values[2], values[3]))
                                  : make_uint2(pack_pair<__nv_bfloat16>(values[0], values[1]),
                                               pack_pair<__nv_bfloat16>(values[2], values[3]));
      reinterpret_cast<uint2*>(row_output)[first / 4] = pairs;
    }
  } else {
    for (int i = 0; i < kVector; ++i) {
      store_element(row_output, params.row_dtype, first + i, values[i]);
    }
  }
}

__device__ __forceinline__ void store_lse(const DecodeParams& params, const QueryRows& tile,
                                          int32_t row, float lse) {
  if (params.maybe_lse != nullptr) {
    params.maybe_lse[static_cast<int64_t>(tile.row_idx) * params.num_query_heads +
                     tile.first_query_head + row] = lse;
  }
}

template <int kVector>
__device__ __forceinline__ void load_partial(const float* rows, float (&values)[kVector]) {
  if constexpr (kVector == 4) {
    const float4 loaded = __ldcg(reinterpret_cast<const float4*>(rows));
    values[0] = loaded.x;
    values[1] = loaded.y;
    values[2] = loaded.z;
    values[3] = loaded.w;
  } else {
    for (int i = 0; i < kVector; ++i) {
      values[i] = __ldcg(rows + i);
    }
  }
}

/// Merges the partial results of one query tile and writes its output rows.
///
/// The order is that of the context, whichever CTA comes last: results repeat to the bit.
/// Requires that all partial results are visible to the calling threads.
template <int kThreads, int kVector>
__device__ void cta_combine_splits(const DecodeParams& params, const QueryRows& tile,
                                   const SplitSequence& split) {
  constexpr int kBatch = 8;  // partial results in flight per thread
  const int32_t vectors_per_row = params.value_head_dim / kVector;
  // One distance from part to part, but for the first (see partial_of).
  const int64_t distance = 2 * params.num_stripes * params.partial_floats();
  for (int32_t i = threadIdx.x; i < tile.num_rows * vectors_per_row; i += kThreads) {
    const int32_t row = i / vectors_per_row;
    const int32_t dim = (i - row * vectors_per_row) * kVector;
    float maximum = minus_infinity();
    float sum = 0.0f;
    float values[kVector] = {};
    const float* row_end = partial_of(params, split, split.first_part) + 2 * row;
    const int64_t to_row = 2 * params.tile_rows + row * params.value_head_dim + dim - 2 * row;
    for (int32_t part = split.first_part; part <= split.last_part; part += kBatch) {
      float2 ends[kBatch];
      float rows[kBatch][kVector];
#pragma unroll
      for (int j = 0; j < kBatch; ++j) {
        ends[j] = make_float2(minus_infinity(), 0.0f);
        for (int k = 0; k < kVector; ++k) {
          rows[j][k] = 0.0f;
        }
        if (part + j <= split.last_part) {
          ends[j] = __ldcg(reinterpret_cast<const float2*>(row_end));
          load_partial<kVector>(row_end + to_row, rows[j]);
          row_end += part + j == split.first_part ? distance - params.partial_floats() : distance;
        }
      }
      float batch_maximum = maximum;
#pragma unroll
      for (int j = 0; j < kBatch; ++j) {
        batch_maximum = fmaxf(batch_maximum, ends[j].x);
      }
      const float shrink = rescale_factor(maximum, batch_maximum);
      maximum = batch_maximum;
      sum *= shrink;
      for (int k = 0; k < kVector; ++k) {
        values[k] *= shrink;
      }
#pragma unroll
      for (int j = 0; j < kBatch; ++j) {
        const float weight = rescale_factor(ends[j].x, maximum);
        sum += ends[j].y * weight;
        for (int k = 0; k < kVector; ++k) {
          values[k] += rows[j][k] * weight;
        }
      }
    }
    const int32_t head = tile.first_query_head + row;
    const RowEnd end = end_row(maximum, sum, maybe_sink_of(params, head));
    for (int k = 0; k < kVector; ++k) {
      values[k] *= end.factor;
    }
    store_output<kVector>(params, tile, row, dim, values);
    if (dim == 0) {
      store_lse(params, tile, row, end.lse);
    }
  }
}

}  // namespace pagoda

#endif
