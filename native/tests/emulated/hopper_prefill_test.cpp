// Hopper's prefill kernel in many orders of events, on a machine that checks what it does.
//
//   emulated_hopper_prefill_test [number of seeds [part of the titles to run]]

#include <cstdlib>
#include <string>

#include "hopper_prefill_runs.h"

int main(int argc, char** argv) {
  using namespace emulated_prefill;
  const uint64_t num_seeds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 3;
  const std::string part = argc > 2 ? argv[2] : "";
  for (const PrefillCase& what : hopper_cases()) {
    if (what.title.find(part) == std::string::npos) {
      continue;
    }
    const Instance* instance = find_instance(what, kHopperInstances);
    CLAIM(instance != nullptr);
    claim_any_order_is_right(what, *instance, num_seeds);
  }
  return num_false_claims == 0 ? 0 : 1;
}
