// The machine of the stand-in: memory, streams whose work waits, and a context that can break.
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

constexpr int64_t kTotalBytes = int64_t{24} << 30;

using Work = std::function<void()>;

struct Stream {
  std::deque<Work> work;
  int64_t num_queued = 0;
  int64_t num_passed = 0;
  bool is_captured = false;
  std::vector<Work> captured;
};

struct Event {
  Stream* stream = nullptr;
  int64_t behind = 0;
};

using Graph = std::vector<Work>;

struct Memory {
  int64_t num_bytes;
  bool is_pinned;
};

/// Work touched what is not allocated.
struct Fault {};

extern std::mutex machine;
extern Stream default_stream;
extern int64_t used_bytes;
extern bool is_broken;
extern thread_local void* current_context;

pagoda_status broken(pagoda_error* error);

/// What lies at an address, if that much is allocated there in one piece.
const Memory* memory_at(uint64_t address, int64_t num_bytes);

template <typename Element>
Element* elements(uint64_t address, int64_t count) {
  if (count > 0 && memory_at(address, count * static_cast<int64_t>(sizeof(Element))) == nullptr) {
    throw Fault{};
  }
  return reinterpret_cast<Element*>(static_cast<uintptr_t>(address));
}

Stream* new_stream();

/// Runs what is queued on a stream, and ends it.
void end_stream(Stream* stream);

/// Whether it is the default stream or one that has not ended.
bool is_open(const Stream* stream);

/// The stream of a handle, or null if there is no such stream.
Stream* stream_of(void* handle);

/// Runs what is queued on a stream up to a mark.
void run(Stream& stream, int64_t behind);

/// Queues work, or records it.
pagoda_status queue(void* handle, pagoda_error* error, Work work);

pagoda_status wait_for(Stream& stream, int64_t behind, pagoda_error* error);

pagoda_status allocate(int64_t num_bytes, bool is_pinned, uint64_t* address, pagoda_error* error);

pagoda_status release(uint64_t address, bool is_pinned, pagoda_error* error);

}  // namespace stand_in
