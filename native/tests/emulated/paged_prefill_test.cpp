// The prefill kernel of devices from 8.0 on in many orders of events, on a machine that checks what
// it does.
//
//   emulated_paged_prefill_test [number of seeds [part of the titles to run]]

#include <cstdio>
#include <cstdlib>
#include <string>

#include "paged_prefill_runs.h"

int main(int argc, char** argv) {
  using namespace emulated_prefill;
  const Instance instances[] = {
      {PAGODA_DTYPE_BF16, 64, pagoda::launch_sm80_paged_prefill<__nv_bfloat16, 64>},
      {PAGODA_DTYPE_FP16, 96, pagoda::launch_sm80_paged_prefill<__half, 96>},
      {PAGODA_DTYPE_BF16, 128, pagoda::launch_sm80_paged_prefill<__nv_bfloat16, 128>},
      {PAGODA_DTYPE_FP16, 256, pagoda::launch_sm80_paged_prefill<__half, 256>},
  };
  const uint64_t num_seeds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 12;
  const std::string part = argc > 2 ? argv[2] : "";
  for (const PrefillCase& what : cases()) {
    if (what.title.find(part) == std::string::npos) {
      continue;
    }
    const Instance* instance = find_instance(what, instances);
    CLAIM(instance != nullptr);
    claim_any_order_is_right(what, *instance, num_seeds);
  }
  return num_false_claims == 0 ? 0 : 1;
}
