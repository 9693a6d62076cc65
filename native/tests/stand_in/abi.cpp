// The C ABI without a GPU: what a machine without one tests the callers of the library with.
//
// Device memory is host memory that only machine.cpp knows, and kernels are loops in double
// precision. What callers must get right about a device is kept, and harder than a device has it:
//
//   - work queued on a stream runs when somebody waits for it, and no sooner, so that whoever
//     overwrites pinned memory before its copy has passed, or reads an answer without waiting,
//     gets it wrong every time;
//   - every address that work touches must lie in memory that is allocated, on the same device or
//     pinned: otherwise the context is broken for good, as after a fault on a device;
//   - work is queued in the context of its stream;
//   - what must be pinned, aligned, not captured or not another device's is refused if it is not.
//
// There are two devices with one context each. Speed and the memory model of a device are not there
// to be had. It needs no CUDA; scripts/build-stand-in.sh compiles this folder.

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <mutex>
#include <utility>

#include "elements.h"
#include "kernels.h"
#include "machine.h"
#include "pagoda/pagoda.h"
#include "refusals.h"

using namespace stand_in;

namespace {

pagoda_status require_device(int32_t device_idx, pagoda_error* error) {
  if (device_idx >= 0 && device_idx < kNumDevices) {
    return PAGODA_STATUS_OK;
  }
  return fail(error, PAGODA_STATUS_INVALID_ARGUMENT, kInvalidDevice,
              "there is no such device: device_idx=%d", device_idx);
}

pagoda_status require_layer(const pagoda_kv_layer& layer, pagoda_error* error) {
  RETURN_UNLESS_OK(require_aligned("layer.pool", layer.pool, 64, error));
  RETURN_UNLESS_OK(require(layer.num_kv_heads >= 1, "this must be at least 1", "layer.num_kv_heads",
                           layer.num_kv_heads, error));
  RETURN_UNLESS_OK(require(layer.block_size >= 1 && layer.block_size <= 1024,
                           "this must be 1 to 1024", "layer.block_size", layer.block_size, error));
  for (const int64_t size : {layer.block_bytes, layer.key_base_bytes, layer.value_base_bytes,
                             layer.key_tile_bytes, layer.value_tile_bytes}) {
    RETURN_UNLESS_OK(require(size >= 0 && size % 64 == 0, "sizes of a layer are multiples of 64",
                             "layer", size, error));
  }
  return PAGODA_STATUS_OK;
}

template <typename Params>
pagoda_status require_attention(const Params& p, pagoda_error* error) {
  RETURN_UNLESS_OK(require_layer(p.layer, error));
  RETURN_UNLESS_OK(require(p.num_query_heads >= 1 && p.num_query_heads % p.layer.num_kv_heads == 0,
                           "this must be a multiple of num_kv_heads", "num_query_heads",
                           p.num_query_heads, error));
  RETURN_UNLESS_OK(require_aligned("queries", p.queries, bytes_of(p.row_dtype), error));
  RETURN_UNLESS_OK(require_aligned("output", p.output, bytes_of(p.row_dtype), error));
  RETURN_UNLESS_OK(require_aligned("workspace", p.workspace, 256, error));
  RETURN_UNLESS_OK(require_aligned("context_lengths", p.context_lengths, 4, error));
  RETURN_UNLESS_OK(require_aligned("block_tables", p.block_tables, 4, error));
  RETURN_UNLESS_OK(require(p.workspace_bytes >= 256, "the workspace is too small",
                           "workspace_bytes", p.workspace_bytes, error));
  RETURN_UNLESS_OK(require_reachable("queries", p.queries, error));
  RETURN_UNLESS_OK(require_reachable("output", p.output, error));
  return require_reachable("maybe_lse", p.maybe_lse, error);
}

}  // namespace

extern "C" {

int32_t pagoda_abi_version(void) { return PAGODA_ABI_VERSION; }

pagoda_status pagoda_device_count(int32_t* num_devices, pagoda_error*) {
  *num_devices = kNumDevices;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_device_describe(int32_t device_idx, pagoda_device_description* description,
                                     pagoda_error* error) {
  const std::lock_guard guard(machine);
  RETURN_UNLESS_OK(require_device(device_idx, error));
  *description = {};
  std::snprintf(description->name, sizeof(description->name), "stand-in for a GPU");
  description->total_memory_bytes = kTotalBytes;
  description->device_idx = device_idx;
  description->free_memory_bytes = kTotalBytes - devices[device_idx].used_bytes;
  description->compute_capability_major = 9;
  description->num_multiprocessors = 1;
  description->driver_version = 13000;
  description->runtime_version = 13000;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_device_check(int32_t device_idx, int32_t* image_architecture,
                                  pagoda_error* error) {
  RETURN_UNLESS_OK(require_device(device_idx, error));
  *image_architecture = 80;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_context_open(int32_t device_idx, void** context, pagoda_error* error) {
  RETURN_UNLESS_OK(require_device(device_idx, error));
  *context = &devices[device_idx];
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_context_enter(void* context, void** previous, pagoda_error* error) {
  const auto is_context = [context](const Device& device) { return &device == context; };
  if (context != nullptr && std::none_of(std::begin(devices), std::end(devices), is_context)) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidHandle, "this is no context");
  }
  *previous = current;
  current = static_cast<Device*>(context);
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_context_device(int32_t* device_idx, pagoda_error*) {
  *device_idx = current == nullptr ? 0 : static_cast<int32_t>(current - devices);
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_memory_allocate(int64_t num_bytes, uint64_t* address, pagoda_error* error) {
  return allocate(num_bytes, false, address, error);
}

pagoda_status pagoda_memory_free(uint64_t address, pagoda_error* error) {
  return release(address, false, error);
}

pagoda_status pagoda_pinned_allocate(int64_t num_bytes, uint64_t* address, pagoda_error* error) {
  return allocate(num_bytes, true, address, error);
}

pagoda_status pagoda_pinned_free(uint64_t address, pagoda_error* error) {
  return release(address, true, error);
}

pagoda_status pagoda_fill_memory(const pagoda_fill_memory_params* params, void* stream,
                                 pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_fill_memory_params p = *params;
  RETURN_UNLESS_OK(require(p.byte_value >= 0 && p.byte_value <= 255, "this must be 0 to 255",
                           "byte_value", p.byte_value, error));
  return queue(stream, error, [p] {
    std::memset(elements<char>(p.target, p.num_bytes), static_cast<int>(p.byte_value), p.num_bytes);
  });
}

pagoda_status pagoda_copy_memory(const pagoda_copy_memory_params* params, void* stream,
                                 pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_copy_memory_params p = *params;
  const Memory* source = memory_at(p.source, p.num_bytes);
  const Memory* target = memory_at(p.target, p.num_bytes);
  if (source == nullptr && target == nullptr) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidValue,
                "neither is memory of the device");
  }
  for (const Memory* memory : {source, target}) {
    if (memory != nullptr && !memory->is_seen_by(current)) {
      return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidValue,
                  "this is memory of another device");
    }
  }
  RETURN_UNLESS_OK(queue(stream, error, [p] {
    std::memcpy(reinterpret_cast<void*>(static_cast<uintptr_t>(p.target)),
                reinterpret_cast<const void*>(static_cast<uintptr_t>(p.source)), p.num_bytes);
  }));
  // Pageable memory is the caller's again when the call returns.
  Stream* of = stream_of(stream);
  return source != nullptr && target != nullptr ? PAGODA_STATUS_OK
                                                : wait_for(*of, of->num_queued, error);
}

pagoda_status pagoda_stream_create(void** stream, pagoda_error* error) {
  const std::lock_guard guard(machine);
  RETURN_UNLESS_OK(require_context(error));
  *stream = new_stream();
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_stream_destroy(void* handle, pagoda_error* error) {
  const std::lock_guard guard(machine);
  Stream* stream = stream_of(handle);
  if (handle == nullptr || stream == nullptr) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidHandle, "there is no such stream");
  }
  end_stream(stream);
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_stream_wait(void* handle, pagoda_error* error) {
  const std::lock_guard guard(machine);
  Stream* stream = stream_of(handle);
  return stream == nullptr
             ? fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidHandle, "there is no such stream")
             : wait_for(*stream, stream->num_queued, error);
}

pagoda_status pagoda_stream_query(void* handle, int32_t* is_idle, pagoda_error* error) {
  const std::lock_guard guard(machine);
  Stream* stream = stream_of(handle);
  if (stream == nullptr) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidHandle, "there is no such stream");
  }
  *is_idle = stream->work.empty() ? 1 : 0;
  return stream->device->is_broken ? broken(error) : PAGODA_STATUS_OK;
}

pagoda_status pagoda_stream_wait_event(void* stream, void* event, pagoda_error* error) {
  const std::lock_guard guard(machine);
  const Event mark = *static_cast<Event*>(event);
  return queue(stream, error, [mark] {
    if (mark.stream != nullptr && is_open(mark.stream)) {
      run(*mark.stream, mark.behind);
    }
  });
}

pagoda_status pagoda_event_create(void** event, pagoda_error* error) {
  RETURN_UNLESS_OK(require_context(error));
  *event = new Event{current};
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_event_destroy(void* event, pagoda_error*) {
  delete static_cast<Event*>(event);
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_event_record(void* event, void* handle, pagoda_error* error) {
  const std::lock_guard guard(machine);
  RETURN_UNLESS_OK(require_context(error));
  Stream* stream = stream_of(handle);
  auto* mark = static_cast<Event*>(event);
  if (stream == nullptr || stream->device != mark->device) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidHandle,
                "there is no such stream in the event's context");
  }
  mark->stream = stream;
  mark->behind = stream->num_queued;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_event_wait(void* event, pagoda_error* error) {
  const std::lock_guard guard(machine);
  const Event mark = *static_cast<Event*>(event);
  if (mark.stream != nullptr && is_open(mark.stream)) {
    return wait_for(*mark.stream, mark.behind, error);
  }
  return mark.device->is_broken ? broken(error) : PAGODA_STATUS_OK;
}

pagoda_status pagoda_event_query(void* event, int32_t* has_passed, pagoda_error* error) {
  const std::lock_guard guard(machine);
  const Event mark = *static_cast<Event*>(event);
  *has_passed = mark.stream == nullptr || mark.stream->num_passed >= mark.behind ? 1 : 0;
  return mark.device->is_broken ? broken(error) : PAGODA_STATUS_OK;
}

pagoda_status pagoda_capture_begin(void* handle, pagoda_error* error) {
  const std::lock_guard guard(machine);
  Stream* stream = stream_of(handle);
  if (handle == nullptr || stream == nullptr || stream->is_captured) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kUnsupportedCapture, "this cannot be captured");
  }
  stream->is_captured = true;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_capture_end(void* handle, void** graph, pagoda_error* error) {
  const std::lock_guard guard(machine);
  Stream* stream = stream_of(handle);
  if (stream == nullptr || !stream->is_captured) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kUnsupportedCapture, "nothing is captured");
  }
  stream->is_captured = false;
  *graph = new Graph(std::move(stream->captured));
  stream->captured.clear();
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_capture_query(void* handle, int32_t* is_capturing, pagoda_error* error) {
  const std::lock_guard guard(machine);
  Stream* stream = stream_of(handle);
  if (stream == nullptr) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidHandle, "there is no such stream");
  }
  *is_capturing = stream->is_captured ? 1 : 0;
  return stream->device->is_broken ? broken(error) : PAGODA_STATUS_OK;
}

pagoda_status pagoda_graph_launch(void* graph, void* stream, pagoda_error* error) {
  const std::lock_guard guard(machine);
  const Graph work = *static_cast<Graph*>(graph);
  return queue(stream, error, [work] {
    for (const Work& each : work) each();
  });
}

pagoda_status pagoda_graph_destroy(void* graph, pagoda_error*) {
  delete static_cast<Graph*>(graph);
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_write_kv(const pagoda_write_kv_params* params, void* stream,
                              pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_write_kv_params p = *params;
  RETURN_UNLESS_OK(require_layer(p.layer, error));
  RETURN_UNLESS_OK(require_aligned("slot_mapping", p.slot_mapping, 8, error));
  RETURN_UNLESS_OK(require_reachable("keys", p.keys, error));
  RETURN_UNLESS_OK(require_reachable("values", p.values, error));
  return queue(stream, error, [p] { write_kv(p); });
}

pagoda_status pagoda_paged_decode_workspace(const pagoda_paged_decode_params*,
                                            int64_t* workspace_bytes, pagoda_error*) {
  *workspace_bytes = 256;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_paged_decode(const pagoda_paged_decode_params* params, void* stream,
                                  pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_paged_decode_params p = *params;
  RETURN_UNLESS_OK(require_attention(p, error));
  return queue(stream, error, [p] { paged_decode(p); });
}

pagoda_status pagoda_paged_prefill_workspace(const pagoda_paged_prefill_params*,
                                             int64_t* workspace_bytes, pagoda_error*) {
  *workspace_bytes = 256;
  return PAGODA_STATUS_OK;
}

pagoda_status pagoda_paged_prefill(const pagoda_paged_prefill_params* params, void* stream,
                                   pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_paged_prefill_params p = *params;
  RETURN_UNLESS_OK(require_attention(p, error));
  return queue(stream, error, [p] { paged_prefill(p); });
}

pagoda_status pagoda_copy_blocks(const pagoda_copy_blocks_params* params, void* stream,
                                 pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_copy_blocks_params p = *params;
  RETURN_UNLESS_OK(require_aligned("pool", p.pool, 16, error));
  return queue(stream, error,
               [p] { copy_pairs(p.pool, p.pool, p.copies, p.num_copies, p.block_bytes); });
}

pagoda_status pagoda_swap_blocks(const pagoda_swap_blocks_params* params, void* stream,
                                 pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_swap_blocks_params p = *params;
  RETURN_UNLESS_OK(require_aligned("source_pool", p.source_pool, 16, error));
  RETURN_UNLESS_OK(require_aligned("target_pool", p.target_pool, 16, error));
  return queue(stream, error, [p] {
    copy_pairs(p.source_pool, p.target_pool, p.copies, p.num_copies, p.block_bytes);
  });
}

pagoda_status pagoda_update_words(const pagoda_update_words_params* params, void* stream,
                                  pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_update_words_params p = *params;
  if (p.num_runs == 0) {
    return PAGODA_STATUS_OK;
  }
  RETURN_UNLESS_OK(require_aligned("staged", p.staged, 8, error));
  RETURN_UNLESS_OK(require_aligned("delta", p.delta, 8, error));
  RETURN_UNLESS_OK(require_aligned("target", p.target, 4, error));
  const Memory* staged = memory_at(p.staged, p.num_bytes);
  RETURN_UNLESS_OK(require(staged != nullptr && staged->is_pinned, "staged words must be pinned",
                           "num_bytes", p.num_bytes, error));
  return queue(stream, error, [p] { update_words(p); });
}

pagoda_status pagoda_validate_step(const pagoda_validate_step_params* params, void* stream,
                                   pagoda_error* error) {
  const std::lock_guard guard(machine);
  Stream* of = stream_of(stream);
  if (of == nullptr) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidHandle, "there is no such stream");
  }
  RETURN_UNLESS_OK(wait_for(*of, of->num_queued, error));
  pagoda_status answer = PAGODA_STATUS_OK;
  RETURN_UNLESS_OK(queue(stream, error, [&] { answer = first_bad_value(*params, error); }));
  RETURN_UNLESS_OK(wait_for(*of, of->num_queued, error));
  return answer;
}

pagoda_status pagoda_merge_partials(const pagoda_merge_partials_params* params, void* stream,
                                    pagoda_error* error) {
  const std::lock_guard guard(machine);
  const pagoda_merge_partials_params p = *params;
  RETURN_UNLESS_OK(require_reachable("partial_outputs", p.partial_outputs, error));
  RETURN_UNLESS_OK(require_reachable("partial_lse", p.partial_lse, error));
  RETURN_UNLESS_OK(require_reachable("output", p.output, error));
  RETURN_UNLESS_OK(require_reachable("maybe_lse", p.maybe_lse, error));
  return queue(stream, error, [p] { merge_partials(p); });
}

}  // extern "C"
