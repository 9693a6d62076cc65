#include "machine.h"

#include <sys/mman.h>

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "refusals.h"

namespace stand_in {

std::mutex machine;
Device devices[kNumDevices];
thread_local Device* current = nullptr;
Device* running = nullptr;

namespace {

std::map<uint64_t, Memory> memories;
std::set<Stream*> streams;

void run_all() {
  for (Device& device : devices) {
    run(device.default_stream, device.default_stream.num_queued);
  }
  for (Stream* stream : streams) {
    run(*stream, stream->num_queued);
  }
}

bool is_anything_captured() {
  return std::any_of(streams.begin(), streams.end(),
                     [](const Stream* stream) { return stream->is_captured; });
}

}  // namespace

pagoda_status broken(pagoda_error* error) {
  return fail(error, PAGODA_STATUS_DEVICE_FAULT, kIllegalAddress,
              "work that ran broke the context: an illegal memory access was encountered");
}

pagoda_status require_context(pagoda_error* error) {
  if (current == nullptr) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidHandle, "no context is current");
  }
  return current->is_broken ? broken(error) : PAGODA_STATUS_OK;
}

const Memory* memory_at(uint64_t address, int64_t num_bytes) {
  auto after = memories.upper_bound(address);
  if (after == memories.begin()) {
    return nullptr;
  }
  const auto& [start, memory] = *std::prev(after);
  const auto offset = static_cast<int64_t>(address - start);
  return num_bytes >= 0 && offset + num_bytes <= memory.num_bytes ? &memory : nullptr;
}

pagoda_status require_reachable(const char* name, uint64_t address, pagoda_error* error) {
  const Memory* memory = memory_at(address, 1);
  return memory == nullptr || memory->is_seen_by(current)
             ? PAGODA_STATUS_OK
             : fail(error, PAGODA_STATUS_INVALID_ARGUMENT, 0,
                    "this is memory of another device: %s=0x%" PRIx64, name, address);
}

Stream* new_stream() {
  auto* stream = new Stream();
  stream->device = current;
  streams.insert(stream);
  return stream;
}

void end_stream(Stream* stream) {
  run(*stream, stream->num_queued);
  streams.erase(stream);
  delete stream;
}

bool is_open(const Stream* stream) {
  return streams.count(const_cast<Stream*>(stream)) != 0 ||
         std::any_of(std::begin(devices), std::end(devices),
                     [stream](const Device& device) { return stream == &device.default_stream; });
}

Stream* stream_of(void* handle) {
  auto* stream = static_cast<Stream*>(handle);
  if (stream == nullptr) {
    return current == nullptr ? nullptr : &current->default_stream;
  }
  return is_open(stream) ? stream : nullptr;
}

void run(Stream& stream, int64_t behind) {
  while (stream.num_passed < behind && !stream.work.empty()) {
    Work next = std::move(stream.work.front());
    stream.work.pop_front();
    stream.num_passed++;
    if (!stream.device->is_broken) {
      Device* const before = running;
      running = stream.device;
      try {
        next();
      } catch (const Fault&) {
        stream.device->is_broken = true;
      }
      running = before;
    }
  }
}

pagoda_status queue(void* handle, pagoda_error* error, Work work) {
  RETURN_UNLESS_OK(require_context(error));
  Stream* stream = stream_of(handle);
  if (stream == nullptr || stream->device != current) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidHandle,
                "there is no such stream in the current context");
  }
  if (stream->is_captured) {
    stream->captured.push_back(std::move(work));
  } else {
    stream->work.push_back(std::move(work));
    stream->num_queued++;
  }
  return PAGODA_STATUS_OK;
}

pagoda_status wait_for(Stream& stream, int64_t behind, pagoda_error* error) {
  if (stream.is_captured) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kUnsupportedCapture,
                "nobody waits for a stream that is captured");
  }
  run(stream, behind);
  return stream.device->is_broken ? broken(error) : PAGODA_STATUS_OK;
}

pagoda_status allocate(int64_t num_bytes, bool is_pinned, uint64_t* address, pagoda_error* error) {
  const std::lock_guard guard(machine);
  RETURN_UNLESS_OK(require_context(error));
  RETURN_UNLESS_OK(
      require(num_bytes >= 1, "this must be at least 1", "num_bytes", num_bytes, error));
  if (is_anything_captured()) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kUnsupportedCapture,
                "memory is not allocated while a stream is captured");
  }
  if (num_bytes > kTotalBytes - current->used_bytes) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kOutOfMemory,
                "there is not so much memory left: num_bytes=%" PRId64 ", free_bytes=%" PRId64,
                num_bytes, kTotalBytes - current->used_bytes);
  }
  // Pages that nobody writes cost nothing: a large pool is as cheap as a small one.
  void* memory = mmap(nullptr, num_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    return fail(error, PAGODA_STATUS_INTERNAL_ERROR, 0, "host memory ran out");
  }
  // What was never written is no zero: all bits of the beginning are set, which is NaN.
  std::memset(memory, 0xff, std::min<int64_t>(num_bytes, 1 << 16));
  *address = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(memory));
  memories[*address] = {num_bytes, is_pinned, current};
  current->used_bytes += num_bytes;
  return PAGODA_STATUS_OK;
}

pagoda_status release(uint64_t address, bool is_pinned, pagoda_error* error) {
  const std::lock_guard guard(machine);
  if (address == 0) {
    return PAGODA_STATUS_OK;
  }
  run_all();
  const auto found = memories.find(address);
  if (found == memories.end() || found->second.is_pinned != is_pinned) {
    return fail(error, PAGODA_STATUS_CUDA_FAILURE, kInvalidValue,
                "there is no such memory: address=0x%" PRIx64, address);
  }
  munmap(reinterpret_cast<void*>(static_cast<uintptr_t>(address)), found->second.num_bytes);
  Device* const device = found->second.device;
  device->used_bytes -= found->second.num_bytes;
  memories.erase(found);
  return device->is_broken ? broken(error) : PAGODA_STATUS_OK;
}

}  // namespace stand_in
