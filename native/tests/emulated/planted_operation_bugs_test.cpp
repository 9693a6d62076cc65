// Bugs that plant_operation_bugs.cmake has put into the kernels that write, copy, merge and look at
// a step: the kernels' own tests fail with each, in some order of events, and pass without.
//
//   emulated_planted_operation_bugs_test [the bug to look for]

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "claim.h"
#include "machine.h"

// The tests' own main functions.
int write_kv_main(int argc, char** argv);
int copy_blocks_main(int argc, char** argv);
int merge_partials_main();
int step_main();

namespace {

using Main = int (*)(int argc, char** argv);

int merge_without_arguments(int, char**) { return merge_partials_main(); }
int step_without_arguments(int, char**) { return step_main(); }

struct PlantedBug {
  const char* what;
  Main test;
};

// The first is number 1.
constexpr PlantedBug kBugs[] = {
    {"a slot of -1 is written", write_kv_main},
    {"a slot behind the pool is written", write_kv_main},
    {"heads lie behind each other instead of in their tiles", write_kv_main},
    {"rows of another type are moved as they are", write_kv_main},
    {"vectors go from one head to the next", write_kv_main},
    {"what is behind a block's end is written", copy_blocks_main},
    {"a block is copied as far as its CTAs reach", copy_blocks_main},
    {"as many blocks are copied as there are rows of CTAs", copy_blocks_main},
    {"a swap reads the pool that it writes", copy_blocks_main},
    {"a row behind the last one is merged", merge_without_arguments},
    {"rows are found as if parts lay together", merge_without_arguments},
    {"parts that saw nothing have a say", merge_without_arguments},
    {"weights are not relative to the largest", merge_without_arguments},
    {"as many dims are merged as a warp has lanes", merge_without_arguments},
    {"of a long run as many words are written as there are threads", step_without_arguments},
    {"words behind the target are written", step_without_arguments},
    {"faults are noted before there is none", step_without_arguments},
    {"who is slow sees faults that were noted later", step_without_arguments},
    {"the report is written before all have looked", step_without_arguments},
    {"the last fault is reported", step_without_arguments},
};

/// Whether the test passes in a process of its own; otherwise the first line of its complaint.
bool passes(Main test, char* complaint, int size) {
  std::fflush(nullptr);
  std::FILE* complaints = std::tmpfile();
  const pid_t child = fork();
  if (child == 0) {
    if (std::freopen("/dev/null", "w", stdout) == nullptr) {
      std::_Exit(2);
    }
    dup2(fileno(complaints), STDERR_FILENO);
    char name[] = "test";
    char is_short[] = "short";
    char* arguments[] = {name, is_short, nullptr};
    int status = 1;
    try {
      status = test(2, arguments);
    } catch (const std::exception& fault) {
      std::fprintf(stderr, "%s\n", fault.what());
    }
    std::fflush(nullptr);
    std::_Exit(status);
  }
  int status = 1;
  waitpid(child, &status, 0);
  std::rewind(complaints);
  complaint[0] = '\0';
  if (std::fgets(complaint, size, complaints) == nullptr) {
    std::snprintf(complaint, size, "status %d\n", status);
  }
  std::fclose(complaints);
  return status == 0;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr uint64_t kMostSeeds = 20;
  const int only = argc > 1 ? std::atoi(argv[1]) : 0;
  char complaint[300];
  for (const Main test :
       {write_kv_main, copy_blocks_main, merge_without_arguments, step_without_arguments}) {
    emulated::planted = 0;
    for (emulated::first_seed = 1; emulated::first_seed <= 3; ++emulated::first_seed) {
      CLAIM(passes(test, complaint, sizeof complaint));
    }
  }
  int number = 0;
  for (const PlantedBug& bug : kBugs) {
    ++number;
    if (only != 0 && number != only) {
      continue;
    }
    emulated::planted = number;
    emulated::first_seed = 0;
    bool is_missed = true;
    while (is_missed && emulated::first_seed < kMostSeeds) {
      ++emulated::first_seed;
      is_missed = passes(bug.test, complaint, sizeof complaint);
    }
    std::printf("%d, %s\n  seed %d: %s", number, bug.what, static_cast<int>(emulated::first_seed),
                is_missed ? "\n" : complaint);
    CLAIM(!is_missed);
  }
  return num_false_claims == 0 ? 0 : 1;
}
