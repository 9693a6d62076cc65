// Fortified longjmp refuses to go from one stack to another.
#undef _FORTIFY_SOURCE

#include "machine.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "device_language.h"
#include "machine_state.h"

dim3 threadIdx;
dim3 blockIdx;
dim3 blockDim;
dim3 gridDim;

namespace emulated {

int planted = 0;
uint64_t first_seed = 1;

Machine machine;

namespace {

constexpr size_t kStackBytes = 64 << 10;
constexpr uint64_t kMostTurns = 50000000;

uint64_t random_bits() {
  machine.random ^= machine.random >> 12;
  machine.random ^= machine.random << 25;
  machine.random ^= machine.random >> 27;
  return machine.random * 0x2545f4914f6cdd1dull;
}

bool happens(uint32_t odds) { return random_below(1024) < odds; }

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

}  // namespace

void set_able(Thread* thread) {
  thread->waits_for = nullptr;
  thread->place = machine.able.size();
  machine.able.push_back(thread);
}

void wait_for(const char* what, uint32_t where) {
  Thread* thread = machine.current;
  set_unable(thread);
  thread->waits_for = what;
  thread->where = where;
  to_scheduler();
}

namespace {

void let_next(Cta* cta) {
  if (!cta->has_let) {
    cta->has_let = true;
    ++cta->launch->num_letting;
  }
}

void thread_main() {
  Thread* thread = machine.current;
  thread->cta->launch->body();
  end_async_copies();
  end_products();
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
  cta->has_waited = !launch->shape.overlaps;
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
  const LaunchShape& shape = thread->cta->launch->shape;
  threadIdx = dim3(thread->index);
  blockIdx = dim3(thread->cta->index % shape.num_columns, thread->cta->index / shape.num_columns);
  blockDim = dim3(shape.num_threads);
  gridDim = dim3(shape.num_columns, shape.num_ctas / shape.num_columns);
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
  machine.product_salt = static_cast<uint32_t>(seed * 0x9e3779b97f4a7c15ull >> 32);
}

uint32_t random_below(uint32_t bound) {
  return static_cast<uint32_t>(((random_bits() >> 32) * bound) >> 32);
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
