// Sequences in the shuffled blocks of a pool, on the host and on the device: what attention tests
// read. Every slot that no row may see is NaN.
#ifndef PAGODA_TESTS_PAGED_POOL_H
#define PAGODA_TESTS_PAGED_POOL_H

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include "kernel_fixture.h"

namespace fixture {

/// One sequence: tokens before `first_visible` have been given back, block by block.
struct PoolSequence {
  int context_length;
  int first_visible;
};

class PagedPool {
 public:
  /// `block_ids` are handed out first, then the others, shuffled.
  PagedPool(const PoolShape& shape, const std::vector<PoolSequence>& sequences,
            const std::vector<int>& block_ids, Random* random)
      : shape_(shape), sequences_(sequences) {
    int needed = 0;
    for (const PoolSequence& sequence : sequences_) {
      const int blocks =
          (std::max(sequence.context_length, 0) + shape_.block_size - 1) / shape_.block_size;
      most_blocks_ = std::max(most_blocks_, blocks);
      needed += blocks;
    }
    if (shape_.num_blocks == 0) {
      shape_.num_blocks = needed + 3;
    }
    layer_ = layer_of(shape_, 0);
    pool_ = std::make_unique<DeviceBytes>(shape_.num_blocks * layer_.block_bytes);
    layer_.pool = pool_->address();
    fill(block_ids, random);
  }

  const pagoda_kv_layer& layer() const { return layer_; }
  uint64_t tables() const { return tables_->address(); }
  int64_t table_stride() const { return most_blocks_; }

  const float* key(int seq, int token, int head) const {
    return &keys_[seq][(int64_t{token} * shape_.num_kv_heads + head) * shape_.key_head_dim];
  }
  const float* value(int seq, int token, int head) const {
    return &values_[seq][(int64_t{token} * shape_.num_kv_heads + head) * shape_.value_head_dim];
  }

 private:
  void fill(const std::vector<int>& block_ids, Random* random) {
    std::vector<int> ids(shape_.num_blocks);
    std::iota(ids.begin(), ids.end(), 0);
    for (size_t i = ids.size(); i > 1; --i) {
      std::swap(ids[i - 1], ids[random->below(static_cast<int>(i))]);
    }
    // Wanted ids come first; the shuffled rest may not repeat them.
    std::vector<int> order = block_ids;
    for (const int id : ids) {
      if (std::find(block_ids.begin(), block_ids.end(), id) == block_ids.end()) {
        order.push_back(id);
      }
    }
    const auto num_seqs = sequences_.size();
    std::vector<int32_t> tables(num_seqs * most_blocks_, -1);
    keys_.resize(num_seqs);
    values_.resize(num_seqs);
    std::vector<char> block(layer_.block_bytes);
    size_t next = 0;
    for (size_t seq = 0; seq < num_seqs; ++seq) {
      const int length = std::max(0, sequences_[seq].context_length);
      const int first_visible = sequences_[seq].first_visible;
      keys_[seq].resize(int64_t{length} * shape_.num_kv_heads * shape_.key_head_dim);
      values_[seq].resize(int64_t{length} * shape_.num_kv_heads * shape_.value_head_dim);
      for (float& key : keys_[seq]) {
        key = rounded(random->normal(), shape_.dtype);
      }
      for (float& value : values_[seq]) {
        value = rounded(random->normal(), shape_.value_dtype());
      }
      for (int first = 0; first < length; first += shape_.block_size) {
        // Blocks before the window were given back: their table entries are no ids any more.
        if (first + shape_.block_size <= first_visible) {
          continue;
        }
        const int id = order[next++];
        tables[seq * most_blocks_ + first / shape_.block_size] = id;
        std::memset(block.data(), 0xff, block.size());
        const int end = std::min(length, first + shape_.block_size);
        for (int token = std::max(first, first_visible); token < end; ++token) {
          write_token(static_cast<int>(seq), token, token - first, &block);
        }
        pool_->write(block.data(), block.size(), id * layer_.block_bytes);
      }
    }
    tables_ = std::make_unique<DeviceBytes>(tables.size() * 4);
    write_all(*tables_, tables);
  }

  void write_token(int seq, int token, int slot, std::vector<char>* block) {
    const int key_bytes = element_bytes(shape_.dtype);
    const int value_bytes = element_bytes(shape_.value_dtype());
    for (int head = 0; head < shape_.num_kv_heads; ++head) {
      char* key_row = block->data() + layer_.key_base_bytes + head * layer_.key_tile_bytes +
                      int64_t{slot} * shape_.key_head_dim * key_bytes;
      for (int dim = 0; dim < shape_.key_head_dim; ++dim) {
        store(key_row + dim * key_bytes, shape_.dtype, key(seq, token, head)[dim]);
      }
      char* value_row = block->data() + layer_.value_base_bytes + head * layer_.value_tile_bytes +
                        int64_t{slot} * shape_.value_head_dim * value_bytes;
      for (int dim = 0; dim < shape_.value_head_dim; ++dim) {
        store(value_row + dim * value_bytes, shape_.value_dtype(), value(seq, token, head)[dim]);
      }
    }
  }

  PoolShape shape_;
  const std::vector<PoolSequence> sequences_;
  int most_blocks_ = 1;
  pagoda_kv_layer layer_{};
  std::unique_ptr<DeviceBytes> pool_;
  std::unique_ptr<DeviceBytes> tables_;
  std::vector<std::vector<float>> keys_;    // per sequence [tokens, num_kv_heads, key_head_dim]
  std::vector<std::vector<float>> values_;  // per sequence [tokens, num_kv_heads, value_head_dim]
};

}  // namespace fixture

#endif
