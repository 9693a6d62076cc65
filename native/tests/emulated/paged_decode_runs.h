// Runs of the Hopper decode kernel in orders of events that seeds decide, and the cases for them.
#pragma once

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "attention/paged_decode.h"
#include "kernel/attention_cases.h"
#include "kernel/attention_rows.h"
#include "kernel/kernel_fixture.h"
#include "kernel/paged_pool.h"
#include "machine.h"

namespace emulated_decode {

using namespace fixture;

/// A kernel for one element type and head dim.
struct Instance {
  pagoda_dtype dtype;
  int head_dim;
  decltype(&pagoda::launch_sm90_paged_decode<__nv_bfloat16, 64>) launch;
};

struct DecodeCase : AttentionCase {
  std::vector<int> context_lengths;
  std::vector<int> query_lengths = {};  // where not 1 for each
  pagoda::DecodeTuning tuning{};
  int num_multiprocessors = 3;
  bool is_large = false;  // many times as slow as others
};

template <size_t kNumInstances>
const Instance* find_instance(const AttentionCase& what,
                              const Instance (&instances)[kNumInstances]) {
  for (const Instance& instance : instances) {
    if (instance.dtype == what.shape.dtype && instance.head_dim == what.shape.key_head_dim) {
      return &instance;
    }
  }
  return nullptr;
}

/// What is there until an earlier launch has ended.
enum class Before {
  kTruth,          // nothing is late
  kNaN,            // in every block
  kNoise,          // in lengths and tables
  kNoiseInTables,  // ids out of range
  kShorter,        // lengths, by a token
  kLonger,         // lengths, by a few granules
  kOneLonger,      // length, by a token
  kRotated,        // lengths and rows of tables, which others have
  kOtherBlocks,    // in tables
  kOneOtherBlock,  // in tables
};
constexpr int kNumBefore = 10;

/// Which launches overlap with the one that ends last.
enum class Around {
  kOneBehind,
  kTwoBehind,
  kOneAhead,  // where what is there before is no nonsense
};
constexpr int kNumAround = 3;

/// A word of device memory, and what an earlier launch writes to it.
struct LateWord {
  int32_t* place;
  int32_t right;
};

class DecodeRun {
 public:
  DecodeRun(const DecodeCase& what, const Instance& instance, uint64_t seed)
      : case_(what),
        instance_(instance),
        random_(seed),
        num_seqs_(static_cast<int>(what.context_lengths.size())),
        pool_(what.shape, sequences_of(what), what.block_ids, &random_),
        lengths_(num_seqs_ * 4),
        row_starts_(row_starts_of(what)),
        row_starts_device_((num_seqs_ + 1) * 4),
        rows_(what, num_seqs_, std::max(0, row_starts_.back() - num_seqs_), &random_),
        counters_(most_grabs() * 4),
        grabs_taken_(4),
        partials_(2 * most_grabs() * partial_bytes()) {
    write_all(lengths_, what.context_lengths);
    write_all(row_starts_device_, row_starts_);
    clear_counters();
  }

  /// Runs once as nobody disturbs it: near float64, and what other orders must give to the bit.
  bool is_right() {
    const int false_before = num_false_claims;
    emulated::set_seed(0);
    poison();
    launch();
    emulated::run_queued();
    compare(case_.title);
    expected_ = results();
    return num_false_claims == false_before;
  }

  /// What goes wrong in the order of events of a seed; empty if nothing does.
  std::string fault_of(uint64_t seed) {
    const auto before = static_cast<Before>(seed % kNumBefore);
    const auto around = static_cast<Around>((seed + seed / kNumBefore) % kNumAround);
    const std::string where = case_.title + ", before it " + std::to_string(seed % kNumBefore) +
                              ", seed " + std::to_string(seed) + ": ";
    emulated::set_seed(seed);
    random_ = Random(seed);
    poison();
    std::vector<LateWord> late;
    make_wrong(before, &late);
    try {
      const bool is_valid = before != Before::kNoise && before != Before::kNoiseInTables &&
                            before != Before::kLonger && before != Before::kOneLonger;
      const bool has_run = around == Around::kOneAhead && is_valid;
      if (has_run) {
        launch();
      }
      queue_writer(late, !has_run);
      launch();
      if (around == Around::kTwoBehind) {
        launch();
      }
      emulated::run_queued();
    } catch (const emulated::Fault& fault) {
      for (const LateWord& word : late) {
        *word.place = word.right;
      }
      clear_counters();
      return where + fault.what();
    }
    if (!counters_are_zero()) {
      clear_counters();
      return where + "a counter is not 0";
    }
    return results() == expected_ ? "" : where + "other bits than in other orders";
  }

 private:
  void launch() {
    const pagoda::DecodeParams p = params();
    pagoda::LaunchDevice device{};
    device.num_multiprocessors = case_.num_multiprocessors;
    device.shared_bytes_per_multiprocessor = 228 << 10;
    device.reserved_shared_bytes_per_cta = 1 << 10;
    device.most_shared_bytes_per_cta = 227 << 10;
    device.image_architecture = 90;
    check(instance_.launch(p, case_.tuning, device, nullptr), case_.title.c_str());
  }

  void poison() {
    rows_.poison_results();
    partials_.poison();
  }

  void clear_counters() {
    counters_.clear();
    grabs_taken_.clear();
  }

  /// Queues a launch that writes words, one by one or many at once.
  void queue_writer(std::vector<LateWord> words, bool is_first) {
    for (size_t i = words.size(); i > 1; --i) {
      std::swap(words[i - 1], words[random_.below(static_cast<int>(i))]);
    }
    const int most_at_once = 1 << random_.below(12);
    std::vector<std::function<void()>> steps;
    for (size_t first = 0; first < words.size();) {
      const size_t end = std::min(words.size(), first + 1 + random_.below(most_at_once));
      const std::vector<LateWord> some(words.begin() + first, words.begin() + end);
      steps.push_back([some] {
        for (const LateWord& word : some) {
          *word.place = word.right;
        }
      });
      first = end;
    }
    if (is_first) {
      const std::vector<char> untouched = results();
      steps.push_back([this, untouched] {
        if (results() != untouched) {
          emulated::fail("results are written ahead of the wait for earlier launches");
        }
      });
    }
    emulated::queue_steps(std::move(steps));
  }

  /// Output, and LSE behind it, as they are: nothing is waited for.
  std::vector<char> results() const {
    std::vector<char> bytes;
    for (const DeviceBytes* array : {&rows_.output_bytes(), &rows_.lse_bytes()}) {
      const char* place = at<const char>(array->address());
      bytes.insert(bytes.end(), place, place + array->size());
    }
    return bytes;
  }

  bool counters_are_zero() const {
    const auto is_zero = [](char byte) { return byte == 0; };
    const std::vector<char> counters = counters_.read();
    const std::vector<char> grabs_taken = grabs_taken_.read();
    return std::all_of(counters.begin(), counters.end(), is_zero) &&
           std::all_of(grabs_taken.begin(), grabs_taken.end(), is_zero);
  }

  void compare(const std::string& title) {
    std::vector<AttentionRows::Place> places;
    for (int seq = 0; seq < num_seqs_; ++seq) {
      if (row_starts_[seq + 1] - row_starts_[seq] != 1) {
        continue;
      }
      const int length = std::max(0, case_.context_lengths[seq]);
      places.push_back({seq, length - 1, first_visible(case_, length), length});
    }
    rows_.compare(pool_, places, title);
  }

  static int first_visible(const DecodeCase& what, int length) {
    return what.window_tokens == 0 ? 0 : std::max(0, length - what.window_tokens);
  }

  static std::vector<PoolSequence> sequences_of(const DecodeCase& what) {
    std::vector<PoolSequence> sequences;
    for (const int length : what.context_lengths) {
      sequences.push_back({length, first_visible(what, length)});
    }
    return sequences;
  }

  static std::vector<int32_t> row_starts_of(const DecodeCase& what) {
    std::vector<int32_t> starts = {0};
    for (size_t seq = 0; seq < what.context_lengths.size(); ++seq) {
      starts.push_back(starts.back() + (what.query_lengths.empty() ? 1 : what.query_lengths[seq]));
    }
    return starts;
  }

  int64_t most_grabs() const { return pagoda::max_decode_grabs(case_.num_multiprocessors); }

  bool is_pool_small() const {
    return pool_.layer().num_blocks * pool_.layer().block_bytes < (int64_t{64} << 20);
  }

  int64_t partial_bytes() const {
    const int tile_rows = case_.num_query_heads / case_.shape.num_kv_heads <= 8 ? 8 : 16;
    return int64_t{4} * tile_rows * (case_.shape.value_head_dim + 2);
  }

  template <typename Pointee>
  static Pointee* at(uint64_t address) {
    return reinterpret_cast<Pointee*>(static_cast<uintptr_t>(address));
  }

  pagoda::DecodeParams params() const {
    pagoda_paged_decode_params p{};
    rows_.use(pool_, counters_, &p);
    const pagoda_kv_layer& layer = p.layer;
    pagoda::DecodeParams decode{};
    decode.pool = at<const char>(layer.pool);
    decode.block_bytes = layer.block_bytes;
    decode.key_base_bytes = layer.key_base_bytes;
    decode.value_base_bytes = layer.value_base_bytes;
    decode.key_tile_bytes = layer.key_tile_bytes;
    decode.value_tile_bytes = layer.value_tile_bytes;
    decode.queries = at<const void>(p.queries);
    decode.output = at<void>(p.output);
    decode.maybe_lse = at<float>(p.maybe_lse);
    decode.block_tables = at<const int32_t>(p.block_tables);
    decode.context_lengths = at<const int32_t>(lengths_.address());
    decode.maybe_alibi_slopes = at<const float>(p.maybe_alibi_slopes);
    decode.maybe_sinks = at<const float>(p.maybe_sinks);
    if (!case_.query_lengths.empty()) {
      decode.maybe_cumulative_query_lengths = at<const int32_t>(row_starts_device_.address());
    }
    decode.query_row_stride_bytes = p.query_row_stride_bytes;
    decode.output_row_stride_bytes = p.output_row_stride_bytes;
    decode.block_table_stride = p.block_table_stride;
    decode.counters = at<uint32_t>(counters_.address());
    decode.grabs_taken = at<uint32_t>(grabs_taken_.address());
    decode.partials = at<float>(partials_.address());
    decode.num_seqs = num_seqs_;
    decode.num_query_heads = p.num_query_heads;
    decode.num_kv_heads = layer.num_kv_heads;
    decode.group_size = p.num_query_heads / layer.num_kv_heads;
    decode.num_blocks = layer.num_blocks;
    decode.block_size = layer.block_size;
    decode.key_head_dim = layer.key_head_dim;
    decode.value_head_dim = layer.value_head_dim;
    decode.window_tokens = p.window_tokens;
    decode.key_dtype = static_cast<pagoda::DType>(layer.key_dtype);
    decode.value_dtype = static_cast<pagoda::DType>(layer.value_dtype);
    decode.row_dtype = static_cast<pagoda::DType>(p.row_dtype);
    decode.softmax_scale = p.softmax_scale;
    decode.logit_soft_cap = p.logit_soft_cap;
    return decode;
  }

  /// Makes lengths, tables or the pool wrong, and tells what is right.
  void make_wrong(Before before, std::vector<LateWord>* words) {
    const auto num_blocks = static_cast<int>(pool_.layer().num_blocks);
    const auto stride = static_cast<int>(pool_.table_stride());
    auto* lengths = at<int32_t>(lengths_.address());
    auto* tables = at<int32_t>(pool_.tables());
    const auto set = [&](int32_t* place, int32_t wrong) {
      words->push_back({place, *place});
      *place = wrong;
    };
    const auto noise = [&] {
      return random_.below(8) == 0 ? INT32_MAX - random_.below(20)
                                   : static_cast<int32_t>(random_.bits() >> random_.below(32));
    };
    const std::vector<int32_t> right_lengths(lengths, lengths + num_seqs_);
    const std::vector<int32_t> right_tables(tables, tables + num_seqs_ * stride);
    for (int seq = 0; seq < num_seqs_; ++seq) {
      const int other = (seq + 1) % num_seqs_;
      const int granules = 1 + random_.below(3);
      if (before == Before::kNoise) {
        set(&lengths[seq], noise());
      } else if (before == Before::kShorter) {
        set(&lengths[seq], std::max(0, lengths[seq] - 1));
      } else if (before == Before::kLonger) {
        set(&lengths[seq], lengths[seq] + granules * 16);
      } else if (before == Before::kRotated) {
        set(&lengths[seq], right_lengths[other]);
      }
      for (int i = 0; i < stride; ++i) {
        int32_t* place = &tables[seq * stride + i];
        if (before == Before::kNoise || before == Before::kNoiseInTables) {
          set(place, noise());
        } else if (before == Before::kOtherBlocks) {
          set(place, random_.below(num_blocks));
        } else if (before == Before::kRotated) {
          set(place, right_tables[other * stride + i]);
        }
      }
    }
    if (before == Before::kOneLonger) {
      const int seq = random_.below(num_seqs_);
      set(&lengths[seq], lengths[seq] + 1);
    } else if (before == Before::kOneOtherBlock) {
      set(&tables[random_.below(num_seqs_ * stride)], random_.below(num_blocks));
    } else if (before == Before::kNaN && is_pool_small()) {
      auto* pool = at<int32_t>(pool_.layer().pool);
      for (int64_t i = 0; i < num_blocks * pool_.layer().block_bytes / 4; ++i) {
        set(&pool[i], -1);
      }
    }
  }

  const DecodeCase case_;
  const Instance instance_;
  Random random_;
  const int num_seqs_;
  PagedPool pool_;
  DeviceBytes lengths_;
  const std::vector<int32_t> row_starts_;
  DeviceBytes row_starts_device_;
  AttentionRows rows_;
  DeviceBytes counters_;
  DeviceBytes grabs_taken_;
  DeviceBytes partials_;
  std::vector<char> expected_;
};

/// Heads of a case, and its width, which most cases keep small.
inline void set_heads(DecodeCase* what, int num_kv_heads, int group_size, int head_dim) {
  what->shape.num_kv_heads = num_kv_heads;
  what->num_query_heads = num_kv_heads * group_size;
  what->shape.key_head_dim = what->shape.value_head_dim = head_dim;
}

inline std::vector<DecodeCase> cases() {
  DecodeCase plain;
  plain.shape.num_layers = 1;
  plain.shape.layer = 0;
  set_heads(&plain, 2, 2, 64);
  plain.context_lengths = {1, 15, 0, 63, 64, 65, 200};
  CaseList<DecodeCase> cases(plain, true);
  const auto bf16 = PAGODA_DTYPE_BF16;
  const auto fp16 = PAGODA_DTYPE_FP16;
  cases.add(bf16, "head dim 64", [](DecodeCase&) {});
  cases.add(fp16, "head dim 80", [](DecodeCase& c) { set_heads(&c, 2, 2, 80); });
  cases.add(bf16, "head dim 96", [](DecodeCase& c) { set_heads(&c, 1, 5, 96); });
  cases.add(bf16, "head dim 128", [](DecodeCase& c) { set_heads(&c, 2, 1, 128); });
  cases.add(fp16, "head dim 128", [](DecodeCase& c) { set_heads(&c, 1, 8, 128); });
  cases.add(fp16, "head dim 256", [](DecodeCase& c) { set_heads(&c, 1, 3, 256); });
  for (const int slots : {2, 3, 4, 5, 24}) {
    cases.add("a ring of " + std::to_string(slots), [&](DecodeCase& c) {
      c.tuning.num_slots = slots;
      c.shape.layer = 1;
      c.shape.num_layers = 2;
    });
  }
  for (const int group : {7, 9, 16, 17}) {
    cases.add("group of " + std::to_string(group),
              [&](DecodeCase& c) { set_heads(&c, 1, group, 64); });
  }
  cases.add(fp16, "group of 12, head dim 80", [](DecodeCase& c) { set_heads(&c, 1, 12, 80); });
  for (const int block_size : {8, 24, 32, 128}) {
    cases.add("blocks of " + std::to_string(block_size),
              [&](DecodeCase& c) { c.shape.block_size = block_size; });
  }
  cases.add(fp16, "head dim 80, blocks of 8", [](DecodeCase& c) {
    set_heads(&c, 1, 2, 80);
    c.shape.block_size = 8;
  });

  // Schedules.
  cases.add("pieces of one granule", [](DecodeCase& c) {
    c.tuning.min_granules = 1;
    c.tuning.num_slots = 2;
    c.num_multiprocessors = 12;
    c.shape.block_size = 8;
  });
  cases.add("one long context over many CTAs", [](DecodeCase& c) {
    set_heads(&c, 1, 4, 64);
    c.context_lengths = {1201};
    c.num_multiprocessors = 9;
  });
  cases.add("pieces of many chunks", [](DecodeCase& c) {
    set_heads(&c, 1, 4, 64);
    c.shape.block_size = 8;
    c.context_lengths = {700, 3, 290};
    c.num_multiprocessors = 2;
    c.tuning.ctas_per_multiprocessor = 1;
  });
  for (const int slots : {2, 3, 0}) {
    cases.add("sequences on demand, a ring of " + std::to_string(slots), [&](DecodeCase& c) {
      c.context_lengths = {70, 64, 50, 0, 1, 66, 80, 13, 64, 64, 64, 64, 64, 64, 64, 64};
      c.num_multiprocessors = 4;
      c.tuning.ctas_per_multiprocessor = 1;
      c.tuning.num_slots = slots;
    });
  }
  cases.add("more sequences than lanes hold", [](DecodeCase& c) {
    set_heads(&c, 1, 1, 64);
    c.is_large = true;
    c.context_lengths.clear();
    for (int i = 0; i < 300; ++i) {
      c.context_lengths.push_back(i % 17 == 0 ? 0 : i % 19);
    }
  });
  cases.add("as many sequences as lanes hold", [](DecodeCase& c) {
    set_heads(&c, 1, 1, 64);
    c.is_large = true;
    c.context_lengths.assign(288, 3);
    c.context_lengths[287] = 90;
  });
  cases.add("more stripes than CTAs", [](DecodeCase& c) {
    set_heads(&c, 8, 1, 64);
    c.context_lengths = {5, 130};
    c.tuning.ctas_per_multiprocessor = 1;
  });
  cases.add("more CTAs than work", [](DecodeCase& c) {
    c.context_lengths = {3};
    c.num_multiprocessors = 12;
    c.tuning.ctas_per_multiprocessor = 3;
  });
  cases.add("nothing but empty contexts", [](DecodeCase& c) { c.context_lengths = {0, -1, 0}; });
  cases.add("many empty contexts", [](DecodeCase& c) { c.context_lengths.assign(20, 0); });
  cases.add("sequences with other rows than one are left out",
            [](DecodeCase& c) { c.query_lengths = {1, 0, 1, 1, 0, 1, 3}; });

  // Options.
  cases.add(bf16, "window of 1", [](DecodeCase& c) { c.window_tokens = 1; });
  cases.add(fp16, "window, soft cap, ALiBi and sinks", [](DecodeCase& c) {
    set_heads(&c, 2, 2, 128);
    c.window_tokens = 70;
    c.logit_soft_cap = 5.0f;
    c.has_alibi = true;
    c.has_sinks = true;
  });
  cases.add("FP32 rows over a BF16 pool", [](DecodeCase& c) { c.row_dtype = PAGODA_DTYPE_FP32; });
  cases.add("BF16 rows over an FP16 pool, head dim 80", [](DecodeCase& c) {
    set_heads(&c, 1, 9, 80);
    c.shape.dtype = PAGODA_DTYPE_FP16;
  });
  cases.add(bf16, "rows with padding between them", [](DecodeCase& c) { c.row_padding = 8; });
  cases.add("a pool beyond 2^32 bytes", [](DecodeCase& c) {
    set_heads(&c, 8, 4, 128);
    c.shape.num_blocks = 80000;  // of 64 KiB
    c.block_ids = {79999, 65537, 65536, 65535, 32769, 32768, 32767, 16384, 0, 1};
    c.context_lengths = {70, 1};
  });
  return cases.all();
}

}  // namespace emulated_decode
