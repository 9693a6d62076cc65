// Bugs that plant_hopper_prefill_bugs.cmake has put into Hopper's prefill kernel: some order of
// events shows each.
//
//   emulated_planted_hopper_prefill_bugs_test [the bug to look for]

#include "hopper_prefill_runs.h"

namespace {

using emulated_prefill::PlantedBug;

// The first is number 1.
constexpr PlantedBug kBugs[] = {
    {"scores are taken before their products are there", "a long context"},
    {"values are given back before they are multiplied", "a long context"},
    {"rows do not shrink when a maximum rises", "maxima that rise from tile to tile"},
    {"rows see one token too many", "BF16, head dim 64"},
    {"tiles that a window cuts are not masked", "a window that leaves whole tiles"},
    {"values are those of another stage", "a long context"},
    {"sums do not shrink when a maximum rises", "maxima that rise from tile to tile"},
    {"lanes of one row have different maxima", "BF16, head dim 64"},
    {"queries are given back before the results have left their place",
     "query tiles for every CTA, and more"},
    {"a tile that is passed over takes no stage", "BF16, two row tiles for each warp"},
    {"a cut tile is copied as if it were whole", "whole tiles and a cut one"},
    {"keys are copied over those that are read", "a long context"},
    {"boxes begin where their block does", "blocks of 128"},
    {"all rows have the first row's query head", "BF16, head dim 64"},
    {"the counter of grabs does not come back to 0", "query tiles for every CTA, and more"},
    {"tokens are copied that may not be read", "BF16, head dim 64"},
    {"keys are copied wider than they are", "FP16, head dim 96, group of 1"},
    {"keys are said to be there while they are copied", "BF16, head dim 64"},
    {"half of a box's bytes are announced", "a long context"},
    {"the next keys are copied into this tile's stage", "a long context"},
};

}  // namespace

int main(int argc, char** argv) {
  return emulated_prefill::find_planted_bugs(kBugs, emulated_prefill::hopper_cases(),
                                             emulated_prefill::kHopperInstances, argc, argv);
}
