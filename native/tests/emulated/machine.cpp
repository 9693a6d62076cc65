// Fortified longjmp refuses to go from one stack to another.
#undef _FORTIFY_SOURCE

#include "machine.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "device_language.h"

dim3 threadIdx;
dim3 blockIdx;
dim3 blockDim;
dim3 gridDim;

namespace emulated {

int planted = 0;

namespace {

constexpr size_t kStackBytes = 64 << 10;
constexpr uint32_t kSharedBase = 1024;  // so that 0 is no address
constexpr uint32_t kMostSharedBytes = 227 << 10;
constexpr uint64_t kCanary = 0x5ca1ab1e0ddba115;
constexpr uint64_t kMostTurns = 50000000;
constexpr int32_t kMostBytesOfPhase = (1 << 20) - 1;

struct Cta;

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
  ucontext_t scheduler_context;
  std::string fault;

  // How this seed behaves.
  uint32_t most_ctas = 1;
  uint32_t copy_odds = 0;   // of 1024, at each turn
  uint32_t step_odds = 0;   // of 1024
  uint32_t start_odds = 0;  // of 1024
  uint32_t favour = 0;      // how many threads are looked at for the most favoured one
  uint32_t favour_salt = 0;
};

Machine machine;

uint64_t random_bits() {
  machine.random ^= machine.random >> 12;
  machine.random ^= machine.random << 25;
  machine.random ^= machine.random >> 27;
  return machine.random * 0x2545f4914f6cdd1dull;
}

bool happens(uint32_t odds) { return random_below(1024) < odds; }

// Threads that can run, and those that wait.

void set_able(Thread* thread) {
  thread->waits_for = nullptr;
  thread->place = machine.able.size();
  machine.able.push_back(thread);
}

void set_unable(Thread* thread) {
  machine.able.back()->place = thread->place;
  machine.able[thread->place] = machine.able.back();
  machine.able.pop_back();
}

void to_scheduler() {
  if (_setjmp(machine.current->context) == 0) {
    _longjmp(machine.scheduler, 1);
  }
}

/// Waits until somebody calls set_able.
void wait_for(const char* what, uint32_t where = 0) {
  Thread* thread = machine.current;
  set_unable(thread);
  thread->waits_for = what;
  thread->where = where;
  to_scheduler();
}

void let_next(Cta* cta) {
  if (!cta->has_let) {
    cta->has_let = true;
    ++cta->launch->num_letting;
  }
}

void thread_main() {
  Thread* thread = machine.current;
  thread->cta->launch->body();
  thread = machine.current;
  set_unable(thread);
  thread->waits_for = "the end";
  if (std::memcmp(thread->stack, &kCanary, sizeof kCanary) != 0) {
    fail("a thread needs a stack of more than %zu bytes", kStackBytes);
  }
  Cta* cta = thread->cta;
  if (--cta->num_live == 0) {
    if (cta->num_copies > 0) {
      fail("the CTA ends and %u copies are in flight", cta->num_copies);
    }
    for (const auto& [address, barrier] : cta->barriers) {
      uint64_t word;
      std::memcpy(&word, cta->shared + (address - kSharedBase), sizeof word);
      if (word != kCanary) {
        fail("the barrier at %u has been overwritten", address);
      }
    }
    let_next(cta);
    ++cta->launch->num_ended;
  }
  _longjmp(machine.scheduler, 1);
}

Thread* new_thread() {
  if (machine.spare_threads.empty()) {
    constexpr int kAtOnce = 160;
    auto* stacks = static_cast<char*>(mmap(nullptr, kAtOnce * kStackBytes, PROT_READ | PROT_WRITE,
                                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (stacks == MAP_FAILED) {
      throw std::bad_alloc();
    }
    for (int i = 0; i < kAtOnce; ++i) {
      auto* thread = new Thread;
      thread->stack = stacks + i * kStackBytes;
      machine.spare_threads.push_back(thread);
    }
  }
  Thread* thread = machine.spare_threads.back();
  machine.spare_threads.pop_back();
  char* stack = thread->stack;
  *thread = Thread{};
  thread->stack = stack;
  std::memcpy(stack, &kCanary, sizeof kCanary);
  return thread;
}

void start_cta(const std::shared_ptr<Launch>& launch) {
  auto cta = std::make_unique<Cta>();
  cta->launch = launch;
  cta->index = launch->num_started++;
  if (machine.spare_shared.empty()) {
    machine.spare_shared.push_back(static_cast<char*>(std::aligned_alloc(128, kMostSharedBytes)));
  }
  cta->shared = machine.spare_shared.back();
  machine.spare_shared.pop_back();
  std::memset(cta->shared, 0xff, launch->shape.shared_bytes);
  cta->num_live = launch->shape.num_threads;
  cta->warps.resize(launch->shape.num_threads / 32);
  for (uint32_t i = 0; i < launch->shape.num_threads; ++i) {
    Thread* thread = new_thread();
    thread->cta = cta.get();
    thread->index = i;
    cta->threads.push_back(thread);
    set_able(thread);
  }
  machine.ctas.push_back(std::move(cta));
}

void drop_cta(Cta* cta) {
  machine.spare_threads.insert(machine.spare_threads.end(), cta->threads.begin(),
                               cta->threads.end());
  machine.spare_shared.push_back(cta->shared);
}

/// Runs a thread until it waits or lets others go on.
void run_thread(Thread* thread) {
  machine.current = thread;
  threadIdx = dim3(thread->index);
  blockIdx = dim3(thread->cta->index);
  blockDim = dim3(thread->cta->launch->shape.num_threads);
  gridDim = dim3(thread->cta->launch->shape.num_ctas);
  if (_setjmp(machine.scheduler) == 0) {
    if (thread->has_begun) {
      _longjmp(thread->context, 1);
    }
    thread->has_begun = true;
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = thread->stack;
    context.uc_stack.ss_size = kStackBytes;
    context.uc_link = nullptr;
    makecontext(&context, thread_main, 0);
    setcontext(&context);
  }
  machine.current = nullptr;
  if (!machine.fault.empty()) {
    throw Fault(machine.fault);
  }
}

/// The thread that goes on: of a few, the one whose warp the seed favours at present.
Thread* choose_thread() {
  Thread* chosen = nullptr;
  uint32_t best = 0;
  for (uint32_t i = 0; i < machine.favour; ++i) {
    Thread* thread = machine.able[random_below(static_cast<uint32_t>(machine.able.size()))];
    const uint32_t rank =
        (thread->cta->index * 37 + thread->index / 32 + machine.favour_salt) * 2654435761u;
    if (chosen == nullptr || rank > best) {
      chosen = thread;
      best = rank;
    }
  }
  if (happens(2)) {
    machine.favour_salt = static_cast<uint32_t>(random_bits());
  }
  return chosen;
}

// Barriers.

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

char poison_byte(uint32_t i) {
  return i % 2 == 0 ? static_cast<char>(0xb5) : static_cast<char>(0xff);
}

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

std::string who_waits() {
  std::string text = "nobody can go on";
  char line[200];
  for (const auto& cta : machine.ctas) {
    const Thread* before = nullptr;
    for (const Thread* thread : cta->threads) {
      if (before != nullptr && before->index / 32 == thread->index / 32 &&
          before->waits_for == thread->waits_for && before->where == thread->where) {
        continue;
      }
      before = thread;
      if (thread->waits_for == nullptr || std::strcmp(thread->waits_for, "the end") == 0) {
        continue;
      }
      int length =
          std::snprintf(line, sizeof line, "\n  CTA %u, warp %u from lane %u: %s", cta->index,
                        thread->index / 32, thread->index % 32, thread->waits_for);
      const auto found = cta->barriers.find(thread->where);
      if (found != cta->barriers.end()) {
        const TransactionBarrier& barrier = found->second;
        std::snprintf(line + length, sizeof line - length,
                      " at %u (phase %u, %u arrivals of %u and %d bytes to come)", thread->where,
                      barrier.phase, barrier.pending, barrier.num_arrivals, barrier.bytes);
      }
      if (text.size() < 4000) {
        text += line;
      }
    }
  }
  return text;
}

void forget_all() {
  for (const auto& cta : machine.ctas) {
    drop_cta(cta.get());
  }
  machine.ctas.clear();
  machine.launches.clear();
  machine.able.clear();
  machine.waiting_for_launches.clear();
  machine.copies.clear();
  machine.fault.clear();
  machine.current = nullptr;
}

/// Drops what has ended from the front, and wakes who waited for it.
void retire() {
  for (size_t i = 0; i < machine.ctas.size();) {
    if (machine.ctas[i]->num_live == 0) {
      drop_cta(machine.ctas[i].get());
      std::swap(machine.ctas[i], machine.ctas.back());
      machine.ctas.pop_back();
    } else {
      ++i;
    }
  }
  while (!machine.launches.empty() && machine.launches.front()->has_ended()) {
    machine.launches.pop_front();
    for (size_t i = 0; i < machine.waiting_for_launches.size();) {
      Thread* thread = machine.waiting_for_launches[i];
      if (thread->cta->launch == machine.launches.front()) {
        set_able(thread);
        machine.waiting_for_launches[i] = machine.waiting_for_launches.back();
        machine.waiting_for_launches.pop_back();
      } else {
        ++i;
      }
    }
  }
}

/// The launch whose next CTA may start, or null.
std::shared_ptr<Launch> startable() {
  if (machine.ctas.size() >= machine.most_ctas) {
    return nullptr;
  }
  for (size_t i = 0; i < machine.launches.size(); ++i) {
    const std::shared_ptr<Launch>& launch = machine.launches[i];
    const bool overlaps = launch->is_host_work() || launch->shape.overlaps;
    if (i > 0 && !(overlaps && machine.launches[i - 1]->lets_next())) {
      return nullptr;
    }
    if (!launch->is_host_work() && launch->num_started < launch->shape.num_ctas) {
      return launch;
    }
  }
  return nullptr;
}

void one_turn() {
  const bool can_step = machine.launches.front()->is_host_work();
  const auto num_copies = static_cast<uint32_t>(machine.copies.size());
  if (num_copies > 0 && happens(machine.copy_odds)) {
    land(random_below(num_copies));
  } else if (can_step && happens(machine.step_odds)) {
    Launch& launch = *machine.launches.front();
    launch.steps[launch.num_steps++]();
    retire();
  } else if (const auto launch = happens(machine.start_odds) ? startable() : nullptr) {
    start_cta(launch);
  } else if (!machine.able.empty()) {
    const Thread* thread = choose_thread();
    const Cta* cta = thread->cta;
    run_thread(const_cast<Thread*>(thread));
    if (cta->num_live == 0) {
      retire();
    }
  } else if (const auto launch = startable()) {
    start_cta(launch);
  } else if (num_copies > 0) {
    land(random_below(num_copies));
  } else if (can_step) {
    Launch& launch = *machine.launches.front();
    launch.steps[launch.num_steps++]();
    retire();
  } else {
    throw Fault(who_waits());
  }
}

void on_bad_access(int, siginfo_t* info, void*) {
  if (machine.current == nullptr) {
    signal(SIGSEGV, SIG_DFL);
    return;
  }
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (const auto& [start, sizes] : machine.memory) {
    const size_t past = address - start;
    if (address >= start && past < sizes.first + (64 << 10)) {
      fail("byte %zu of an allocation of %zu is touched", past, sizes.first);
    }
  }
  fail("an address of no allocation is touched");
}

void watch_bad_access() {
  struct sigaction action{};
  action.sa_sigaction = on_bad_access;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, nullptr);
}

}  // namespace

void set_seed(uint64_t seed) {
  machine.random = seed * 0x9e3779b97f4a7c15ull + 1;
  constexpr uint32_t kOdds[] = {0, 4, 32, 200, 700};
  machine.most_ctas = 1 + random_below(random_below(2) == 0 ? 3 : 16);
  machine.copy_odds = kOdds[random_below(5)];
  machine.step_odds = kOdds[random_below(4)];
  machine.start_odds = kOdds[random_below(5)];
  machine.favour = 1 + random_below(2) * random_below(4);
  machine.favour_salt = static_cast<uint32_t>(random_bits());
}

uint32_t random_below(uint32_t bound) {
  return static_cast<uint32_t>(((random_bits() >> 32) * bound) >> 32);
}

void* allocate(size_t num_bytes) {
  const size_t page = sysconf(_SC_PAGESIZE);
  // Its end is as near to the page behind it as alignment allows.
  const size_t alignment = num_bytes % 256 == 0 ? 256 : 16;
  const size_t rounded = (num_bytes + alignment - 1) / alignment * alignment;
  const size_t mapped = (rounded + page - 1) / page * page + 2 * page;
  auto* pages = static_cast<char*>(mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (pages == MAP_FAILED) {
    throw std::bad_alloc();
  }
  mprotect(pages, page, PROT_NONE);
  mprotect(pages + mapped - page, page, PROT_NONE);
  char* start = pages + mapped - page - rounded;
  machine.memory[reinterpret_cast<uintptr_t>(start)] = {num_bytes,
                                                        static_cast<size_t>(start - pages)};
  return start;
}

void release(void* pointer) {
  const auto found = machine.memory.find(reinterpret_cast<uintptr_t>(pointer));
  if (found == machine.memory.end()) {
    return;
  }
  const size_t page = sysconf(_SC_PAGESIZE);
  const auto [num_bytes, before] = found->second;
  const size_t mapped = (before + num_bytes + page - 1) / page * page + page;
  munmap(static_cast<char*>(pointer) - before, mapped);
  machine.memory.erase(found);
}

void check_global(const void* pointer, size_t num_bytes, const char* what) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  auto found = machine.memory.upper_bound(address);
  if (found == machine.memory.begin()) {
    fail("%s: %p is not allocated", what, pointer);
  }
  --found;
  const size_t offset = address - found->first;
  if (offset > found->second.first || found->second.first - offset < num_bytes) {
    fail("%s: %zu bytes at %zu of an allocation of %zu", what, num_bytes, offset,
         found->second.first);
  }
}

void queue_kernel(const LaunchShape& shape, std::function<void()> body) {
  auto launch = std::make_shared<Launch>();
  launch->shape = shape;
  launch->body = std::move(body);
  machine.launches.push_back(std::move(launch));
}

void queue_steps(std::vector<std::function<void()>> steps) {
  auto launch = std::make_shared<Launch>();
  launch->steps = std::move(steps);
  machine.launches.push_back(std::move(launch));
}

void run_queued() {
  watch_bad_access();
  try {
    retire();
    for (uint64_t turn = 0; !machine.launches.empty(); ++turn) {
      if (turn == kMostTurns) {
        throw Fault("there is no end");
      }
      one_turn();
    }
  } catch (const Fault&) {
    forget_all();
    throw;
  }
}

void fail(const char* format, ...) {
  char text[600];
  int length = 0;
  const Thread* thread = machine.current;
  if (thread != nullptr) {
    length = std::snprintf(text, sizeof text, "CTA %u, warp %u, lane %u: ", thread->cta->index,
                           thread->index / 32, thread->index % 32);
  }
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text + length, sizeof text - length, format, arguments);
  va_end(arguments);
  if (thread == nullptr) {
    throw Fault(text);
  }
  // No exception passes from one stack to another.
  machine.fault = text;
  _longjmp(machine.scheduler, 1);
}

void yield() { to_scheduler(); }

void meet(const char* what, const uint32_t* in, int num_in, uint32_t* out, int num_out,
          void (*compute)(Meeting* meeting)) {
  Thread* thread = machine.current;
  Cta* cta = thread->cta;
  Warp& warp = cta->warps[thread->index / 32];
  const uint32_t turn = thread->num_meetings++ % 2;
  const uint32_t lane = thread->index % 32;
  Meeting& meeting = warp.meetings[turn];
  if (warp.num_here[turn] == 0) {
    warp.what[turn] = what;
  } else if (std::strcmp(warp.what[turn], what) != 0) {
    fail("%s, where other lanes of the warp are at %s", what, warp.what[turn]);
  }
  std::memcpy(meeting.in[lane], in, num_in * sizeof *in);
  if (++warp.num_here[turn] < 32) {
    wait_for(what);
  } else {
    warp.num_here[turn] = 0;
    compute(&meeting);
    for (uint32_t i = 0; i < 32; ++i) {
      Thread* other = cta->threads[thread->index - lane + i];
      if (other != thread) {
        set_able(other);
      }
    }
    if (random_below(4) == 0) {
      yield();
    }
  }
  std::memcpy(out, meeting.out[lane], num_out * sizeof *out);
}

void cta_barrier(int number, uint32_t num_threads) {
  Thread* thread = machine.current;
  Cta* cta = thread->cta;
  NamedBarrier& barrier = cta->named[number];
  if (barrier.num_here == 0) {
    barrier.num_threads = num_threads;
  } else if (barrier.num_threads != num_threads) {
    fail("barrier %d is for %u threads and for %u", number, barrier.num_threads, num_threads);
  }
  if (++barrier.num_here < num_threads) {
    barrier.waiting.push_back(thread);
    wait_for(number == 0 ? "__syncthreads" : "a named barrier");
    return;
  }
  barrier.num_here = 0;
  for (Thread* other : barrier.waiting) {
    set_able(other);
  }
  barrier.waiting.clear();
  if (number == 0) {
    ++cta->num_syncs;
  }
  yield();
}

char* cta_shared_memory() { return machine.current->cta->shared; }

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

void wait_for_earlier_launches() {
  Thread* thread = machine.current;
  if (thread->cta->launch != machine.launches.front()) {
    machine.waiting_for_launches.push_back(thread);
    wait_for("earlier launches");
  } else {
    yield();
  }
  thread->cta->has_waited = true;
}

void let_later_launches_start() { let_next(machine.current->cta); }

uint32_t count_up_to(uint32_t* counter, uint32_t last) {
  if (!machine.current->cta->has_waited) {
    fail("a counter is written ahead of the wait for earlier launches");
  }
  check_global(counter, sizeof *counter, "a counter");
  const uint32_t before = *counter;
  *counter = before >= last ? 0 : before + 1;
  yield();
  return before;
}

}  // namespace emulated
