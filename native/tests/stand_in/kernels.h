// What the library's kernels compute, as loops in double precision.
//
// They throw Fault for an address that is not allocated. Shapes and units: pagoda/pagoda.h.

#pragma once

#include "pagoda/pagoda.h"

namespace stand_in {

void write_kv(const pagoda_write_kv_params& p);

void paged_decode(const pagoda_paged_decode_params& p);

void paged_prefill(const pagoda_paged_prefill_params& p);

/// Copies blocks of one pool to another, or to others of the same.
void copy_pairs(uint64_t from, uint64_t to, uint64_t copies, int64_t count, int64_t block_bytes);

void update_words(const pagoda_update_words_params& p);

void merge_partials(const pagoda_merge_partials_params& p);

/// Refuses by the names that the library uses.
pagoda_status first_bad_value(const pagoda_validate_step_params& p, pagoda_error* error);

}  // namespace stand_in
