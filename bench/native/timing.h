// Timing by events around replays of a CUDA graph, and the medians of it.
#ifndef PAGODA_BENCH_TIMING_H
#define PAGODA_BENCH_TIMING_H

#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

namespace bench {

inline void check(cudaError_t answer, const char* what) {
  if (answer != cudaSuccess) {
    std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(answer));
    std::exit(1);
  }
}

/// Microseconds of one call: the median over replays, and over the second half of a sustained run.
struct Timing {
  double median_us;
  double fastest_us;
  double slowest_us;
  double sustained_us;  // 0 when not asked for
};

struct Replays {
  int calls_per_graph;
  int count = 60;
  double sustained_seconds = 0.0;
};

/// Captures calls 0, 1, ... into one graph and times its replays after three that warm up.
inline Timing time_replays(const std::function<void(int, cudaStream_t)>& call,
                           const Replays& replays) {
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t executable;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "begin capture");
  for (int i = 0; i < replays.calls_per_graph; ++i) {
    call(i, stream);
  }
  check(cudaStreamEndCapture(stream, &graph), "end capture");
  check(cudaGraphInstantiate(&executable, graph, 0), "instantiate");
  cudaEvent_t begin;
  cudaEvent_t end;
  check(cudaEventCreate(&begin), "event");
  check(cudaEventCreate(&end), "event");
  const auto replay = [&] {
    check(cudaEventRecord(begin, stream), "record");
    check(cudaGraphLaunch(executable, stream), "replay");
    check(cudaEventRecord(end, stream), "record");
    check(cudaEventSynchronize(end), "replayed");
    float milliseconds = 0.0f;
    check(cudaEventElapsedTime(&milliseconds, begin, end), "elapsed");
    return 1e3 * milliseconds / replays.calls_per_graph;
  };
  const auto median = [](std::vector<double> times) {
    std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
    return times[times.size() / 2];
  };
  for (int i = 0; i < 3; ++i) {
    replay();
  }
  std::vector<double> times;
  for (int i = 0; i < replays.count; ++i) {
    times.push_back(replay());
  }
  Timing timing{median(times), *std::min_element(times.begin(), times.end()),
                *std::max_element(times.begin(), times.end()), 0.0};
  if (replays.sustained_seconds > 0.0) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    std::vector<double> late;
    double seconds = 0.0;
    while (seconds < replays.sustained_seconds) {
      const double time = replay();
      seconds = std::chrono::duration<double>(Clock::now() - start).count();
      if (seconds > replays.sustained_seconds / 2) {
        late.push_back(time);
      }
    }
    timing.sustained_us = median(late);
  }
  check(cudaGraphExecDestroy(executable), "destroy");
  check(cudaGraphDestroy(graph), "destroy");
  check(cudaEventDestroy(begin), "destroy");
  check(cudaEventDestroy(end), "destroy");
  check(cudaStreamDestroy(stream), "destroy");
  return timing;
}

}  // namespace bench

#endif
