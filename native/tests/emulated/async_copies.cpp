// Copies that a thread queues in groups and waits for itself: others see them after a barrier only.

#include <cstring>

#include "machine_state.h"

namespace emulated {

namespace {

constexpr uint32_t kBytes = 16;

void land(Thread* thread, size_t i) {
  const AsyncCopy copy = thread->copies[i];
  thread->copies[i] = thread->copies.back();
  thread->copies.pop_back();
  char* target = shared_bytes(copy.target, kBytes, "a copy lands");
  for (uint32_t byte = 0; byte < kBytes; ++byte) {
    if (target[byte] != poison_byte(byte)) {
      fail("somebody wrote to %u, where a copy was on its way", copy.target + byte);
    }
  }
  if (copy.source == nullptr) {
    std::memset(target, 0, kBytes);
  } else {
    std::memcpy(target, copy.source, kBytes);
  }
}

/// Leaves a copy to the machine, which brings it some time.
void add_copy(uint32_t target, const char* maybe_source, uint32_t barrier) {
  alignas(16) static const char kZeros[kBytes] = {};
  Cta* cta = machine.current->cta;
  ++cta->num_copies;
  machine.copies.push_back(
      {cta, target, maybe_source == nullptr ? kZeros : maybe_source, kBytes, barrier, {}});
}

}  // namespace

void queue_async_copy(uint32_t target, const void* source, bool is_copied) {
  Thread* thread = machine.current;
  if (target % kBytes != 0 || reinterpret_cast<uintptr_t>(source) % kBytes != 0) {
    fail("a copy from %p to %u", source, target);
  }
  char* bytes = shared_bytes(target, kBytes, "a copy");
  if (is_copied) {
    check_global(source, kBytes, "a copy");
  }
  for (uint32_t i = 0; i < kBytes; ++i) {
    bytes[i] = poison_byte(i);
  }
  thread->copies.push_back(
      {target, is_copied ? static_cast<const char*>(source) : nullptr, thread->num_copy_groups});
  if (random_below(8) == 0) {
    land(thread, random_below(static_cast<uint32_t>(thread->copies.size())));
  }
  if (random_below(64) == 0) {
    yield();
  }
}

void end_async_copy_group() { ++machine.current->num_copy_groups; }

void wait_for_async_copies(uint32_t most_groups_pending) {
  Thread* thread = machine.current;
  for (size_t i = thread->copies.size(); i-- > 0;) {
    if (thread->copies[i].group + most_groups_pending < thread->num_copy_groups) {
      land(thread, i);
    }
  }
  if (random_below(2) == 0) {
    yield();
  }
}

void arrive_behind_async_copies(uint32_t barrier) {
  Thread* thread = machine.current;
  const std::vector<AsyncCopy> copies = std::move(thread->copies);
  thread->copies.clear();
  // A phase waits for announced bytes as it does for arrivals, so the arrival need not be late.
  for (const AsyncCopy& copy : copies) {
    transaction_expect(barrier, kBytes);
    add_copy(copy.target, copy.source, barrier);
  }
  transaction_arrive(barrier);
}

void queue_chunk(uint32_t target, const void* maybe_source, uint32_t barrier) {
  char* bytes = shared_bytes(target, kBytes, "a chunk");
  if (maybe_source != nullptr) {
    check_global(maybe_source, kBytes, "a chunk");
  }
  for (uint32_t i = 0; i < kBytes; ++i) {
    bytes[i] = poison_byte(i);
  }
  add_copy(target, static_cast<const char*>(maybe_source), barrier);
}

void end_async_copies() {
  Thread* thread = machine.current;
  const size_t num_copies = thread->copies.size();
  while (!thread->copies.empty()) {
    land(thread, thread->copies.size() - 1);
  }
  if (num_copies > 0) {
    fail("the thread ends and has not waited for %zu copies", num_copies);
  }
}

}  // namespace emulated
