// The cases that decode and prefill are both tested with, and how a test goes through its cases.
#ifndef PAGODA_TESTS_ATTENTION_CASES_H
#define PAGODA_TESTS_ATTENTION_CASES_H

#include <cstring>
#include <string>
#include <vector>

#include "attention_rows.h"
#include "kernel_fixture.h"

namespace fixture {

/// What a test was called with: `[short [part of the titles to run]]`.
struct CaseChoice {
  CaseChoice(int argc, char** argv)
      : is_short(argc > 1 && std::strcmp(argv[1], "short") == 0), part(argc > 2 ? argv[2] : "") {}

  bool takes(const AttentionCase& what) const { return what.title.find(part) != std::string::npos; }

  const bool is_short;  // under compute-sanitizer a kernel takes a hundred times as long
  const std::string part;
};

/// Cases in the making: a plain one, and what each changes of it.
template <typename Case>
class CaseList {
 public:
  CaseList(const Case& plain, bool is_short) : plain_(plain), is_short_(is_short) {}

  template <typename Change>
  void add(const std::string& title, Change change) {
    Case what = plain_;
    what.title = title;
    change(what);
    all_.push_back(what);
  }

  /// Rows, keys and values are of one type.
  template <typename Change>
  void add(pagoda_dtype dtype, const std::string& title, Change change) {
    add(std::string(name_of(dtype)) + ", " + title, [&](Case& c) {
      c.shape.dtype = c.row_dtype = dtype;
      change(c);
    });
  }

  /// Head dims and groups in every type, and block sizes.
  void add_shapes() {
    for (const pagoda_dtype dtype : {PAGODA_DTYPE_BF16, PAGODA_DTYPE_FP16, PAGODA_DTYPE_FP32}) {
      for (const int dim :
           few_or_all({64, 80, 256}, {64, 80, 96, 112, 128, 192, 256, 40, 72, 33})) {
        add(dtype, "head dim " + std::to_string(dim),
            [&](Case& c) { c.shape.key_head_dim = c.shape.value_head_dim = dim; });
      }
      for (const int group :
           few_or_all({3, 17}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 40})) {
        add(dtype, "group of " + std::to_string(group),
            [&](Case& c) { c.num_query_heads = group * c.shape.num_kv_heads; });
      }
    }
    for (const int block_size : few_or_all({8, 12, 64}, {1, 8, 12, 24, 32, 48, 64, 128, 256})) {
      add("block size " + std::to_string(block_size),
          [&](Case& c) { c.shape.block_size = block_size; });
    }
  }

  /// The types to try options in.
  std::vector<pagoda_dtype> option_types() const {
    if (is_short_) {
      return {PAGODA_DTYPE_BF16, PAGODA_DTYPE_FP32};
    }
    return {PAGODA_DTYPE_BF16, PAGODA_DTYPE_FP16, PAGODA_DTYPE_FP32};
  }

  /// What can be asked of any attention.
  void add_options(pagoda_dtype dtype) {
    add(dtype, "window of 1", [](Case& c) { c.window_tokens = 1; });
    add(dtype, "window of 70", [](Case& c) { c.window_tokens = 70; });
    add(dtype, "soft cap", [](Case& c) { c.logit_soft_cap = 1.5f; });
    add(dtype, "ALiBi", [](Case& c) { c.has_alibi = true; });
    add(dtype, "sinks", [](Case& c) { c.has_sinks = true; });
    add(dtype, "window, soft cap, ALiBi and sinks", [](Case& c) {
      c.window_tokens = 100;
      c.logit_soft_cap = 5.0f;
      c.has_alibi = true;
      c.has_sinks = true;
    });
    add(dtype, "rows with padding between them", [](Case& c) { c.row_padding = 8; });
    add(dtype, "rows that lie on no 16 bytes", [](Case& c) { c.row_padding = 1; });
  }

  /// Rows, keys and values of different types and widths.
  void add_mixtures() {
    add("FP32 rows over a BF16 pool", [](Case& c) { c.row_dtype = PAGODA_DTYPE_FP32; });
    add("FP16 rows over a BF16 pool", [](Case& c) { c.row_dtype = PAGODA_DTYPE_FP16; });
    add("BF16 rows over an FP16 pool", [](Case& c) { c.shape.dtype = PAGODA_DTYPE_FP16; });
    for (const pagoda_dtype keys : {PAGODA_DTYPE_FP32, PAGODA_DTYPE_FP16, PAGODA_DTYPE_BF16}) {
      for (const pagoda_dtype values : {PAGODA_DTYPE_FP32, PAGODA_DTYPE_FP16, PAGODA_DTYPE_BF16}) {
        if (keys != values) {
          add(std::string(name_of(keys)) + " keys, " + name_of(values) + " values", [&](Case& c) {
            c.shape.dtype = keys;
            c.shape.maybe_value_dtype = values;
            c.row_dtype = keys == PAGODA_DTYPE_BF16 ? PAGODA_DTYPE_BF16 : PAGODA_DTYPE_FP32;
          });
        }
      }
    }
    add("keys wider than values", [](Case& c) {
      c.shape.key_head_dim = 192;
      c.shape.value_head_dim = 128;
    });
  }

  /// Pools beyond 2^32 bytes and 2^31 elements, ids around powers of two: `change` is told how
  /// long a context may be.
  template <typename Change>
  void add_large_pools(Change change) {
    add("a pool beyond 2^32 bytes, ids around powers of two", [&](Case& c) {
      c.shape.num_layers = 1;
      c.shape.layer = 0;
      c.shape.num_kv_heads = 8;
      c.num_query_heads = 32;
      c.shape.num_blocks = 80000;  // of 64 KiB: 5.2 GB, 2.6 * 10^9 elements
      c.block_ids = {79999, 65537, 65536, 65535, 32769, 32768, 32767, 16384, 0, 1};
      change(c, 150);
    });
    add(PAGODA_DTYPE_FP32, "head dim 33, a pool beyond 2^32 bytes", [&](Case& c) {
      c.shape.num_layers = 1;
      c.shape.layer = 0;
      c.shape.num_kv_heads = 16;
      c.num_query_heads = 16;
      c.shape.key_head_dim = c.shape.value_head_dim = 33;
      c.shape.num_blocks = 70000;  // of 66 KiB: 4.7 GB
      c.block_ids = {69999, 65537, 65536, 65535, 32768, 32767, 0};
      change(c, 70);
    });
  }

  const std::vector<Case>& all() const { return all_; }

 private:
  static const char* name_of(pagoda_dtype dtype) {
    return dtype == PAGODA_DTYPE_FP32 ? "FP32" : dtype == PAGODA_DTYPE_FP16 ? "FP16" : "BF16";
  }

  std::vector<int> few_or_all(std::vector<int> few, std::vector<int> all) const {
    return is_short_ ? few : all;
  }

  const Case plain_;
  const bool is_short_;
  std::vector<Case> all_;
};

/// A launch captured in a graph, over arrays that change between its replays.
class CapturedLaunch {
 public:
  template <typename Launch>
  explicit CapturedLaunch(Launch launch) {
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
    check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeGlobal), "begin capture");
    launch(stream_);
    check(cudaStreamEndCapture(stream_, &graph_), "end capture");
    check(cudaGraphInstantiate(&executable_, graph_, 0), "instantiate");
  }

  ~CapturedLaunch() {
    check(cudaGraphExecDestroy(executable_), "destroy");
    check(cudaGraphDestroy(graph_), "destroy");
    check(cudaStreamDestroy(stream_), "destroy");
  }

  CapturedLaunch(const CapturedLaunch&) = delete;
  CapturedLaunch& operator=(const CapturedLaunch&) = delete;

  /// Runs it behind all that was queued, and waits.
  void replay(const std::string& title) {
    check(cudaDeviceSynchronize(), "before replay");
    check(cudaGraphLaunch(executable_, stream_), "replay");
    check(cudaStreamSynchronize(stream_), title.c_str());
  }

 private:
  cudaStream_t stream_ = nullptr;
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t executable_ = nullptr;
};

/// A run agrees with the reference, and again to the bit.
template <typename Run, typename Case, typename Rows>
void agrees_and_repeats(const Case& what, const Rows& rows, uint64_t seed) {
  Run run(what, seed);
  run.poison_results();
  run.launch(nullptr);
  check(cudaDeviceSynchronize(), what.title.c_str());
  run.compare(rows, what.title);
  const std::vector<char> first = run.output();
  for (int i = 0; i < 3; ++i) {
    run.poison_results();
    run.launch(nullptr);
  }
  check(cudaDeviceSynchronize(), what.title.c_str());
  CLAIM(run.output() == first);
}

}  // namespace fixture

#endif
