// Runs of a tensor core prefill kernel in orders of events that seeds decide, and their cases.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "attention/paged_prefill.h"
#include "kernel/attention_cases.h"
#include "kernel/attention_rows.h"
#include "kernel/kernel_fixture.h"
#include "kernel/paged_pool.h"
#include "machine.h"

namespace emulated_prefill {

using namespace fixture;

/// A kernel for one element type and head dims up to a width.
struct Instance {
  pagoda_dtype dtype;
  int head_dim;
  decltype(&pagoda::launch_sm80_paged_prefill<__nv_bfloat16, 64>) launch;
};

struct Rows {
  int context_length;  // these rows included
  int query_length;
};

struct PrefillCase : AttentionCase {
  std::vector<Rows> sequences;
  bool is_causal = true;
  int padded_rows = 0;          // rows of no sequence, behind the others
  int num_single_rows = 0;      // sequences of one row at the end, left to decode
  int num_multiprocessors = 8;  // few of them get query tiles of more rows
};

class PrefillRun {
 public:
  PrefillRun(const PrefillCase& what, const Instance& instance, uint64_t seed)
      : case_(what),
        instance_(instance),
        random_(seed),
        num_seqs_(static_cast<int>(what.sequences.size())),
        pool_(what.shape, sequences_of(what), what.block_ids, &random_),
        lengths_(num_seqs_ * 4),
        row_starts_((num_seqs_ + 1) * 4),
        rows_(what, num_rows(), what.num_single_rows + what.padded_rows, &random_),
        workspace_(16) {
    std::vector<int32_t> lengths;
    std::vector<int32_t> row_starts = {0};
    for (const Rows& rows : what.sequences) {
      lengths.push_back(rows.context_length);
      row_starts.push_back(row_starts.back() + rows.query_length);
    }
    write_all(lengths_, lengths);
    write_all(row_starts_, row_starts);
    workspace_.clear();
  }

  /// Runs once as nobody disturbs it: near float64, and what other orders must give to the bit.
  bool is_right() {
    const int false_before = num_false_claims;
    const std::string fault = run(0, &expected_);
    if (!fault.empty()) {
      std::fprintf(stderr, "%s\n", fault.c_str());
      return false;
    }
    std::vector<AttentionRows::Place> places;
    for (int seq = 0; seq < num_seqs_ - case_.num_single_rows; ++seq) {
      const Rows& rows = case_.sequences[seq];
      for (int i = 0; i < rows.query_length; ++i) {
        places.push_back(place_of(case_, seq, rows, rows.context_length - rows.query_length + i));
      }
    }
    rows_.compare(pool_, places, case_.title);
    return num_false_claims == false_before;
  }

  /// What goes wrong in the order of events of a seed; empty if nothing does.
  std::string fault_of(uint64_t seed) {
    std::vector<char> results;
    const std::string fault = run(seed, &results);
    const std::string where = case_.title + ", seed " + std::to_string(seed) + ": ";
    if (!fault.empty()) {
      return where + fault;
    }
    return results == expected_ ? "" : where + "other bits than in other orders";
  }

 private:
  std::string run(uint64_t seed, std::vector<char>* results) {
    emulated::set_seed(seed);
    rows_.poison_results();
    pagoda::LaunchDevice device{};
    device.num_multiprocessors = case_.num_multiprocessors;
    device.most_shared_bytes_per_cta = 227 << 10;
    check(instance_.launch(params(), device, nullptr), case_.title.c_str());
    try {
      emulated::run_queued();
    } catch (const emulated::Fault& fault) {
      return fault.what();
    }
    for (const char byte : workspace_.read()) {
      if (byte != 0) {
        return "the workspace is not left as it was";
      }
    }
    for (const DeviceBytes* array : {&rows_.output_bytes(), &rows_.lse_bytes()}) {
      const std::vector<char> bytes = array->read();
      results->insert(results->end(), bytes.begin(), bytes.end());
    }
    return "";
  }

  static AttentionRows::Place place_of(const PrefillCase& what, int seq, const Rows& rows,
                                       int position) {
    return {seq, position,
            what.window_tokens == 0 ? 0 : std::max(0, position - what.window_tokens + 1),
            what.is_causal ? position + 1 : rows.context_length};
  }

  static std::vector<PoolSequence> sequences_of(const PrefillCase& what) {
    std::vector<PoolSequence> sequences;
    for (const Rows& rows : what.sequences) {
      const int first_position = rows.context_length - rows.query_length;
      sequences.push_back({rows.context_length, place_of(what, 0, rows, first_position).begin});
    }
    return sequences;
  }

  /// Without those that are left to decode.
  int num_rows() const {
    int num_rows = -case_.num_single_rows;
    for (const Rows& rows : case_.sequences) {
      num_rows += rows.query_length;
    }
    return num_rows;
  }

  template <typename Pointee>
  static Pointee* at(uint64_t address) {
    return reinterpret_cast<Pointee*>(static_cast<uintptr_t>(address));
  }

  pagoda::PrefillParams params() const {
    pagoda_paged_prefill_params p{};
    rows_.use(pool_, workspace_, &p);
    const pagoda_kv_layer& layer = p.layer;
    pagoda::PrefillParams prefill{};
    prefill.pool = at<const char>(layer.pool);
    prefill.block_bytes = layer.block_bytes;
    prefill.key_base_bytes = layer.key_base_bytes;
    prefill.value_base_bytes = layer.value_base_bytes;
    prefill.key_tile_bytes = layer.key_tile_bytes;
    prefill.value_tile_bytes = layer.value_tile_bytes;
    prefill.queries = at<const void>(p.queries);
    prefill.output = at<void>(p.output);
    prefill.maybe_lse = at<float>(p.maybe_lse);
    prefill.block_tables = at<const int32_t>(p.block_tables);
    prefill.context_lengths = at<const int32_t>(lengths_.address());
    prefill.cumulative_query_lengths = at<const int32_t>(row_starts_.address());
    prefill.maybe_alibi_slopes = at<const float>(p.maybe_alibi_slopes);
    prefill.maybe_sinks = at<const float>(p.maybe_sinks);
    prefill.grabs_taken = at<uint32_t>(workspace_.address());
    prefill.query_row_stride_bytes = p.query_row_stride_bytes;
    prefill.output_row_stride_bytes = p.output_row_stride_bytes;
    prefill.block_table_stride = p.block_table_stride;
    prefill.num_seqs = num_seqs_;
    prefill.num_tokens = num_rows() + case_.num_single_rows + case_.padded_rows;
    prefill.num_query_heads = p.num_query_heads;
    prefill.num_kv_heads = layer.num_kv_heads;
    prefill.group_size = p.num_query_heads / layer.num_kv_heads;
    prefill.num_blocks = layer.num_blocks;
    prefill.block_size = layer.block_size;
    prefill.key_head_dim = layer.key_head_dim;
    prefill.value_head_dim = layer.value_head_dim;
    prefill.window_tokens = p.window_tokens;
    prefill.key_dtype = static_cast<pagoda::DType>(layer.key_dtype);
    prefill.value_dtype = static_cast<pagoda::DType>(layer.value_dtype);
    prefill.row_dtype = static_cast<pagoda::DType>(p.row_dtype);
    prefill.is_causal = case_.is_causal;
    prefill.skips_single_rows = case_.num_single_rows > 0;
    prefill.softmax_scale = p.softmax_scale;
    prefill.logit_soft_cap = p.logit_soft_cap;
    return prefill;
  }

  const PrefillCase case_;
  const Instance instance_;
  Random random_;
  const int num_seqs_;
  PagedPool pool_;
  DeviceBytes lengths_;
  DeviceBytes row_starts_;
  AttentionRows rows_;
  DeviceBytes workspace_;  // of which only the counter of grabs is used
  std::vector<char> expected_;
};

/// The narrowest instance of the case's type that is wide enough.
template <size_t kNumInstances>
const Instance* find_instance(const AttentionCase& what,
                              const Instance (&instances)[kNumInstances]) {
  const int head_dim = std::max(what.shape.key_head_dim, what.shape.value_head_dim);
  for (const Instance& instance : instances) {
    if (instance.dtype == what.shape.dtype && instance.head_dim >= head_dim) {
      return &instance;
    }
  }
  return nullptr;
}

/// Attends as nobody disturbs it, and in the orders of so many seeds.
inline void claim_any_order_is_right(const PrefillCase& what, const Instance& instance,
                                     uint64_t num_seeds) {
  PrefillRun run(what, instance, 7);
  CLAIM(run.is_right());
  for (uint64_t seed = 1; seed <= num_seeds; ++seed) {
    const std::string fault = run.fault_of(seed);
    if (!fault.empty()) {
      std::fprintf(stderr, "%s\n", fault.c_str());
      CLAIM(!"every order of events gives the same bits");
      return;
    }
  }
}

inline void set_heads(PrefillCase* what, int num_kv_heads, int group_size, int head_dim) {
  what->shape.num_kv_heads = num_kv_heads;
  what->num_query_heads = num_kv_heads * group_size;
  what->shape.key_head_dim = what->shape.value_head_dim = head_dim;
}

inline std::vector<PrefillCase> cases() {
  PrefillCase plain;
  set_heads(&plain, 1, 2, 64);
  // A row alone, whole prompts, chunks, a sequence without rows, an empty one.
  plain.sequences = {{1, 1}, {17, 17}, {0, 0}, {130, 3}, {90, 0}, {65, 40}};
  CaseList<PrefillCase> cases(plain, true);
  const auto bf16 = PAGODA_DTYPE_BF16;
  const auto fp16 = PAGODA_DTYPE_FP16;
  cases.add(bf16, "head dim 64", [](PrefillCase&) {});
  cases.add(fp16, "head dim 96, group of 1", [](PrefillCase& c) { set_heads(&c, 2, 1, 96); });
  cases.add(bf16, "head dim 128, group of 4", [](PrefillCase& c) { set_heads(&c, 1, 4, 128); });
  cases.add(fp16, "head dim 256", [](PrefillCase& c) { set_heads(&c, 1, 1, 256); });
  cases.add(bf16, "head dim 40, group of 17", [](PrefillCase& c) {
    set_heads(&c, 1, 17, 40);
    c.sequences = {{70, 5}};
  });
  cases.add("values wider than keys", [](PrefillCase& c) {
    c.shape.key_head_dim = 64;
    c.shape.value_head_dim = 96;
    c.shape.dtype = PAGODA_DTYPE_FP16;
  });
  for (const int block_size : {1, 8, 12, 32, 128}) {
    cases.add("blocks of " + std::to_string(block_size),
              [&](PrefillCase& c) { c.shape.block_size = block_size; });
  }
  cases.add(bf16, "two row tiles for each warp", [](PrefillCase& c) {
    c.num_multiprocessors = 1;
    c.sequences = {{150, 140}};
  });
  cases.add("a long context", [](PrefillCase& c) {
    set_heads(&c, 1, 1, 64);
    c.sequences = {{500, 20}};
  });
  cases.add("maxima that rise from tile to tile", [](PrefillCase& c) {
    set_heads(&c, 1, 4, 64);
    c.has_alibi = true;
    c.sequences = {{300, 20}, {70, 70}};
  });
  cases.add("more sequences than a warp has lanes", [](PrefillCase& c) {
    set_heads(&c, 1, 1, 64);
    c.sequences.clear();
    for (int i = 0; i < 36; ++i) {
      c.sequences.push_back({i % 5 + 3, i % 4 == 0 ? 0 : i % 3 + 1});
    }
  });
  cases.add("rows of no sequence at the end", [](PrefillCase& c) { c.padded_rows = 77; });
  cases.add("rows ahead of their context",
            [](PrefillCase& c) { c.sequences = {{0, 3}, {2, 5}, {20, 100}}; });
  cases.add("single rows are left to decode", [](PrefillCase& c) {
    c.sequences = {{17, 17}, {40, 2}, {65, 1}, {3, 1}};
    c.num_single_rows = 2;
  });
  cases.add("not causal, window of 30", [](PrefillCase& c) {
    c.is_causal = false;
    c.window_tokens = 30;
  });
  cases.add("window of 30", [](PrefillCase& c) { c.window_tokens = 30; });
  cases.add("window, soft cap, ALiBi and sinks", [](PrefillCase& c) {
    c.window_tokens = 70;
    c.logit_soft_cap = 5.0f;
    c.has_alibi = true;
    c.has_sinks = true;
  });
  cases.add("FP32 rows over a BF16 pool", [](PrefillCase& c) { c.row_dtype = PAGODA_DTYPE_FP32; });
  cases.add("rows that lie on no 16 bytes", [](PrefillCase& c) { c.row_padding = 1; });
  return cases.all();
}

/// A bug, and the case that shows it.
struct PlantedBug {
  const char* what;
  const char* title;
};

/// Looks for the bugs, or for the one that the program was called with; its exit status.
template <size_t kNumBugs, size_t kNumInstances>
int find_planted_bugs(const PlantedBug (&bugs)[kNumBugs], const std::vector<PrefillCase>& cases,
                      const Instance (&instances)[kNumInstances], int argc, char** argv) {
  constexpr uint64_t kMostSeeds = 100;
  const int only = argc > 1 ? std::atoi(argv[1]) : 0;
  int number = 0;
  for (const PlantedBug& bug : bugs) {
    ++number;
    if (only != 0 && number != only) {
      continue;
    }
    std::string fault;
    for (const PrefillCase& what : cases) {
      if (what.title != bug.title) {
        continue;
      }
      emulated::planted = 0;
      PrefillRun run(what, *find_instance(what, instances), 7);
      CLAIM(run.is_right());
      emulated::planted = number;
      for (uint64_t seed = 1; fault.empty() && seed <= kMostSeeds; ++seed) {
        fault = run.fault_of(seed);
      }
    }
    std::printf("%d, %s\n  %.300s\n", number, bug.what, fault.c_str());
    CLAIM(!fault.empty());
  }
  return num_false_claims == 0 ? 0 : 1;
}

}  // namespace emulated_prefill
