// What the parts of the emulated machine share: its threads, CTAs, launches and copies.
#pragma once

#include <setjmp.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "machine.h"

namespace emulated {

constexpr uint32_t kSharedBase = 1024;  // so that 0 is no address
constexpr uint32_t kMostSharedBytes = 227 << 10;
constexpr uint64_t kCanary = 0x5ca1ab1e0ddba115;

/// What lies where a copy is on its way: NaN, read as 16-bit elements of any type.
constexpr char poison_byte(uint32_t i) {
  return i % 2 == 0 ? static_cast<char>(0xb5) : static_cast<char>(0xff);
}

struct Cta;

/// A copy of 16 bytes that one thread waits for.
struct AsyncCopy {
  uint32_t target;
  const char* source;  // null for zeros
  uint32_t group;
};

/// A matrix product, and its batch.
struct Product {
  uint32_t batch;
  std::function<void()> compute;
};

struct Thread {
  Cta* cta = nullptr;
  uint32_t index = 0;
  jmp_buf context;
  char* stack = nullptr;
  bool has_begun = false;
  uint32_t num_meetings = 0;
  const char* waits_for = nullptr;  // null while it can run
  uint32_t where = 0;               // barrier, for messages
  size_t place = 0;                 // among those that can run
  std::vector<AsyncCopy> copies;    // in flight
  uint32_t num_copy_groups = 0;     // that have been ended
  std::deque<Product> products;     // not yet computed
  uint32_t num_product_batches = 0;
};

struct Warp {
  Meeting meetings[2];
  const char* what[2] = {};
  uint32_t num_here[2] = {};
};

/// A barrier that counts arrivals and bytes, in shared memory.
struct TransactionBarrier {
  uint32_t num_arrivals = 0;
  uint32_t pending = 0;
  int32_t bytes = 0;
  uint32_t phase = 0;
  const Thread* initialiser = nullptr;
  uint32_t num_syncs_before = 0;
  bool is_fenced = false;
  std::vector<std::pair<Thread*, uint32_t>> waiting;  // with the parity that each waits for
};

struct NamedBarrier {
  uint32_t num_here = 0;
  uint32_t num_threads = 0;
  std::vector<Thread*> waiting;
};

struct Launch {
  LaunchShape shape{};
  std::function<void()> body;
  std::vector<std::function<void()>> steps;  // instead of CTAs
  size_t num_steps = 0;
  uint32_t num_started = 0;
  uint32_t num_ended = 0;
  uint32_t num_letting = 0;  // CTAs that have let later launches start, or have ended

  bool is_host_work() const { return !body; }
  bool has_ended() const {
    return is_host_work() ? num_steps == steps.size() : num_ended == shape.num_ctas;
  }
  bool lets_next() const { return is_host_work() || num_letting == shape.num_ctas; }
};

struct Cta {
  std::shared_ptr<Launch> launch;
  uint32_t index = 0;
  char* shared = nullptr;
  std::vector<Thread*> threads;
  std::vector<Warp> warps;
  std::map<uint32_t, TransactionBarrier> barriers;
  std::map<std::string, std::vector<char>> variables;
  NamedBarrier named[16];
  uint32_t num_syncs = 0;
  uint32_t num_live = 0;
  uint32_t num_copies = 0;  // in flight
  bool has_waited = false;
  bool has_let = false;
};

struct Copy {
  Cta* cta;
  uint32_t target;
  const char* source;
  uint32_t num_bytes;
  uint32_t barrier;
  std::vector<char> early;  // the bytes, if they are read when the copy is queued
};

struct Machine {
  uint64_t random = 1;
  std::map<uintptr_t, std::pair<size_t, size_t>> memory;  // start: bytes, bytes mapped before it
  std::deque<std::shared_ptr<Launch>> launches;
  std::vector<std::unique_ptr<Cta>> ctas;
  std::vector<Thread*> able;
  std::vector<Thread*> waiting_for_launches;
  std::vector<Copy> copies;
  std::vector<Thread*> spare_threads;
  std::vector<char*> spare_shared;
  Thread* current = nullptr;
  jmp_buf scheduler;
  std::string fault;

  // How this seed behaves.
  uint32_t most_ctas = 1;
  uint32_t copy_odds = 0;   // of 1024, at each turn
  uint32_t step_odds = 0;   // of 1024
  uint32_t start_odds = 0;  // of 1024
  uint32_t favour = 0;      // how many threads are looked at for the most favoured one
  uint32_t favour_salt = 0;
  uint32_t product_salt = 0;  // which batches of products are computed early
};

extern Machine machine;

void set_able(Thread* thread);

/// Has the running thread wait until somebody calls set_able.
void wait_for(const char* what, uint32_t where = 0);

/// Brings the bytes of a copy, by its place among those in flight.
void land(size_t copy_idx);

/// Fails if the running thread, which ends, has not waited for its copies.
void end_async_copies();

/// Fails if the running thread, which ends, has not waited for its products.
void end_products();

/// Turns a touch of what is not allocated into a Fault.
void watch_bad_access();

}  // namespace emulated
