// Cases of Hopper's prefill kernel.
#pragma once

#include <vector>

#include "paged_prefill_runs.h"

namespace emulated_prefill {

inline const Instance kHopperInstances[] = {
    {PAGODA_DTYPE_BF16, 64, pagoda::launch_sm90_paged_prefill<__nv_bfloat16, 64>},
    {PAGODA_DTYPE_FP16, 128, pagoda::launch_sm90_paged_prefill<__half, 128>},
};

/// Those of every kernel that an instance takes, and more.
inline std::vector<PrefillCase> hopper_cases() {
  std::vector<PrefillCase> taken;
  for (const PrefillCase& what : cases()) {
    if (find_instance(what, kHopperInstances) != nullptr) {
      taken.push_back(what);
    }
  }
  PrefillCase plain;
  set_heads(&plain, 1, 1, 64);
  CaseList<PrefillCase> more(plain, true);
  more.add("whole tiles and a cut one", [](PrefillCase& c) { c.sequences = {{330, 200}}; });
  more.add("a window that leaves whole tiles", [](PrefillCase& c) {
    c.window_tokens = 200;
    c.sequences = {{520, 140}};
  });
  more.add("query tiles for every CTA, and more", [](PrefillCase& c) {
    set_heads(&c, 2, 3, 64);
    c.num_multiprocessors = 2;
    c.sequences = {{140, 140}, {5, 5}, {260, 3}};
  });
  for (const PrefillCase& what : more.all()) {
    taken.push_back(what);
  }
  return taken;
}

}  // namespace emulated_prefill
