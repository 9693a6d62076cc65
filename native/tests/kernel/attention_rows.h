// Queries and results of one attention call: what the tests of decode and of prefill share.
#ifndef PAGODA_TESTS_ATTENTION_ROWS_H
#define PAGODA_TESTS_ATTENTION_ROWS_H

#include <string>
#include <vector>

#include "attention_reference.h"
#include "kernel_fixture.h"
#include "paged_pool.h"

namespace fixture {

struct AttentionCase {
  std::string title;
  PoolShape shape;
  int num_query_heads = 4;
  pagoda_dtype row_dtype = PAGODA_DTYPE_BF16;
  int window_tokens = 0;
  float logit_soft_cap = 0.0f;
  bool has_alibi = false;
  bool has_sinks = false;
  int row_padding = 0;              // elements behind each row of queries and output
  std::vector<int> block_ids = {};  // the first ids to hand out; others are shuffled
};

/// Rows that a reference has, on the host and on the device, and the results of a launch.
class AttentionRows {
 public:
  /// `num_padded_rows` more rows lie behind the `num_rows`, and are NaN.
  AttentionRows(const AttentionCase& what, int num_rows, int num_padded_rows, Random* random)
      : case_(what),
        num_all_rows_(num_rows + num_padded_rows),
        query_stride_(stride_of(what.shape.key_head_dim)),
        output_stride_(stride_of(what.shape.value_head_dim)),
        queries_device_(num_all_rows_ * query_stride_),
        slopes_device_(what.num_query_heads * 4),
        sinks_device_(what.num_query_heads * 4),
        output_(num_all_rows_ * output_stride_),
        lse_(int64_t{num_all_rows_} * what.num_query_heads * 4) {
    const int row_elements = what.num_query_heads * what.shape.key_head_dim;
    const int bytes_each = element_bytes(what.row_dtype);
    std::vector<char> bytes(num_all_rows_ * query_stride_, static_cast<char>(0xff));
    for (int row = 0; row < num_rows; ++row) {
      for (int i = 0; i < row_elements; ++i) {
        queries_.push_back(rounded(random->normal(), what.row_dtype));
        store(&bytes[row * query_stride_ + i * bytes_each], what.row_dtype, queries_.back());
      }
    }
    write_all(queries_device_, bytes);
    for (int head = 0; head < what.num_query_heads; ++head) {
      slopes_.push_back(std::exp2(-8.0f * static_cast<float>(head + 1) /
                                  static_cast<float>(what.num_query_heads)));
      sinks_.push_back(random->normal() + 2.0f);
    }
    write_all(slopes_device_, slopes_);
    write_all(sinks_device_, sinks_);
  }

  /// Fills what the params of both kernels have in common.
  template <typename Params>
  void use(const PagedPool& pool, const DeviceBytes& workspace, Params* params) const {
    params->layer = pool.layer();
    params->queries = queries_device_.address();
    params->output = output_.address();
    params->maybe_lse = lse_.address();
    params->block_tables = pool.tables();
    params->maybe_alibi_slopes = case_.has_alibi ? slopes_device_.address() : 0;
    params->maybe_sinks = case_.has_sinks ? sinks_device_.address() : 0;
    params->workspace = workspace.address();
    params->workspace_bytes = static_cast<int64_t>(workspace.size());
    params->query_row_stride_bytes = query_stride_;
    params->output_row_stride_bytes = output_stride_;
    params->block_table_stride = pool.table_stride();
    params->num_query_heads = case_.num_query_heads;
    params->row_dtype = case_.row_dtype;
    params->window_tokens = case_.window_tokens;
    params->softmax_scale = 1.0f / std::sqrt(static_cast<float>(case_.shape.key_head_dim));
    params->logit_soft_cap = case_.logit_soft_cap;
  }

  void poison_results() {
    output_.poison();
    lse_.poison();
  }

  std::vector<char> output() const { return output_.read(); }

  const DeviceBytes& output_bytes() const { return output_; }
  const DeviceBytes& lse_bytes() const { return lse_; }

  /// Where a row stands: its sequence, its position, and the positions that it sees.
  struct Place {
    int seq;
    int position;
    int begin;
    int end;
  };

  /// Compares one row for each place; rows behind them are as the poison left them.
  void compare(const PagedPool& pool, const std::vector<Place>& places,
               const std::string& title) const {
    const std::vector<char> output = output_.read();
    const std::vector<char> lse = lse_.read();
    const auto num_rows = static_cast<int>(places.size());
    const int heads = case_.num_query_heads;
    const bool is_mixed = case_.shape.value_dtype() != case_.shape.dtype;
    compare_rows({output, lse, output_stride_, num_rows, heads, case_.shape.value_head_dim,
                  case_.row_dtype, is_mixed ? PAGODA_DTYPE_FP32 : case_.shape.dtype},
                 title,
                 [&](int row, int head, std::vector<double>* expected, double* expected_lse) {
                   const Place& place = places[row];
                   const ReferenceRow reference = {
                       place.seq,
                       head / (heads / case_.shape.num_kv_heads),
                       place.position,
                       place.begin,
                       place.end,
                       &queries_[(int64_t{row} * heads + head) * case_.shape.key_head_dim],
                       1.0 / std::sqrt(static_cast<double>(case_.shape.key_head_dim)),
                       case_.logit_soft_cap,
                       case_.has_alibi ? slopes_[head] : 0.0,
                       case_.has_sinks ? &sinks_[head] : nullptr};
                   attend_reference(pool, case_.shape, reference, expected, expected_lse);
                 });
    const auto is_poison = [](char byte) { return byte == static_cast<char>(0xff); };
    CLAIM(std::all_of(output.begin() + num_rows * output_stride_, output.end(), is_poison));
    CLAIM(std::all_of(lse.begin() + int64_t{4} * num_rows * heads, lse.end(), is_poison));
  }

 private:
  int64_t stride_of(int head_dim) const {
    return (int64_t{case_.num_query_heads} * head_dim + case_.row_padding) *
           element_bytes(case_.row_dtype);
  }

  const AttentionCase case_;
  const int num_all_rows_;
  const int64_t query_stride_;
  const int64_t output_stride_;
  DeviceBytes queries_device_;
  DeviceBytes slopes_device_;
  DeviceBytes sinks_device_;
  DeviceBytes output_;
  DeviceBytes lse_;
  std::vector<float> queries_;  // [num_rows, num_query_heads, key_head_dim]
  std::vector<float> slopes_;   // [num_query_heads]
  std::vector<float> sinks_;    // [num_query_heads]
};

}  // namespace fixture

#endif
