// Paged prefill against a float64 reference: ragged batches, awkward shapes, poisoned outputs, NaN
// in every slot that no row sees.

#include <algorithm>
#include <string>

#include "attention_cases.h"
#include "attention_rows.h"
#include "kernel_fixture.h"
#include "paged_pool.h"

namespace {

using namespace fixture;

struct Rows {
  int context_length;  // these rows included
  int query_length;
};

struct PrefillCase : AttentionCase {
  std::vector<Rows> sequences;
  bool is_causal = true;
  int padded_rows = 0;  // rows behind those of the last sequence
};

/// Everything a case needs, on the host and on the device.
class PrefillRun {
 public:
  PrefillRun(const PrefillCase& what, uint64_t seed)
      : case_(what),
        random_(seed),
        num_seqs_(static_cast<int>(what.sequences.size())),
        pool_(what.shape, sequences_of(what), what.block_ids, &random_),
        lengths_(num_seqs_ * 4),
        cumulative_((num_seqs_ + 1) * 4),
        rows_(what, num_rows_of(what), what.padded_rows, &random_),
        workspace_(workspace_bytes()) {
    set_rows(case_.sequences);
    workspace_.clear();
  }

  pagoda_paged_prefill_params params() const {
    pagoda_paged_prefill_params params{};
    rows_.use(pool_, workspace_, &params);
    params.context_lengths = lengths_.address();
    params.cumulative_query_lengths = cumulative_.address();
    params.num_seqs = num_seqs_;
    params.num_tokens = num_rows_of(case_) + case_.padded_rows;
    params.is_causal = case_.is_causal ? 1 : 0;
    return params;
  }

  /// Tells the device of other rows, no more than those of the case.
  void set_rows(const std::vector<Rows>& sequences) {
    std::vector<int32_t> lengths;
    std::vector<int32_t> cumulative = {0};
    for (const Rows& rows : sequences) {
      lengths.push_back(rows.context_length);
      cumulative.push_back(cumulative.back() + rows.query_length);
    }
    write_all(lengths_, lengths);
    write_all(cumulative_, cumulative);
  }

  void poison_results() { rows_.poison_results(); }

  void launch(cudaStream_t stream) {
    const pagoda_paged_prefill_params p = params();
    pagoda_error error{};
    check(pagoda_paged_prefill(&p, stream, &error), error);
  }

  std::vector<char> output() const { return rows_.output(); }

  /// Compares with the reference for these rows, no more than those of the case.
  void compare(const std::vector<Rows>& sequences, const std::string& title) {
    std::vector<AttentionRows::Place> places;
    for (int seq = 0; seq < num_seqs_; ++seq) {
      const Rows& rows = sequences[seq];
      for (int i = 0; i < rows.query_length; ++i) {
        places.push_back(place_of(case_, seq, rows, rows.context_length - rows.query_length + i));
      }
    }
    rows_.compare(pool_, places, title);
  }

 private:
  static AttentionRows::Place place_of(const PrefillCase& what, int seq, const Rows& rows,
                                       int position) {
    return {seq, position,
            what.window_tokens == 0 ? 0 : std::max(0, position - what.window_tokens + 1),
            what.is_causal ? std::min(position + 1, rows.context_length) : rows.context_length};
  }

  static std::vector<PoolSequence> sequences_of(const PrefillCase& what) {
    std::vector<PoolSequence> sequences;
    for (const Rows& rows : what.sequences) {
      const int first_position = rows.context_length - rows.query_length;
      sequences.push_back({rows.context_length, place_of(what, 0, rows, first_position).begin});
    }
    return sequences;
  }

  static int num_rows_of(const PrefillCase& what) {
    int num_rows = 0;
    for (const Rows& rows : what.sequences) {
      num_rows += rows.query_length;
    }
    return num_rows;
  }

  int64_t workspace_bytes() const {
    int64_t workspace_bytes = 0;
    pagoda_error error{};
    pagoda_paged_prefill_params heads_alone{};
    heads_alone.layer = pool_.layer();
    heads_alone.num_query_heads = case_.num_query_heads;
    check(pagoda_paged_prefill_workspace(&heads_alone, &workspace_bytes, &error), error);
    return workspace_bytes;
  }

  const PrefillCase case_;
  Random random_;
  const int num_seqs_;
  PagedPool pool_;
  DeviceBytes lengths_;
  DeviceBytes cumulative_;
  AttentionRows rows_;
  DeviceBytes workspace_;
};

/// Lengths and rows change in device memory between replays of one captured launch.
void follows_rows_in_a_graph(const PrefillCase& what, uint64_t seed) {
  PrefillRun run(what, seed);
  CapturedLaunch captured([&](cudaStream_t stream) { run.launch(stream); });
  for (const double part : {0.0, 0.01, 0.3, 0.77, 1.0}) {
    std::vector<Rows> sequences;
    for (const Rows& rows : what.sequences) {
      const int context_length = static_cast<int>(std::ceil(rows.context_length * part));
      const int query_length = static_cast<int>(std::floor(rows.query_length * part));
      sequences.push_back({context_length, std::min(context_length, query_length)});
    }
    run.set_rows(sequences);
    run.poison_results();
    captured.replay(what.title);
    char title[160];
    std::snprintf(title, sizeof title, "%s, replayed at %.2f of its rows", what.title.c_str(),
                  part);
    run.compare(sequences, title);
  }
}

std::vector<PrefillCase> cases(bool is_short) {
  PrefillCase plain;
  // Whole prompts, chunks, single rows, sequences without rows, and an empty one.
  plain.sequences = {{1, 1},     {17, 17}, {0, 0},   {200, 3}, {65, 65}, {130, 1},
                     {300, 130}, {90, 0},  {64, 40}, {129, 2}, {400, 33}};
  CaseList<PrefillCase> cases(plain, is_short);
  cases.add_shapes();
  for (const pagoda_dtype dtype : cases.option_types()) {
    cases.add_options(dtype);
    cases.add(dtype, "not causal", [](PrefillCase& c) { c.is_causal = false; });
    cases.add(dtype, "not causal, window of 70", [](PrefillCase& c) {
      c.is_causal = false;
      c.window_tokens = 70;
    });
    cases.add(dtype, "not causal, ALiBi", [](PrefillCase& c) {
      c.is_causal = false;
      c.has_alibi = true;
    });
    cases.add(dtype, "rows of no sequence at the end", [](PrefillCase& c) { c.padded_rows = 77; });
    cases.add(dtype, "rows ahead of their context",
              [](PrefillCase& c) { c.sequences = {{0, 3}, {2, 5}, {20, 100}, {0, 1}}; });
    cases.add(dtype, "contexts that end with a tile of tokens, and beside one", [](PrefillCase& c) {
      c.sequences = {{128, 128}, {256, 140}, {127, 127}, {129, 129}, {384, 64}, {512, 2}};
    });
    cases.add(dtype, "one row for one sequence", [](PrefillCase& c) { c.sequences = {{1, 1}}; });
    cases.add(dtype, "decode rows alone",
              [](PrefillCase& c) { c.sequences = {{700, 1}, {3, 1}, {1, 1}, {256, 1}}; });
    cases.add(dtype, "no rows, padding alone", [](PrefillCase& c) {
      c.sequences = {{5, 0}, {0, 0}};
      c.padded_rows = 3;
    });
  }
  cases.add_mixtures();
  cases.add("values wider than keys", [](PrefillCase& c) {
    c.shape.key_head_dim = 64;
    c.shape.value_head_dim = 96;
  });
  if (is_short) {
    return cases.all();
  }
  cases.add("a whole prompt of 2500", [](PrefillCase& c) {
    c.num_query_heads = 8;
    c.sequences = {{2500, 2500}};
  });
  cases.add("a chunk of 300 behind 6000", [](PrefillCase& c) {
    c.shape.num_kv_heads = 1;
    c.sequences = {{6300, 300}};
  });
  cases.add("200 sequences of mixed rows", [](PrefillCase& c) {
    Random random(7);
    c.sequences.clear();
    for (int i = 0; i < 200; ++i) {
      const int query_length = i % 3 == 0 ? 1 : i % 17 == 0 ? 0 : random.below(60);
      c.sequences.push_back({query_length + random.below(200), query_length});
    }
  });
  cases.add("decode rows beside a long prompt", [](PrefillCase& c) {
    c.shape.num_kv_heads = 4;
    c.num_query_heads = 16;
    c.sequences = {{3000, 1}, {900, 900}, {5, 1}, {2048, 1}, {31, 2}};
  });
  cases.add_large_pools(
      [](PrefillCase& c, int length) { c.sequences = {{length, length / 2}, {1, 1}}; });
  return cases.all();
}

}  // namespace

int main(int argc, char** argv) {
  require_gpu();
  const CaseChoice choice(argc, argv);
  uint64_t seed = 1;
  for (const PrefillCase& what : cases(choice.is_short)) {
    ++seed;
    if (choice.takes(what)) {
      agrees_and_repeats<PrefillRun>(what, what.sequences, seed);
    }
  }
  PrefillCase growing;
  growing.title = "a captured launch";
  growing.sequences = {{1000, 200}, {3, 3}, {200, 1}, {64, 64}};
  follows_rows_in_a_graph(growing, seed++);
  growing.title = "a captured launch, FP32";
  growing.shape.dtype = growing.row_dtype = PAGODA_DTYPE_FP32;
  follows_rows_in_a_graph(growing, seed++);
  return num_false_claims == 0 ? 0 : 1;
}
