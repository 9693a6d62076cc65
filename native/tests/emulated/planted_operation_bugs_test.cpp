// Bugs that plant_operation_bugs.cmake has put into kernels that run through the C ABI: the
// kernels' own tests fail with each, in some order of events, and pass without.
//
//   emulated_planted_operation_bugs_test [the bug to look for, or 0 [orders without a bug]]

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "claim.h"
#include "machine.h"

// The tests' own main functions.
int write_kv_main(int argc, char** argv);
int copy_blocks_main(int argc, char** argv);
int paged_decode_main(int argc, char** argv);
int merge_partials_main();
int step_main();

namespace {

using Main = int (*)(int argc, char** argv);

int merge_without_arguments(int, char**) { return merge_partials_main(); }
int step_without_arguments(int, char**) { return step_main(); }

struct PlantedBug {
  const char* what;
  Main test;
  uint64_t likely_seed = 1;  // has shown it; others are tried after it
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
    {"the report is written before all have looked", step_without_arguments, 4},
    {"the last fault is reported", step_without_arguments},
    {"maxima of warps are read before they are there", paged_decode_main, 2},
    {"probabilities are read before they are there", paged_decode_main},
    {"the next tokens are looked up while values are read", paged_decode_main},
    {"sums of warps are read before they are there", paged_decode_main, 2},
    {"sums do not shrink when a maximum rises", paged_decode_main},
    {"a last tile is added as if it were whole", paged_decode_main},
    {"queries are read before they are there", paged_decode_main},
    {"partial results are announced before all threads have written", paged_decode_main, 7},
    {"who is last is read before it is known", paged_decode_main, 5},
};

/// What a test complains of first, in a process of its own; empty if it passes.
std::string complaint_of(Main test) {
  std::fflush(nullptr);
  int ends[2];
  if (pipe(ends) != 0) {
    return "there is no pipe\n";
  }
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    if (std::freopen("/dev/null", "w", stdout) == nullptr) {
      std::_Exit(2);
    }
    // Of cases, those that are not in the list: captured launches and late writers.
    char name[] = "test";
    char is_short[] = "short";
    char no_title[] = "no title";
    char* arguments[] = {name, is_short, no_title, nullptr};
    int status = 1;
    try {
      status = test(3, arguments);
    } catch (const std::exception& fault) {
      std::fprintf(stderr, "%s\n", fault.what());
    }
    std::_Exit(status);
  }
  close(ends[1]);
  std::FILE* complaints = fdopen(ends[0], "r");
  char line[300] = "";
  const bool has_complained = std::fgets(line, sizeof line, complaints) != nullptr;
  if (has_complained) {
    kill(child, SIGKILL);
  }
  std::fclose(complaints);
  int status = 1;
  waitpid(child, &status, 0);
  if (has_complained || status == 0) {
    return line;
  }
  return "status " + std::to_string(status) + "\n";
}

}  // namespace

int main(int argc, char** argv) {
  constexpr uint64_t kMostSeeds = 20;
  const int only = argc > 1 ? std::atoi(argv[1]) : -1;
  const uint64_t last_seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 2;
  for (const Main test : {write_kv_main, copy_blocks_main, merge_without_arguments,
                          step_without_arguments, paged_decode_main}) {
    emulated::planted = 0;
    for (uint64_t seed = 2; seed <= last_seed; ++seed) {
      emulated::first_seed = seed;
      const std::string complaint = complaint_of(test);
      std::printf("%s", complaint.c_str());
      CLAIM(complaint.empty());
    }
  }
  int number = 0;
  for (const PlantedBug& bug : kBugs) {
    ++number;
    if (only >= 0 && number != only) {
      continue;
    }
    emulated::planted = number;
    emulated::first_seed = bug.likely_seed;
    std::string complaint = complaint_of(bug.test);
    for (uint64_t seed = 1; complaint.empty() && seed <= kMostSeeds; ++seed) {
      emulated::first_seed = seed;
      complaint = complaint_of(bug.test);
    }
    std::printf("%d, %s\n  seed %d: %s", number, bug.what, static_cast<int>(emulated::first_seed),
                complaint.c_str());
    CLAIM(!complaint.empty());
  }
  return num_false_claims == 0 ? 0 : 1;
}
