// Bugs that plant_operation_bugs.cmake has put into the kernels that write, copy and merge: the
// kernels' own tests fail with each, and pass without.
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

namespace {

using Main = int (*)(int argc, char** argv);

int merge_main(int, char**) { return merge_partials_main(); }

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
    {"a row behind the last one is merged", merge_main},
    {"rows are found as if parts lay together", merge_main},
    {"parts that saw nothing have a say", merge_main},
    {"weights are not relative to the largest", merge_main},
    {"as many dims are merged as a warp has lanes", merge_main},
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
  const int only = argc > 1 ? std::atoi(argv[1]) : 0;
  char complaint[300];
  for (const Main test : {write_kv_main, copy_blocks_main, merge_main}) {
    emulated::planted = 0;
    CLAIM(passes(test, complaint, sizeof complaint));
  }
  int number = 0;
  for (const PlantedBug& bug : kBugs) {
    ++number;
    if (only != 0 && number != only) {
      continue;
    }
    emulated::planted = number;
    const bool is_missed = passes(bug.test, complaint, sizeof complaint);
    std::printf("%d, %s\n  %s", number, bug.what, is_missed ? "\n" : complaint);
    CLAIM(!is_missed);
  }
  return num_false_claims == 0 ? 0 : 1;
}
