// Paged decode against a float64 reference: awkward shapes, poisoned outputs, NaN in every slot
// that no sequence sees.

#include <algorithm>
#include <string>

#include "attention_rows.h"
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

/// Writes words long after it has let the next launch start.
__global__ void write_late(Words lengths, Words tables) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
  const long long start = clock64();
  while (clock64() - start < 100000) {
  }
  for (const Words& words : {lengths, tables}) {
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

  /// Queues a launch behind one that writes lengths and tables last of all; before, they are noise.
  void launch_behind_late_writer(cudaStream_t stream) {
    const size_t table_bytes = num_seqs_ * pool_.table_stride() * 4;
    DeviceBytes lengths(lengths_.size());
    DeviceBytes tables(table_bytes);
    const Words words[] = {
        {lengths_.address(), lengths.address(), num_seqs_},
        {pool_.tables(), tables.address(), static_cast<int64_t>(table_bytes / 4)}};
    for (const Words& each : words) {
      std::vector<uint32_t> noise(each.count);
      for (uint32_t& word : noise) {
        word = static_cast<uint32_t>(random_.bits() >> random_.below(32));
      }
      auto* target = reinterpret_cast<void*>(each.target);
      check(cudaMemcpy(reinterpret_cast<void*>(each.source), target, each.count * 4,
                       cudaMemcpyDeviceToDevice),
            "cudaMemcpy");
      check(cudaMemcpy(target, noise.data(), each.count * 4, cudaMemcpyHostToDevice), "cudaMemcpy");
    }
    check(cudaDeviceSynchronize(), "noise");
    write_late<<<1, 256, 0, stream>>>(words[0], words[1]);
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

void agrees_and_repeats(const DecodeCase& what, uint64_t seed) {
  DecodeRun run(what, seed);
  run.poison_results();
  run.launch(nullptr);
  check(cudaDeviceSynchronize(), what.title.c_str());
  run.compare(what.context_lengths, what.title);
  const std::vector<char> first = run.output();
  for (int i = 0; i < 3; ++i) {
    run.poison_results();
    run.launch(nullptr);
  }
  check(cudaDeviceSynchronize(), what.title.c_str());
  CLAIM(run.output() == first);
}

/// A launch may start before the one that writes its lengths and tables has done so.
void waits_for_late_writers(const DecodeCase& what, uint64_t seed) {
  DecodeRun run(what, seed);
  for (int i = 0; i < 5; ++i) {
    run.poison_results();
    run.launch_behind_late_writer(nullptr);
    run.compare(what.context_lengths, what.title);
  }
}

/// Lengths grow in device memory between replays of one captured launch.
void follows_lengths_in_a_graph(const DecodeCase& what, uint64_t seed) {
  DecodeRun run(what, seed);
  cudaStream_t stream;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate");
  cudaGraph_t graph;
  cudaGraphExec_t executable;
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "begin capture");
  run.launch(stream);
  check(cudaStreamEndCapture(stream, &graph), "end capture");
  check(cudaGraphInstantiate(&executable, graph, 0), "instantiate");
  for (const double part : {0.0, 0.001, 0.3, 0.77, 1.0}) {
    std::vector<int> lengths;
    for (const int length : what.context_lengths) {
      lengths.push_back(static_cast<int>(std::ceil(length * part)));
    }
    run.set_lengths(lengths);
    run.poison_results();
    check(cudaDeviceSynchronize(), "before replay");
    check(cudaGraphLaunch(executable, stream), "replay");
    check(cudaStreamSynchronize(stream), what.title.c_str());
    char title[160];
    std::snprintf(title, sizeof title, "%s, replayed at %.3f of its lengths", what.title.c_str(),
                  part);
    run.compare(lengths, title);
  }
  check(cudaGraphExecDestroy(executable), "destroy");
  check(cudaGraphDestroy(graph), "destroy");
  check(cudaStreamDestroy(stream), "destroy");
}

std::vector<DecodeCase> cases(bool is_short) {
  const std::vector<int> awkward = {1, 15, 16, 17, 0, 63, 64, 65, 129, 1000};
  std::vector<DecodeCase> all;
  const auto add = [&](const std::string& title, auto change) {
    DecodeCase what;
    what.title = title;
    what.context_lengths = awkward;
    change(what);
    all.push_back(what);
  };
  const char* names[] = {"FP32", "FP16", "BF16"};
  for (const pagoda_dtype dtype : {PAGODA_DTYPE_BF16, PAGODA_DTYPE_FP16, PAGODA_DTYPE_FP32}) {
    for (const int dim : {64, 80, 96, 112, 128, 192, 256, 40, 72, 33}) {
      if (is_short && dim != 64 && dim != 80 && dim != 256) {
        continue;
      }
      add(std::string(names[dtype]) + ", head dim " + std::to_string(dim), [&](DecodeCase& c) {
        c.shape.dtype = c.row_dtype = dtype;
        c.shape.key_head_dim = c.shape.value_head_dim = dim;
      });
    }
    for (const int group : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 40}) {
      if (is_short && group != 3 && group != 17) {
        continue;
      }
      add(std::string(names[dtype]) + ", group of " + std::to_string(group), [&](DecodeCase& c) {
        c.shape.dtype = c.row_dtype = dtype;
        c.num_query_heads = group * c.shape.num_kv_heads;
      });
    }
  }
  for (const int block_size : {1, 8, 12, 24, 32, 48, 64, 128, 256}) {
    if (is_short && block_size != 8 && block_size != 12 && block_size != 64) {
      continue;
    }
    add("block size " + std::to_string(block_size),
        [&](DecodeCase& c) { c.shape.block_size = block_size; });
  }
  for (const pagoda_dtype dtype : {PAGODA_DTYPE_BF16, PAGODA_DTYPE_FP16, PAGODA_DTYPE_FP32}) {
    if (is_short && dtype == PAGODA_DTYPE_FP16) {
      continue;
    }
    const std::string name = names[dtype];
    const auto typed = [&](const std::string& title, auto change) {
      add(name + ", " + title, [&](DecodeCase& c) {
        c.shape.dtype = c.row_dtype = dtype;
        change(c);
      });
    };
    typed("window of 1", [](DecodeCase& c) { c.window_tokens = 1; });
    typed("window of 70", [](DecodeCase& c) { c.window_tokens = 70; });
    typed("soft cap", [](DecodeCase& c) { c.logit_soft_cap = 1.5f; });
    typed("ALiBi", [](DecodeCase& c) { c.has_alibi = true; });
    typed("sinks", [](DecodeCase& c) { c.has_sinks = true; });
    typed("window, soft cap, ALiBi and sinks", [](DecodeCase& c) {
      c.window_tokens = 100;
      c.logit_soft_cap = 5.0f;
      c.has_alibi = true;
      c.has_sinks = true;
    });
    typed("rows with padding between them", [](DecodeCase& c) { c.row_padding = 8; });
    typed("rows that lie on no 16 bytes", [](DecodeCase& c) { c.row_padding = 1; });
    typed("one token for one sequence", [](DecodeCase& c) { c.context_lengths = {1}; });
    typed("nothing but empty contexts", [](DecodeCase& c) { c.context_lengths = {0, -1, 0}; });
  }
  add("FP32 rows over a BF16 pool", [](DecodeCase& c) { c.row_dtype = PAGODA_DTYPE_FP32; });
  add("FP16 rows over a BF16 pool", [](DecodeCase& c) { c.row_dtype = PAGODA_DTYPE_FP16; });
  add("BF16 rows over an FP16 pool", [](DecodeCase& c) { c.shape.dtype = PAGODA_DTYPE_FP16; });
  for (const pagoda_dtype keys : {PAGODA_DTYPE_FP32, PAGODA_DTYPE_FP16, PAGODA_DTYPE_BF16}) {
    for (const pagoda_dtype values : {PAGODA_DTYPE_FP32, PAGODA_DTYPE_FP16, PAGODA_DTYPE_BF16}) {
      if (keys != values) {
        add(std::string(names[keys]) + " keys, " + names[values] + " values", [&](DecodeCase& c) {
          c.shape.dtype = keys;
          c.shape.maybe_value_dtype = values;
          c.row_dtype = keys == PAGODA_DTYPE_BF16 ? PAGODA_DTYPE_BF16 : PAGODA_DTYPE_FP32;
        });
      }
    }
  }
  add("keys wider than values", [](DecodeCase& c) {
    c.shape.key_head_dim = 192;
    c.shape.value_head_dim = 128;
  });
  if (is_short) {
    return all;
  }
  add("one long context, split over the device", [](DecodeCase& c) {
    c.shape.num_layers = 1;
    c.shape.layer = 0;
    c.shape.num_kv_heads = 8;
    c.num_query_heads = 32;
    c.context_lengths = {20011};
  });
  add("one KV head, split over every CTA", [](DecodeCase& c) {
    c.shape.num_kv_heads = 1;
    c.num_query_heads = 16;
    c.context_lengths = {30000};
  });
  add("FP32, one long context", [](DecodeCase& c) {
    c.shape.dtype = c.row_dtype = PAGODA_DTYPE_FP32;
    c.shape.num_kv_heads = 2;
    c.num_query_heads = 8;
    c.context_lengths = {16411};
  });
  add("300 sequences of mixed lengths", [](DecodeCase& c) {
    Random random(7);
    c.context_lengths.clear();
    for (int i = 0; i < 300; ++i) {
      c.context_lengths.push_back(i % 17 == 0 ? 0 : random.below(600));
    }
  });
  add("long beside short", [](DecodeCase& c) {
    c.shape.num_kv_heads = 4;
    c.num_query_heads = 32;
    c.context_lengths = {9000, 1, 1, 5, 3000, 2, 31, 1200};
  });
  add("a pool beyond 2^32 bytes, ids around powers of two", [](DecodeCase& c) {
    c.shape.num_layers = 1;
    c.shape.layer = 0;
    c.shape.num_kv_heads = 8;
    c.num_query_heads = 32;
    c.shape.num_blocks = 80000;  // of 64 KiB: 5.2 GB
    c.block_ids = {79999, 65537, 65536, 65535, 32769, 32768, 32767, 16384, 0, 1};
    c.context_lengths = {150, 1};
  });
  add("FP32, head dim 33, a pool beyond 2^32 bytes", [](DecodeCase& c) {
    c.shape.dtype = c.row_dtype = PAGODA_DTYPE_FP32;
    c.shape.num_layers = 1;
    c.shape.layer = 0;
    c.shape.num_kv_heads = 16;
    c.num_query_heads = 16;
    c.shape.key_head_dim = c.shape.value_head_dim = 33;
    c.shape.num_blocks = 70000;  // of 66 KiB: 4.7 GB
    c.block_ids = {69999, 65537, 65536, 65535, 32768, 32767, 0};
    c.context_lengths = {70, 1};
  });
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  require_gpu();
  // Under compute-sanitizer a kernel takes a hundred times as long.
  const bool is_short = argc > 1 && std::strcmp(argv[1], "short") == 0;
  const std::string part = argc > 2 ? argv[2] : "";  // of the titles to run
  uint64_t seed = 1;
  for (const DecodeCase& what : cases(is_short)) {
    ++seed;
    if (what.title.find(part) != std::string::npos) {
      agrees_and_repeats(what, seed);
    }
  }
  DecodeCase late;
  late.title = "behind a late writer, few sequences";
  late.context_lengths = {1000, 3, 200, 64};
  waits_for_late_writers(late, seed++);
  if (!is_short) {
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
