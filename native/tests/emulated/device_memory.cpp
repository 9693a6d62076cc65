// Memory of the emulated device.

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>

#include "machine_state.h"

namespace emulated {

namespace {

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

}  // namespace

void watch_bad_access() {
  struct sigaction action{};
  action.sa_sigaction = on_bad_access;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, nullptr);
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

}  // namespace emulated
