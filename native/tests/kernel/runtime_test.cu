// Streams, events, graphs, contexts and memory do what they say.

#include "kernel_fixture.h"

namespace {

using namespace fixture;

void events_and_graphs_do_what_they_say() {
  pagoda_error error{};
  void* stream = nullptr;
  void* event = nullptr;
  check(pagoda_stream_create(&stream, &error), error);
  check(pagoda_event_create(&event, &error), error);
  PinnedBytes host(64);
  DeviceBytes device(64);
  int32_t answer = -1;
  check(pagoda_capture_query(stream, &answer, &error), error);
  CLAIM(answer == 0);

  check(pagoda_capture_begin(stream, &error), error);
  const pagoda_fill_memory_params fill{device.address(), 64, 0x5a};
  check(pagoda_fill_memory(&fill, stream, &error), error);
  const pagoda_copy_memory_params copy{device.address(), host.address(), 64};
  check(pagoda_copy_memory(&copy, stream, &error), error);
  check(pagoda_capture_query(stream, &answer, &error), error);
  CLAIM(answer == 1);
  void* graph = nullptr;
  check(pagoda_capture_end(stream, &graph, &error), error);
  for (int round = 0; round < 3; ++round) {
    std::memset(host.as<char>(), 0, 64);
    check(pagoda_graph_launch(graph, stream, &error), error);
    check(pagoda_event_record(event, stream, &error), error);
    check(pagoda_event_wait(event, &error), error);
    check(pagoda_event_query(event, &answer, &error), error);
    CLAIM(answer == 1);
    CLAIM(host.as<char>()[0] == 0x5a && host.as<char>()[63] == 0x5a);
  }
  check(pagoda_graph_destroy(graph, &error), error);
  check(pagoda_stream_wait_event(nullptr, event, &error), error);
  check(pagoda_stream_wait(stream, &error), error);
  check(pagoda_stream_query(stream, &answer, &error), error);
  CLAIM(answer == 1);
  check(pagoda_event_destroy(event, &error), error);
  check(pagoda_stream_destroy(stream, &error), error);
}

void contexts_are_entered_and_left() {
  pagoda_error error{};
  void* context = nullptr;
  check(pagoda_context_open(0, &context, &error), error);
  CLAIM(context != nullptr);
  void* before = nullptr;
  void* previous = nullptr;
  check(pagoda_context_enter(nullptr, &before, &error), error);
  check(pagoda_context_enter(context, &previous, &error), error);
  CLAIM(previous == nullptr);
  int32_t device_idx = -1;
  check(pagoda_context_device(&device_idx, &error), error);
  CLAIM(device_idx == 0);
  check(pagoda_context_enter(before, &previous, &error), error);
  CLAIM(previous == context);
  CLAIM(pagoda_context_open(4096, &context, &error) == PAGODA_STATUS_INVALID_ARGUMENT);
  CLAIM_CONTAINS(error.text, "device_idx=4096");
}

void memory_that_is_not_there_is_refused_with_the_numbers() {
  pagoda_error error{};
  uint64_t address = 17;
  CLAIM(pagoda_memory_allocate(int64_t{1} << 44, &address, &error) == PAGODA_STATUS_CUDA_FAILURE);
  CLAIM(error.cuda_error == cudaErrorMemoryAllocation);
  CLAIM_CONTAINS(error.text, "free_bytes=");
  CLAIM(address == 17);
  CLAIM(cudaGetLastError() == cudaSuccess);
  check(pagoda_memory_allocate(1 << 20, &address, &error), error);
  CLAIM(address % 256 == 0);
  check(pagoda_memory_free(address, &error), error);
}

}  // namespace

int main(int argc, char** argv) {
  require_gpu();
  // A sanitizer would report the refusal that the last claim asks for.
  const bool is_short = argc > 1 && std::strcmp(argv[1], "short") == 0;
  events_and_graphs_do_what_they_say();
  contexts_are_entered_and_left();
  if (!is_short) {
    memory_that_is_not_there_is_refused_with_the_numbers();
  }
  return num_false_claims == 0 ? 0 : 1;
}
