// Bugs that plant_decode_bugs.cmake has put into the decode kernel: some order of events shows
// each.
//
//   emulated_planted_decode_bugs_test [the bug to look for]

#include <cstdio>
#include <cstdlib>
#include <string>

#include "paged_decode_runs.h"

namespace {

/// A bug, and the case that shows it.
struct PlantedBug {
  const char* what;
  const char* title;
};

// The first is number 1.
constexpr PlantedBug kBugs[] = {
    {"a unit announces 16 bytes that never come", "BF16, head dim 64"},
    {"the opening does not announce its queries", "BF16, head dim 64"},
    {"consumers are not told that the guess was wrong", "sequences on demand, a ring of 2"},
    {"guessed lengths are not compared", "sequences on demand, a ring of 2"},
    {"guessed block ids are not compared", "FP16, head dim 80, blocks of 8"},
    {"a slot is filled before it is given back", "BF16, head dim 64"},
    {"lanes of the producer may see a slot given back twice", "many empty contexts"},
    {"the opening's query slot is taken again", "a ring of 3"},
    {"there is one query slot", "BF16, head dim 64"},
    {"the opening takes one slot instead of two", "BF16, head dim 64"},
    {"guessed block ids may lie outside the pool", "one long context over many CTAs"},
    {"a guess may read behind the block tables", "more stripes than CTAs"},
    {"the second slot of a void unit is not given back", "sequences on demand, a ring of 2"},
    {"a slot counts as given back one arrival early", "sequences on demand, a ring of 2"},
    {"keys are given back before they are read", "BF16, head dim 64"},
    {"a wrong guess does not begin anew", "BF16, head dim 64"},
    {"the opening's copies are queued ahead of the wait", "BF16, head dim 64"},
    {"a last unit copies as many granules as others", "FP16, head dim 80"},
    {"rows of a piece are added up before all are there", "BF16, head dim 64"},
    {"the last part but one merges", "pieces of one granule"},
    {"partial results of two sequences lie in one place", "group of 7"},
    {"the counter of grabs does not come back to 0", "sequences on demand, a ring of 2"},
    {"a scratch is written while others read it", "group of 17"},
    {"partial results are announced before all threads have written",
     "FP16, group of 12, head dim 80"},
    {"the opening's values go where its keys are", "BF16, head dim 64"},
    {"parts of the list overlap", "group of 7"},
};

}  // namespace

int main(int argc, char** argv) {
  using namespace emulated_decode;
  constexpr uint64_t kMostSeeds = 400;
  const Instance instances[] = {
      {PAGODA_DTYPE_BF16, 64, pagoda::launch_sm90_paged_decode<__nv_bfloat16, 64>},
      {PAGODA_DTYPE_FP16, 80, pagoda::launch_sm90_paged_decode<__half, 80>},
  };
  const int only = argc > 1 ? std::atoi(argv[1]) : 0;
  int number = 0;
  for (const PlantedBug& bug : kBugs) {
    ++number;
    if (only != 0 && number != only) {
      continue;
    }
    std::string fault;
    for (const DecodeCase& what : cases()) {
      if (what.title != bug.title) {
        continue;
      }
      emulated::planted = 0;
      DecodeRun run(what, *find_instance(what, instances), 7);
      CLAIM(run.is_right());
      emulated::planted = number;
      for (uint64_t seed = 1; fault.empty() && seed <= kMostSeeds; ++seed) {
        fault = run.fault_of(seed);
      }
    }
    std::printf("%d, %s\n  %.300s\n", number, bug.what, fault.c_str());
    CLAIM(!fault.empty());
  }
  return num_false_claims == 0 ? 0 : 1;
}
