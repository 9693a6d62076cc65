// Numbers of the three dtypes at addresses that are allocated.

#pragma once

#include "pagoda/pagoda.h"

namespace stand_in {

int64_t bytes_of(pagoda_dtype dtype);

double read(pagoda_dtype dtype, uint64_t address);

/// Rounds to nearest, ties to even.
void write(pagoda_dtype dtype, uint64_t address, float value);

/// What is read after a value was written.
double rounded(pagoda_dtype dtype, double value);

}  // namespace stand_in
