// A GPU in plain C++: the threads of CTAs as fibers, in an order that a seed decides.
//
// Kernels are compiled as they are (device_language.h gives CUDA's words a meaning); what they do
// through src/device is done here, strictly: a copy lands some time after it was queued and poisons
// its target until then, every address is looked up, a barrier counts arrivals and bytes, and when
// nobody can go on, it says who waits for what. What it finds it throws as Fault where the host
// waits for its launches.
//
// Not here: the order in which memory operations of one thread become visible to others (all see
// one order, so no fence is missed), clusters, and the time that anything takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace emulated {

/// What the machine has found.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Begins a new order of events. Everything queued has run.
void set_seed(uint64_t seed);

/// A number below `bound` of the seed.
uint32_t random_below(uint32_t bound);

// Memory. Allocations end at a page that nobody may touch.

void* allocate(size_t num_bytes);
void release(void* pointer);

/// Fails unless that much is allocated there in one piece.
void check_global(const void* pointer, size_t num_bytes, const char* what);

// Launches run in order when the host waits.

struct LaunchShape {
  uint32_t num_ctas;
  uint32_t num_columns;  // of the grid; its rows are num_ctas / num_columns
  uint32_t num_threads;
  uint32_t shared_bytes;
  bool overlaps;  // it may begin when every CTA of the launch before has let it
};

void queue_kernel(const LaunchShape& shape, std::function<void()> body);

/// Queues a launch that lets the next one begin at once, and then does its steps one by one.
void queue_steps(std::vector<std::function<void()>> steps);

/// Runs what is queued. Throws Fault, and then has forgotten everything that was queued.
void run_queued();

// What threads of a running kernel call.

/// Ends the run with a Fault.
[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

/// Lets any other thread go on first.
void yield();

/// The values of all lanes of a warp, and what each gets back.
struct Meeting {
  static constexpr int kMostWords = 12;
  uint32_t in[32][kMostWords];
  uint32_t out[32][kMostWords];
};

/// Waits until all lanes of the warp are here; the last one computes what each gets.
void meet(const char* what, const uint32_t* in, int num_in, uint32_t* out, int num_out,
          void (*compute)(Meeting* meeting));

/// Barriers by number: 0 is __syncthreads.
void cta_barrier(int number, uint32_t num_threads);

/// Counts the thread at a barrier for which others wait.
void cta_barrier_arrive(int number, uint32_t num_threads);

char* cta_shared_memory();

/// Memory of the CTA beside what the launch asked for, by a name; every bit is set at first.
char* cta_variable_bytes(const char* name, size_t num_bytes);

template <typename Variable>
Variable& cta_variable(const char* name) {
  return *reinterpret_cast<Variable*>(cta_variable_bytes(name, sizeof(Variable)));
}

uint32_t shared_address(const void* pointer);

/// Fails unless these bytes are the CTA's.
char* shared_bytes(uint32_t address, uint32_t num_bytes, const char* what);

void transaction_init(uint32_t barrier, uint32_t num_arrivals);
void transaction_init_fence();
void transaction_expect(uint32_t barrier, uint32_t num_bytes);
void transaction_arrive(uint32_t barrier);
void transaction_wait(uint32_t barrier, uint32_t parity);

void queue_bulk_copy(uint32_t target, const void* source, uint32_t num_bytes, uint32_t barrier);

// Copies of 16 bytes, or of as many zeros, that a thread queues in groups and waits for itself.

void queue_async_copy(uint32_t target, const void* source, bool is_copied);
void end_async_copy_group();
void wait_for_async_copies(uint32_t most_groups_pending);

/// Arrives at a barrier when the thread's copies have landed; it need not wait for them then.
void arrive_behind_async_copies(uint32_t barrier);

/// Queues a copy of 16 bytes, of zeros without a source, whose bytes count at a barrier.
void queue_chunk(uint32_t target, const void* maybe_source, uint32_t barrier);

// Products that are computed at the end of their batch or where the thread waits for it, for all
// lanes of a warp alike.

void queue_product(std::function<void()> product);
void end_product_batch();
void wait_for_products(uint32_t most_batches_pending);

void wait_for_earlier_launches();
void let_later_launches_start();

/// Adds one, or goes back to 0 from `last` or more; returns what was there before.
uint32_t count_up_to(uint32_t* counter, uint32_t last);

/// Which of the planted bugs is there (plant.cmake); 0 for none.
extern int planted;

/// The order in which tests begin that know of none.
extern uint64_t first_seed;

}  // namespace emulated
