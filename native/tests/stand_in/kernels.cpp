#include "kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "elements.h"
#include "machine.h"
#include "refusals.h"

namespace stand_in {

namespace {

uint64_t tile(const pagoda_kv_layer& layer, int64_t block, int64_t base, int64_t head,
              int64_t tile_bytes) {
  if (block < 0 || block >= layer.num_blocks) {
    throw Fault{};
  }
  const uint64_t address = layer.pool + block * layer.block_bytes + base + head * tile_bytes;
  elements<char>(address, tile_bytes);
  return address;
}

uint64_t key_tile(const pagoda_kv_layer& layer, int64_t block, int64_t head) {
  return tile(layer, block, layer.key_base_bytes, head, layer.key_tile_bytes);
}

uint64_t value_tile(const pagoda_kv_layer& layer, int64_t block, int64_t head) {
  return tile(layer, block, layer.value_base_bytes, head, layer.value_tile_bytes);
}

void copy_head(pagoda_dtype from, uint64_t source, pagoda_dtype to, uint64_t target, int64_t dim) {
  elements<char>(source, dim * bytes_of(from));
  for (int64_t i = 0; i < dim; i++) {
    write(to, target + i * bytes_of(to),
          static_cast<float>(read(from, source + i * bytes_of(from))));
  }
}

/// What is common to one row per sequence and to ragged rows.
struct Attention {
  pagoda_kv_layer layer;
  uint64_t queries, output, maybe_lse, block_tables, maybe_alibi_slopes, maybe_sinks;
  int64_t query_row_stride_bytes, output_row_stride_bytes, block_table_stride;
  int32_t num_query_heads;
  pagoda_dtype row_dtype;
  int32_t window_tokens;
  bool is_causal;
  float softmax_scale, logit_soft_cap;
};

template <typename Params>
Attention attention_of(const Params& p, bool is_causal) {
  return {p.layer,
          p.queries,
          p.output,
          p.maybe_lse,
          p.block_tables,
          p.maybe_alibi_slopes,
          p.maybe_sinks,
          p.query_row_stride_bytes,
          p.output_row_stride_bytes,
          p.block_table_stride,
          p.num_query_heads,
          p.row_dtype,
          p.window_tokens,
          is_causal,
          p.softmax_scale,
          p.logit_soft_cap};
}

void attend_head(const Attention& a, int64_t row, int64_t seq, int64_t head, int64_t position,
                 int64_t context_length) {
  const pagoda_kv_layer& layer = a.layer;
  const int64_t key_dim = layer.key_head_dim;
  const int64_t value_dim = layer.value_head_dim;
  const int64_t kv_head = head / (a.num_query_heads / layer.num_kv_heads);
  const int64_t end = a.is_causal ? std::min(position + 1, context_length) : context_length;
  const int64_t first =
      a.window_tokens > 0 ? std::max<int64_t>(0, position - a.window_tokens + 1) : 0;

  const uint64_t query_at =
      a.queries + row * a.query_row_stride_bytes + head * key_dim * bytes_of(a.row_dtype);
  elements<char>(query_at, key_dim * bytes_of(a.row_dtype));
  std::vector<double> query(key_dim);
  for (int64_t i = 0; i < key_dim; i++) {
    query[i] = rounded(layer.key_dtype, read(a.row_dtype, query_at + i * bytes_of(a.row_dtype)));
  }

  double sum = 0;
  double highest = -INFINITY;
  std::vector<double> weighted(value_dim, 0);
  const auto add = [&](double score) {
    // Everything so far is relative to the highest score.
    if (score > highest) {
      const double factor = std::exp(highest - score);
      sum *= factor;
      for (double& element : weighted) element *= factor;
      highest = score;
    }
    const double weight = std::exp(score - highest);
    sum += weight;
    return weight;
  };
  if (a.maybe_sinks != 0) {
    add(elements<float>(a.maybe_sinks, a.num_query_heads)[head]);
  }
  const double slope = a.maybe_alibi_slopes == 0
                           ? 0
                           : elements<float>(a.maybe_alibi_slopes, a.num_query_heads)[head];
  const int32_t* table = nullptr;
  if (end > first) {
    table = elements<int32_t>(
        a.block_tables + seq * a.block_table_stride * sizeof(int32_t),
        std::min(a.block_table_stride, (end + layer.block_size - 1) / layer.block_size));
  }
  uint64_t keys = 0;
  uint64_t values = 0;
  for (int64_t k = first; k < end; k++) {
    const int64_t block_idx = k / layer.block_size;
    if (block_idx >= a.block_table_stride) {
      throw Fault{};
    }
    const int64_t offset = k % layer.block_size;
    if (k == first || offset == 0) {
      keys = key_tile(layer, table[block_idx], kv_head);
      values = value_tile(layer, table[block_idx], kv_head);
    }
    const uint64_t key = keys + offset * key_dim * bytes_of(layer.key_dtype);
    double score = 0;
    for (int64_t i = 0; i < key_dim; i++) {
      score += query[i] * read(layer.key_dtype, key + i * bytes_of(layer.key_dtype));
    }
    score *= a.softmax_scale;
    if (a.logit_soft_cap != 0) {
      score = a.logit_soft_cap * std::tanh(score / a.logit_soft_cap);
    }
    score += slope * static_cast<double>(k - position);
    const double weight = add(score);
    const uint64_t value = values + offset * value_dim * bytes_of(layer.value_dtype);
    for (int64_t i = 0; i < value_dim; i++) {
      weighted[i] += weight * read(layer.value_dtype, value + i * bytes_of(layer.value_dtype));
    }
  }

  const uint64_t output_at =
      a.output + row * a.output_row_stride_bytes + head * value_dim * bytes_of(a.row_dtype);
  elements<char>(output_at, value_dim * bytes_of(a.row_dtype));
  for (int64_t i = 0; i < value_dim; i++) {
    write(a.row_dtype, output_at + i * bytes_of(a.row_dtype),
          sum == 0 ? 0.0F : static_cast<float>(weighted[i] / sum));
  }
  if (a.maybe_lse != 0) {
    const int64_t at = row * a.num_query_heads + head;
    elements<float>(a.maybe_lse, at + 1)[at] =
        sum == 0 ? -INFINITY : static_cast<float>(highest + std::log(sum));
  }
}

}  // namespace

void write_kv(const pagoda_write_kv_params& p) {
  const pagoda_kv_layer& layer = p.layer;
  const int64_t* slots = elements<int64_t>(p.slot_mapping, p.num_tokens);
  for (int64_t token = 0; token < p.num_tokens; token++) {
    const int64_t slot = slots[token];
    if (slot < 0 || slot >= layer.num_blocks * layer.block_size) {
      continue;
    }
    const int64_t block = slot / layer.block_size;
    const int64_t offset = slot % layer.block_size;
    for (int64_t head = 0; head < layer.num_kv_heads; head++) {
      const int64_t key_dim = layer.key_head_dim;
      const int64_t value_dim = layer.value_head_dim;
      copy_head(p.row_dtype,
                p.keys + token * p.key_row_stride_bytes + head * key_dim * bytes_of(p.row_dtype),
                layer.key_dtype,
                key_tile(layer, block, head) + offset * key_dim * bytes_of(layer.key_dtype),
                key_dim);
      copy_head(
          p.row_dtype,
          p.values + token * p.value_row_stride_bytes + head * value_dim * bytes_of(p.row_dtype),
          layer.value_dtype,
          value_tile(layer, block, head) + offset * value_dim * bytes_of(layer.value_dtype),
          value_dim);
    }
  }
}

void paged_decode(const pagoda_paged_decode_params& p) {
  const Attention a = attention_of(p, true);
  const int32_t* lengths = elements<int32_t>(p.context_lengths, p.num_seqs);
  for (int64_t seq = 0; seq < p.num_seqs; seq++) {
    for (int64_t head = 0; head < p.num_query_heads; head++) {
      attend_head(a, seq, seq, head, lengths[seq] - 1, std::max(0, lengths[seq]));
    }
  }
}

void paged_prefill(const pagoda_paged_prefill_params& p) {
  const Attention a = attention_of(p, p.is_causal != 0);
  const int32_t* lengths = elements<int32_t>(p.context_lengths, p.num_seqs);
  const int32_t* cumulative = elements<int32_t>(p.cumulative_query_lengths, p.num_seqs + 1);
  for (int64_t seq = 0; seq < p.num_seqs; seq++) {
    for (int64_t row = cumulative[seq]; row < cumulative[seq + 1]; row++) {
      const int64_t position = lengths[seq] - (cumulative[seq + 1] - row);
      for (int64_t head = 0; head < p.num_query_heads; head++) {
        attend_head(a, row, seq, head, position, lengths[seq]);
      }
    }
  }
}

void copy_pairs(uint64_t from, uint64_t to, uint64_t copies, int64_t count, int64_t block_bytes) {
  const auto* pairs = elements<pagoda_block_copy>(copies, count);
  for (int64_t i = 0; i < count; i++) {
    const auto* source = elements<char>(from + pairs[i].source_block * block_bytes, block_bytes);
    auto* target = elements<char>(to + pairs[i].target_block * block_bytes, block_bytes);
    std::memmove(target, source, block_bytes);
  }
}

void update_words(const pagoda_update_words_params& p) {
  std::memcpy(elements<char>(p.delta, p.num_bytes), elements<char>(p.staged, p.num_bytes),
              p.num_bytes);
  const auto* runs = elements<pagoda_word_run>(p.delta, p.num_runs);
  const auto* words = elements<uint32_t>(p.delta, p.num_bytes / 4);
  auto* target = elements<uint32_t>(p.target, p.num_target_words);
  for (int64_t i = 0; i < p.num_runs; i++) {
    for (int64_t word = 0; word < runs[i].num_words; word++) {
      const int64_t at = runs[i].target_word + word;
      if (at >= 0 && at < p.num_target_words) {
        target[at] = words[runs[i].source_word + word];
      }
    }
  }
}

void merge_partials(const pagoda_merge_partials_params& p) {
  const auto* lse = elements<float>(p.partial_lse, int64_t{p.num_partials} * p.num_rows);
  const int64_t width = bytes_of(p.row_dtype);
  for (int64_t row = 0; row < p.num_rows; row++) {
    double highest = -INFINITY;
    for (int64_t part = 0; part < p.num_partials; part++) {
      highest = std::max<double>(highest, lse[part * p.num_rows + row]);
    }
    std::vector<double> merged(p.head_dim, 0);
    double sum = 0;
    for (int64_t part = 0; part < p.num_partials; part++) {
      const double of_part = lse[part * p.num_rows + row];
      if (of_part == -INFINITY) {
        continue;
      }
      const double weight = std::exp(of_part - highest);
      sum += weight;
      const uint64_t from = p.partial_outputs + (part * p.num_rows + row) * p.head_dim * width;
      elements<char>(from, p.head_dim * width);
      for (int64_t i = 0; i < p.head_dim; i++) {
        merged[i] += weight * read(p.row_dtype, from + i * width);
      }
    }
    const uint64_t to = p.output + row * p.head_dim * width;
    elements<char>(to, p.head_dim * width);
    for (int64_t i = 0; i < p.head_dim; i++) {
      write(p.row_dtype, to + i * width, sum == 0 ? 0.0F : static_cast<float>(merged[i] / sum));
    }
    if (p.maybe_lse != 0) {
      elements<float>(p.maybe_lse, row + 1)[row] =
          sum == 0 ? -INFINITY : static_cast<float>(highest + std::log(sum));
    }
  }
}

pagoda_status first_bad_value(const pagoda_validate_step_params& p, pagoda_error* error) {
  const auto* cumulative = elements<int32_t>(p.cumulative_query_lengths, p.num_seqs + 1);
  const auto* lengths = elements<int32_t>(p.context_lengths, p.num_seqs);
  const auto* tables = elements<int32_t>(p.block_tables, p.num_seqs * p.block_table_stride);
  const auto* slots = elements<int64_t>(p.slot_mapping, p.num_tokens);
  RETURN_UNLESS_OK(require(cumulative[0] == 0, "query lengths are counted from 0",
                           "cumulative_query_lengths[0]", cumulative[0], error));
  for (int64_t seq = 0; seq < p.num_seqs; seq++) {
    const int64_t query_length = cumulative[seq + 1] - cumulative[seq];
    RETURN_UNLESS_OK(require(query_length >= 0 && cumulative[seq + 1] <= p.num_tokens,
                             "cumulative query lengths do not fall", "cumulative_query_lengths",
                             cumulative[seq + 1], error));
    RETURN_UNLESS_OK(require(
        lengths[seq] >= query_length && lengths[seq] <= p.block_table_stride * p.block_size,
        "a context holds its queries and fits its table", "context_lengths", lengths[seq], error));
    const int32_t* table = tables + seq * p.block_table_stride;
    for (int64_t i = 0; i * p.block_size < lengths[seq]; i++) {
      RETURN_UNLESS_OK(require(table[i] >= 0 && table[i] < p.num_blocks, "there is no such block",
                               "block_tables", table[i], error));
    }
    for (int64_t row = cumulative[seq]; row < cumulative[seq + 1]; row++) {
      const int64_t position = lengths[seq] - (cumulative[seq + 1] - row);
      const int64_t slot =
          int64_t{table[position / p.block_size]} * p.block_size + position % p.block_size;
      RETURN_UNLESS_OK(require(slots[row] == -1 || slots[row] == slot,
                               "table and position say another slot", "slot_mapping", slots[row],
                               error));
    }
  }
  return PAGODA_STATUS_OK;
}

}  // namespace stand_in
