// Attention in float64, and how far a kernel may be from it.
#ifndef PAGODA_TESTS_ATTENTION_REFERENCE_H
#define PAGODA_TESTS_ATTENTION_REFERENCE_H

#include <algorithm>
#include <atomic>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "kernel_fixture.h"
#include "paged_pool.h"

namespace fixture {

/// Calls body(0) to body(count - 1) on all of the host's processors.
template <typename Body>
void for_all_processors(int count, Body body) {
  std::atomic<int> next{0};
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) {
    workers.emplace_back([&] {
      for (int item = next++; item < count; item = next++) {
        body(item);
      }
    });
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
}

/// Attention of one query row in float64, as the header defines it.
struct ReferenceRow {
  int seq;
  int kv_head;
  int position;
  int begin;  // visible positions
  int end;
  const float* query;
  double softmax_scale;
  double soft_cap;  // 0 for none
  double slope;     // 0 for none
  const float* maybe_sink;
};

inline void attend_reference(const PagedPool& pool, const PoolShape& shape, const ReferenceRow& row,
                             std::vector<double>* output, double* lse) {
  output->assign(shape.value_head_dim, 0.0);
  const double floor =
      row.maybe_sink != nullptr ? *row.maybe_sink : -std::numeric_limits<double>::infinity();
  *lse = floor;
  if (row.end <= row.begin) {
    return;
  }
  std::vector<double> scores(row.end - row.begin);
  double maximum = floor;
  for (int token = row.begin; token < row.end; ++token) {
    const float* key = pool.key(row.seq, token, row.kv_head);
    double score = 0.0;
    for (int dim = 0; dim < shape.key_head_dim; ++dim) {
      score += static_cast<double>(row.query[dim]) * key[dim];
    }
    score *= row.softmax_scale;
    if (row.soft_cap > 0.0) {
      score = row.soft_cap * std::tanh(score / row.soft_cap);
    }
    score += row.slope * (token - row.position);
    scores[token - row.begin] = score;
    maximum = std::max(maximum, score);
  }
  double sum = row.maybe_sink != nullptr ? std::exp(*row.maybe_sink - maximum) : 0.0;
  for (int token = row.begin; token < row.end; ++token) {
    const double weight = std::exp(scores[token - row.begin] - maximum);
    sum += weight;
    const float* value = pool.value(row.seq, token, row.kv_head);
    for (int dim = 0; dim < shape.value_head_dim; ++dim) {
      (*output)[dim] += weight * value[dim];
    }
  }
  for (double& element : *output) {
    element /= sum;
  }
  *lse = maximum + std::log(sum);
}

/// What a kernel wrote: rows of all query heads, `stride` bytes apart, and an LSE for each head.
struct WrittenRows {
  const std::vector<char>& output;
  const std::vector<char>& lse;
  int64_t stride;
  int num_rows;
  int num_query_heads;
  int value_head_dim;
  pagoda_dtype row_dtype;
  pagoda_dtype pool_dtype;  // FP32 where keys and values differ: so are they multiplied
};

/// Claims that all rows are as near to float64 as their dtypes allow, and that bytes between rows
/// are as the poison left them. `reference(row, head, output, lse)` is called from many threads.
template <typename Reference>
void compare_rows(const WrittenRows& written, const std::string& title, Reference reference) {
  const int heads = written.num_query_heads;
  std::vector<std::vector<double>> references(int64_t{written.num_rows} * heads);
  std::vector<double> reference_lses(references.size());
  for_all_processors(static_cast<int>(references.size()), [&](int i) {
    reference(i / heads, i % heads, &references[i], &reference_lses[i]);
  });
  const int bytes = element_bytes(written.row_dtype);
  double error_squares = 0.0;
  double squares = 0.0;
  double worst_lse = 0.0;
  double worst_row = 0.0;
  for (int row = 0; row < written.num_rows; ++row) {
    for (int head = 0; head < heads; ++head) {
      const std::vector<double>& expected = references[int64_t{row} * heads + head];
      double row_error = 0.0;
      double row_square = 0.0;
      for (int dim = 0; dim < written.value_head_dim; ++dim) {
        const int64_t place =
            row * written.stride + (int64_t{head} * written.value_head_dim + dim) * bytes;
        const double difference = load(&written.output[place], written.row_dtype) - expected[dim];
        row_error += difference * difference;
        row_square += expected[dim] * expected[dim];
      }
      error_squares += row_error;
      squares += row_square;
      const double relative =
          row_square > 0.0 ? std::sqrt(row_error / row_square) : std::sqrt(row_error);
      // NaN fails every comparison but this one.
      worst_row = relative <= worst_row ? worst_row : relative;
      float actual_lse;
      std::memcpy(&actual_lse, &written.lse[4 * (int64_t{row} * heads + head)], 4);
      const double expected_lse = reference_lses[int64_t{row} * heads + head];
      const double lse_error = std::isinf(expected_lse) && actual_lse == expected_lse
                                   ? 0.0
                                   : std::fabs(actual_lse - expected_lse);
      worst_lse = lse_error <= worst_lse ? worst_lse : lse_error;
    }
  }
  const double relative = squares > 0.0 ? std::sqrt(error_squares / squares) : error_squares;
  const bool is_exact = written.pool_dtype == PAGODA_DTYPE_FP32;
  const bool is_half =
      written.pool_dtype == PAGODA_DTYPE_FP16 && written.row_dtype != PAGODA_DTYPE_BF16;
  const double bound = is_exact && written.row_dtype == PAGODA_DTYPE_FP32 ? 2e-6
                       : is_half                                          ? 1e-3
                                                                          : 6e-3;
  // Queries are rounded to the pool's dtype, which shifts scores where rows are wider.
  const double lse_bound = is_exact ? 1e-5 : written.row_dtype == written.pool_dtype ? 1e-4 : 2e-2;
  std::printf("%-74s error %.2e (row %.2e) of %.0e, lse %.1e\n", title.c_str(), relative, worst_row,
              bound, worst_lse);
  CLAIM(relative < bound);
  CLAIM(worst_row < 3.0 * bound);
  CLAIM(worst_lse < lse_bound);
  const int64_t row_bytes = int64_t{heads} * written.value_head_dim * bytes;
  for (int row = 0; row < written.num_rows; ++row) {
    for (int64_t i = row_bytes; i < written.stride; ++i) {
      if (written.output[row * written.stride + i] != static_cast<char>(0xff)) {
        CLAIM(!"bytes between rows are written");
        return;
      }
    }
  }
}

}  // namespace fixture

#endif
