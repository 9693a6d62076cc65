// The machine of the stand-in: memory, streams whose work waits, and two devices whose contexts can
// break.
//
// One lock guards all of it. Whoever calls a function of the ABI takes it; everything here but
// allocate and release is called with it.

#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "pagoda/pagoda.h"

namespace stand_in {

constexpr int kNumDevices = 2;
constexpr int64_t kTotalBytes = int64_t{24} << 30;

using Work = std::function<void()>;

struct Device;

struct Stream {
  Device* device = nullptr;
  std::deque<Work> work;
  int64_t num_queued = 0;
  int64_t num_passed = 0;
  bool is_captured = false;
  std::vector<Work> captured;
};

/// A device; its one context is its address.
struct Device {
  Stream default_stream;
  int64_t used_bytes = 0;
  bool is_broken = false;

  Device() { default_stream.device = this; }
};

struct Event {
  Device* device = nullptr;
  Stream* stream = nullptr;
  int64_t behind = 0;
};

using Graph = std::vector<Work>;

struct Memory {
  int64_t num_bytes;
  bool is_pinned;
  Device* device;  // whose context was current

  bool is_seen_by(const Device* other) const { return is_pinned || device == other; }
};

/// Work touched what is not allocated, or another device's.
struct Fault {};

extern std::mutex machine;
extern Device devices[kNumDevices];

/// The device whose context is current to this thread, or null.
extern thread_local Device* current;

/// The device whose work runs now.
extern Device* running;

pagoda_status broken(pagoda_error* error);

/// Refuses what needs a context that is current and whole.
pagoda_status require_context(pagoda_error* error);

/// What lies at an address, if that much is allocated there in one piece.
const Memory* memory_at(uint64_t address, int64_t num_bytes);

/// Refuses rows in memory of another device. What is no memory at all is found by the work.
pagoda_status require_reachable(const char* name, uint64_t address, pagoda_error* error);

template <typename Element>
Element* elements(uint64_t address, int64_t count) {
  if (count > 0) {
    const Memory* memory = memory_at(address, count * static_cast<int64_t>(sizeof(Element)));
    if (memory == nullptr || !memory->is_seen_by(running)) {
      throw Fault{};
    }
  }
  return reinterpret_cast<Element*>(static_cast<uintptr_t>(address));
}

/// A stream of the current device.
Stream* new_stream();

/// Runs what is queued on a stream, and ends it.
void end_stream(Stream* stream);

/// Whether it is a default stream or one that has not ended.
bool is_open(const Stream* stream);

/// The stream of a handle, the current device's own for none; null if there is no such stream.
Stream* stream_of(void* handle);

/// Runs what is queued on a stream up to a mark.
void run(Stream& stream, int64_t behind);

/// Queues work on a stream of the current device, or records it.
pagoda_status queue(void* handle, pagoda_error* error, Work work);

pagoda_status wait_for(Stream& stream, int64_t behind, pagoda_error* error);

pagoda_status allocate(int64_t num_bytes, bool is_pinned, uint64_t* address, pagoda_error* error);

pagoda_status release(uint64_t address, bool is_pinned, pagoda_error* error);

}  // namespace stand_in
