// Shared memory: its barriers, and the copies that fill it.

#include <algorithm>
#include <cstring>

#include "machine_state.h"

namespace emulated {

namespace {

constexpr int32_t kMostBytesOfPhase = (1 << 20) - 1;

TransactionBarrier& barrier_at(Cta* cta, uint32_t address, const char* what) {
  const auto found = cta->barriers.find(address);
  if (found == cta->barriers.end()) {
    fail("%s: there is no barrier at %u", what, address);
  }
  TransactionBarrier& barrier = found->second;
  if (machine.current != nullptr && barrier.initialiser != machine.current &&
      barrier.num_syncs_before == cta->num_syncs) {
    fail("%s: no barrier of the CTA since that at %u was made", what, address);
  }
  return barrier;
}

void complete_phase_if_done(TransactionBarrier* barrier, uint32_t address) {
  if (barrier->pending > 0) {
    return;
  }
  if (barrier->bytes < 0) {
    fail("the barrier at %u has got %d bytes more than announced", address, -barrier->bytes);
  }
  if (barrier->bytes > 0) {
    return;
  }
  ++barrier->phase;
  barrier->pending = barrier->num_arrivals;
  for (size_t i = 0; i < barrier->waiting.size();) {
    if (barrier->waiting[i].second != barrier->phase % 2) {
      set_able(barrier->waiting[i].first);
      barrier->waiting[i] = barrier->waiting.back();
      barrier->waiting.pop_back();
    } else {
      ++i;
    }
  }
}

}  // namespace

void land(size_t i) {
  Copy copy = std::move(machine.copies[i]);
  machine.copies[i] = std::move(machine.copies.back());
  machine.copies.pop_back();
  Cta* cta = copy.cta;
  char* target = cta->shared + (copy.target - kSharedBase);
  for (uint32_t byte = 0; byte < copy.num_bytes; ++byte) {
    if (target[byte] != poison_byte(byte)) {
      fail("somebody wrote to %u, where a copy was on its way", copy.target + byte);
    }
  }
  std::memcpy(target, copy.early.empty() ? copy.source : copy.early.data(), copy.num_bytes);
  --cta->num_copies;
  TransactionBarrier& barrier = barrier_at(cta, copy.barrier, "a copy lands");
  barrier.bytes -= static_cast<int32_t>(copy.num_bytes);
  complete_phase_if_done(&barrier, copy.barrier);
}

namespace {

/// Counts the running thread at a barrier; true if it was the last one.
bool arrive_at(int number, uint32_t num_threads) {
  Cta* cta = machine.current->cta;
  NamedBarrier& barrier = cta->named[number];
  if (barrier.num_here == 0) {
    barrier.num_threads = num_threads;
  } else if (barrier.num_threads != num_threads) {
    fail("barrier %d is for %u threads and for %u", number, barrier.num_threads, num_threads);
  }
  if (++barrier.num_here < num_threads) {
    return false;
  }
  barrier.num_here = 0;
  for (Thread* other : barrier.waiting) {
    set_able(other);
  }
  barrier.waiting.clear();
  if (number == 0) {
    ++cta->num_syncs;
  }
  return true;
}

}  // namespace

void cta_barrier(int number, uint32_t num_threads) {
  if (arrive_at(number, num_threads)) {
    yield();
    return;
  }
  machine.current->cta->named[number].waiting.push_back(machine.current);
  wait_for(number == 0 ? "__syncthreads" : "a named barrier");
}

void cta_barrier_arrive(int number, uint32_t num_threads) {
  arrive_at(number, num_threads);
  if (random_below(8) == 0) {
    yield();
  }
}

char* cta_shared_memory() { return machine.current->cta->shared; }

char* cta_variable_bytes(const char* name, size_t num_bytes) {
  std::vector<char>& bytes = machine.current->cta->variables[name];
  if (bytes.empty()) {
    bytes.assign(num_bytes, static_cast<char>(0xff));
  }
  return bytes.data();
}

uint32_t shared_address(const void* pointer) {
  const Cta* cta = machine.current->cta;
  const auto offset = static_cast<const char*>(pointer) - cta->shared;
  if (offset < 0 || offset > static_cast<int64_t>(cta->launch->shape.shared_bytes)) {
    fail("byte %td of %u of shared memory is named", offset, cta->launch->shape.shared_bytes);
  }
  return kSharedBase + static_cast<uint32_t>(offset);
}

char* shared_bytes(uint32_t address, uint32_t num_bytes, const char* what) {
  const Cta* cta = machine.current->cta;
  const uint32_t size = cta->launch->shape.shared_bytes;
  const uint32_t offset = address - kSharedBase;
  if (address < kSharedBase || offset > size || size - offset < num_bytes) {
    fail("%s: %u bytes at %u of %u of shared memory", what, num_bytes, offset, size);
  }
  return cta->shared + offset;
}

void transaction_init(uint32_t address, uint32_t num_arrivals) {
  char* place = shared_bytes(address, 8, "a barrier is made");
  if (address % 8 != 0) {
    fail("a barrier is made at %u", address);
  }
  std::memcpy(place, &kCanary, sizeof kCanary);
  Cta* cta = machine.current->cta;
  TransactionBarrier barrier;
  barrier.num_arrivals = num_arrivals;
  barrier.pending = num_arrivals;
  barrier.initialiser = machine.current;
  barrier.num_syncs_before = cta->num_syncs;
  if (!cta->barriers.emplace(address, barrier).second) {
    fail("a barrier is made again at %u", address);
  }
}

void transaction_init_fence() {
  for (auto& [address, barrier] : machine.current->cta->barriers) {
    barrier.is_fenced = true;
  }
}

void transaction_expect(uint32_t address, uint32_t num_bytes) {
  TransactionBarrier& barrier = barrier_at(machine.current->cta, address, "bytes are announced");
  if (static_cast<int32_t>(num_bytes) < 0 ||
      barrier.bytes + static_cast<int32_t>(num_bytes) > kMostBytesOfPhase) {
    fail("%u bytes more are announced at %u than a barrier counts", num_bytes, address);
  }
  barrier.bytes += static_cast<int32_t>(num_bytes);
}

void transaction_arrive(uint32_t address) {
  TransactionBarrier& barrier = barrier_at(machine.current->cta, address, "an arrival");
  if (barrier.pending == 0) {
    fail("arrival %u at %u, which is for %u a phase", barrier.num_arrivals + 1, address,
         barrier.num_arrivals);
  }
  --barrier.pending;
  complete_phase_if_done(&barrier, address);
  if (random_below(8) == 0) {
    yield();
  }
}

void transaction_wait(uint32_t address, uint32_t parity) {
  TransactionBarrier& barrier = barrier_at(machine.current->cta, address, "a wait");
  if (parity > 1) {
    fail("a wait for parity %u", parity);
  }
  if (barrier.phase % 2 == parity) {
    barrier.waiting.emplace_back(machine.current, parity);
    wait_for("a barrier", address);
  } else if (random_below(2) == 0) {
    yield();
  }
}

void queue_bulk_copy(uint32_t target, const void* source, uint32_t num_bytes, uint32_t barrier) {
  Cta* cta = machine.current->cta;
  if (!cta->has_waited) {
    fail("a copy is queued ahead of the wait for earlier launches");
  }
  if (target % 16 != 0 || reinterpret_cast<uintptr_t>(source) % 16 != 0 || num_bytes % 16 != 0 ||
      num_bytes == 0) {
    fail("a copy of %u bytes from %p to %u", num_bytes, source, target);
  }
  check_global(source, num_bytes, "a copy");
  char* bytes = shared_bytes(target, num_bytes, "a copy");
  if (!barrier_at(cta, barrier, "a copy").is_fenced) {
    fail("a copy: no fence since the barrier at %u was made", barrier);
  }
  for (const Copy& other : machine.copies) {
    if (other.cta == cta && other.target < target + num_bytes &&
        target < other.target + other.num_bytes) {
      fail("a copy to %u, where another one is on its way", target);
    }
  }
  Copy copy{cta, target, static_cast<const char*>(source), num_bytes, barrier, {}};
  if (random_below(2) == 0) {
    copy.early.assign(copy.source, copy.source + num_bytes);
  }
  for (uint32_t i = 0; i < num_bytes; ++i) {
    bytes[i] = poison_byte(i);
  }
  ++cta->num_copies;
  machine.copies.push_back(std::move(copy));
  if (random_below(4) == 0) {
    yield();
  }
}

}  // namespace emulated
