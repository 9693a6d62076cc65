// Paged decode against a float64 reference: awkward shapes, poisoned outputs, NaN in every slot
// that no sequence sees.

#include <algorithm>
#include <memory>
#include <string>

#include "attention_cases.h"
#include "attention_rows.h"
#include "device/launch_order.cuh"
#include "kernel_fixture.h"
#include "paged_pool.h"

namespace {

using namespace fixture;

struct DecodeCase : AttentionCase {
  std::vector<int> context_lengths;
};

struct Words {
  uint64_t target;
  uint64_t source;
  int64_t count;
};

/// What is there until the late writer comes.
enum class Before {
  kNoise,          // in lengths and tables
  kShorter,        // lengths, by a token
  kOtherBlocks,    // in tables
  kOneOtherBlock,  // in tables
  kNaN,            // in every block
};

/// Writes words long after it has let the next launch start.
__global__ void write_late(Words lengths, Words tables, Words pool) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  pagoda::let_later_launches_start();
#endif
  const long long start = clock64();
  while (clock64() - start < 100000) {
  }
  for (const Words& words : {lengths, tables, pool}) {
    for (int64_t i = threadIdx.x; i < words.count; i += blockDim.x) {
      reinterpret_cast<int32_t*>(words.target)[i] =
          reinterpret_cast<const int32_t*>(words.source)[i];
    }
  }
}

/// Everything a case needs, on the host and on the device.
class DecodeRun {
 public:
  DecodeRun(const DecodeCase& what, uint64_t seed)
      : case_(what),
        random_(seed),
        num_seqs_(static_cast<int>(what.context_lengths.size())),
        pool_(what.shape, sequences_of(what), what.block_ids, &random_),
        lengths_(num_seqs_ * 4),
        rows_(what, num_seqs_, 0, &random_),
        workspace_(workspace_bytes()) {
    set_lengths(case_.context_lengths);
    workspace_.clear();
  }

  pagoda_paged_decode_params params() const {
    pagoda_paged_decode_params params{};
    rows_.use(pool_, workspace_, &params);
    params.context_lengths = lengths_.address();
    params.num_seqs = num_seqs_;
    return params;
  }

  void set_lengths(const std::vector<int>& lengths) { write_all(lengths_, lengths); }

  /// Queues a launch behind one that writes lengths, tables and the pool last of all.
  void launch_behind_late_writer(Before before, cudaStream_t stream) {
    const pagoda_kv_layer& layer = pool_.layer();
    const bool is_pool_late = before == Before::kNaN;
    const uint64_t targets[] = {lengths_.address(), pool_.tables(), layer.pool};
    const int64_t counts[] = {num_seqs_, num_seqs_ * pool_.table_stride(),
                              is_pool_late ? layer.num_blocks * layer.block_bytes / 4 : 0};
    std::vector<std::unique_ptr<DeviceBytes>> sources;
    Words words[3];
    for (int i = 0; i < 3; ++i) {
      std::vector<int32_t> right(counts[i]);
      auto* target = reinterpret_cast<void*>(targets[i]);
      check(cudaMemcpy(right.data(), target, counts[i] * 4, cudaMemcpyDeviceToHost), "cudaMemcpy");
      sources.push_back(std::make_unique<DeviceBytes>(counts[i] * 4 + 4));
      write_all(*sources.back(), right);
      words[i] = {targets[i], sources.back()->address(), counts[i]};
      const std::vector<int32_t> wrong = wrong_words(before, i, right);
      check(cudaMemcpy(target, wrong.data(), counts[i] * 4, cudaMemcpyHostToDevice), "cudaMemcpy");
    }
    check(cudaDeviceSynchronize(), "before");
    write_late<<<1, 256, 0, stream>>>(words[0], words[1], words[2]);
    launch(stream);
    check(cudaDeviceSynchronize(), case_.title.c_str());
  }

  void poison_results() { rows_.poison_results(); }

  void launch(cudaStream_t stream) {
    const pagoda_paged_decode_params p = params();
    pagoda_error error{};
    check(pagoda_paged_decode(&p, stream, &error), error);
  }

  std::vector<char> output() const { return rows_.output(); }

  /// Compares with the reference for contexts of these lengths, at most those of the case.
  void compare(const std::vector<int>& lengths, const std::string& title) {
    std::vector<AttentionRows::Place> places;
    for (int seq = 0; seq < num_seqs_; ++seq) {
      const int length = std::max(0, lengths[seq]);
      places.push_back({seq, length - 1, first_visible(case_, length), length});
    }
    rows_.compare(pool_, places, title);
  }

 private:
  /// Of lengths (0), tables (1) and the pool (2).
  std::vector<int32_t> wrong_words(Before before, int array, std::vector<int32_t> words) {
    const auto num_blocks = static_cast<int>(pool_.layer().num_blocks);
    if (before == Before::kNaN && array == 2) {
      words.assign(words.size(), -1);
    }
    if (before == Before::kOneOtherBlock && array == 1) {
      // The first entry of a sequence is an id, if its context is not empty.
      words[random_.below(num_seqs_) * pool_.table_stride()] = random_.below(num_blocks);
    }
    for (int32_t& word : words) {
      if (before == Before::kNoise && array < 2) {
        word = static_cast<int32_t>(random_.bits() >> random_.below(32));
      } else if (before == Before::kShorter && array == 0) {
        word = std::max(0, word - 1);
      } else if (before == Before::kOtherBlocks && array == 1) {
        word = random_.below(num_blocks);
      }
    }
    return words;
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

  int64_t workspace_bytes() const {
    int64_t workspace_bytes = 0;
    pagoda_error error{};
    pagoda_paged_decode_params heads_alone{};
    heads_alone.layer = pool_.layer();
    heads_alone.num_query_heads = case_.num_query_heads;
    check(pagoda_paged_decode_workspace(&heads_alone, &workspace_bytes, &error), error);
    return workspace_bytes;
  }

  const DecodeCase case_;
  Random random_;
  const int num_seqs_;
  PagedPool pool_;
  DeviceBytes lengths_;
  AttentionRows rows_;
  DeviceBytes workspace_;
};

/// A launch may start before the one that writes its lengths, tables and blocks has done so.
void waits_for_late_writers(const DecodeCase& what, uint64_t seed) {
  DecodeRun run(what, seed);
  for (const Before before : {Before::kNoise, Before::kShorter, Before::kOtherBlocks,
                              Before::kOneOtherBlock, Before::kNaN}) {
    for (int i = 0; i < 3; ++i) {
      run.poison_results();
      run.launch_behind_late_writer(before, nullptr);
      run.compare(what.context_lengths,
                  what.title + ", before it " + std::to_string(static_cast<int>(before)));
    }
  }
}

/// Lengths grow in device memory between replays of one captured launch.
void follows_lengths_in_a_graph(const DecodeCase& what, uint64_t seed) {
  DecodeRun run(what, seed);
  CapturedLaunch captured([&](cudaStream_t stream) { run.launch(stream); });
  for (const double part : {0.0, 0.001, 0.3, 0.77, 1.0}) {
    std::vector<int> lengths;
    for (const int length : what.context_lengths) {
      lengths.push_back(static_cast<int>(std::ceil(length * part)));
    }
    run.set_lengths(lengths);
    run.poison_results();
    captured.replay(what.title);
    char title[160];
    std::snprintf(title, sizeof title, "%s, replayed at %.3f of its lengths", what.title.c_str(),
                  part);
    run.compare(lengths, title);
  }
}

std::vector<DecodeCase> cases(bool is_short) {
  DecodeCase plain;
  plain.context_lengths = {1, 15, 16, 17, 0, 63, 64, 65, 129, 1000};
  CaseList<DecodeCase> cases(plain, is_short);
  cases.add_shapes();
  for (const pagoda_dtype dtype : cases.option_types()) {
    cases.add_options(dtype);
    cases.add(dtype, "one token for one sequence", [](DecodeCase& c) { c.context_lengths = {1}; });
    cases.add(dtype, "nothing but empty contexts",
              [](DecodeCase& c) { c.context_lengths = {0, -1, 0}; });
  }
  cases.add_mixtures();
  if (is_short) {
    return cases.all();
  }
  cases.add("one long context, split over the device", [](DecodeCase& c) {
    c.shape.num_layers = 1;
    c.shape.layer = 0;
    c.shape.num_kv_heads = 8;
    c.num_query_heads = 32;
    c.context_lengths = {20011};
  });
  cases.add("one KV head, split over every CTA", [](DecodeCase& c) {
    c.shape.num_kv_heads = 1;
    c.num_query_heads = 16;
    c.context_lengths = {30000};
  });
  cases.add(PAGODA_DTYPE_FP32, "one long context", [](DecodeCase& c) {
    c.shape.num_kv_heads = 2;
    c.num_query_heads = 8;
    c.context_lengths = {16411};
  });
  cases.add("300 sequences of mixed lengths", [](DecodeCase& c) {
    Random random(7);
    c.context_lengths.clear();
    for (int i = 0; i < 300; ++i) {
      c.context_lengths.push_back(i % 17 == 0 ? 0 : random.below(600));
    }
  });
  cases.add("long beside short", [](DecodeCase& c) {
    c.shape.num_kv_heads = 4;
    c.num_query_heads = 32;
    c.context_lengths = {9000, 1, 1, 5, 3000, 2, 31, 1200};
  });
  cases.add_large_pools([](DecodeCase& c, int length) { c.context_lengths = {length, 1}; });
  return cases.all();
}

}  // namespace

int main(int argc, char** argv) {
  require_gpu();
  const CaseChoice choice(argc, argv);
  uint64_t seed = 1;
  for (const DecodeCase& what : cases(choice.is_short)) {
    ++seed;
    if (choice.takes(what)) {
      agrees_and_repeats<DecodeRun>(what, what.context_lengths, seed);
    }
  }
  DecodeCase late;
  late.title = "behind a late writer, few sequences";
  late.context_lengths = {1000, 3, 200, 64};
  waits_for_late_writers(late, seed++);
  if (!choice.is_short) {
    late.title = "behind a late writer, sequences on demand";
    late.shape.num_kv_heads = 8;
    late.num_query_heads = 32;
    late.context_lengths.assign(100, 500);
    waits_for_late_writers(late, seed++);
    late.title = "behind a late writer, mixed lengths";
    for (int i = 0; i < 100; ++i) {
      late.context_lengths[i] = i % 7 == 0 ? 3000 : i;
    }
    waits_for_late_writers(late, seed++);
  }
  DecodeCase growing;
  growing.title = "a captured launch";
  growing.context_lengths = {1000, 3, 200, 64};
  follows_lengths_in_a_graph(growing, seed++);
  growing.title = "a captured launch, FP32";
  growing.shape.dtype = growing.row_dtype = PAGODA_DTYPE_FP32;
  follows_lengths_in_a_graph(growing, seed++);
  return num_false_claims == 0 ? 0 : 1;
}
