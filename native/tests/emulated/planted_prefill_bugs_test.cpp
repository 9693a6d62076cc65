// Bugs that plant_prefill_bugs.cmake has put into the prefill kernel: some order of events shows
// each.
//
//   emulated_planted_prefill_bugs_test [the bug to look for]

#include "paged_prefill_runs.h"

namespace {

using emulated_prefill::PlantedBug;

// The first is number 1.
constexpr PlantedBug kBugs[] = {
    {"a tile is read before it has landed", "BF16, head dim 64"},
    {"a tile is read before other threads' copies have landed", "BF16, head dim 64"},
    {"the next tile is copied over the one that is read", "BF16, head dim 64"},
    {"copies are in no group", "BF16, head dim 64"},
    {"values are copied that no row sees", "BF16, head dim 64"},
    {"keys are copied wider than they are", "values wider than keys"},
    {"a last tile is copied as if it were whole", "BF16, head dim 64"},
    {"tiles that a window cuts are not masked", "window of 30"},
    {"rows see one token too many", "BF16, head dim 64"},
    {"sums do not shrink when a maximum rises", "maxima that rise from tile to tile"},
    {"offsets are stored in the stage that is copied", "a long context"},
    {"rows are written before all lanes have left theirs", "BF16, head dim 64"},
    {"rows behind the tile's are written", "rows of no sequence at the end"},
    {"lanes of one row have different maxima", "BF16, head dim 64"},
    {"lanes decide alone to shrink", "maxima that rise from tile to tile"},
    {"blocks are taken to be of 16", "blocks of 8"},
    {"tiles of the first 32 sequences count twice", "more sequences than a warp has lanes"},
    {"single rows are attended with too", "single rows are left to decode"},
    {"rows that are not causal see nothing ahead", "not causal, window of 30"},
    {"windows are one token too wide", "window of 30"},
    {"who sees nothing does not wait for queries", "rows ahead of their context"},
};

}  // namespace

int main(int argc, char** argv) {
  using namespace emulated_prefill;
  const Instance instances[] = {
      {PAGODA_DTYPE_BF16, 64, pagoda::launch_sm80_paged_prefill<__nv_bfloat16, 64>},
      {PAGODA_DTYPE_FP16, 96, pagoda::launch_sm80_paged_prefill<__half, 96>},
  };
  return find_planted_bugs(kBugs, cases(), instances, argc, argv);
}
