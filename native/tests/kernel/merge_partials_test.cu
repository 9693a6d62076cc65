// Merged partial results against float64, with empty parts that hold NaN.

#include <limits>

#include "kernel_fixture.h"

namespace {

using namespace fixture;

struct MergeCase {
  pagoda_dtype dtype;
  int num_partials;
  int num_rows;
  int head_dim;
};

void merges_as_float64_does(const MergeCase& what, uint64_t seed) {
  Random random(seed);
  const int64_t rows = int64_t{what.num_partials} * what.num_rows;
  const int bytes = element_bytes(what.dtype);
  std::vector<char> outputs(rows * what.head_dim * bytes);
  std::vector<float> lse(rows);
  for (int64_t row = 0; row < rows; ++row) {
    // Row 1 has no part at all; of the others every fourth part is empty and holds NaN.
    const bool is_empty = row % what.num_rows == 1 || random.below(4) == 0;
    lse[row] = is_empty ? -std::numeric_limits<float>::infinity() : 8.0f * random.normal();
    for (int dim = 0; dim < what.head_dim; ++dim) {
      store(&outputs[(row * what.head_dim + dim) * bytes], what.dtype,
            is_empty ? NAN : random.normal());
    }
  }
  DeviceBytes device_outputs(outputs.size());
  DeviceBytes device_lse(lse.size() * 4);
  DeviceBytes merged(int64_t{what.num_rows} * what.head_dim * bytes);
  DeviceBytes merged_lse(what.num_rows * 4);
  write_all(device_outputs, outputs);
  write_all(device_lse, lse);
  const pagoda_merge_partials_params params{
      device_outputs.address(), device_lse.address(), merged.address(), merged_lse.address(),
      what.num_partials,        what.num_rows,        what.head_dim,    what.dtype};
  pagoda_error error{};
  check(pagoda_merge_partials(&params, nullptr, &error), error);
  check(cudaDeviceSynchronize(), "merge_partials");

  const std::vector<char> actual = merged.read();
  const std::vector<char> actual_lse = merged_lse.read();
  double difference = 0;
  double norm = 0;
  for (int row = 0; row < what.num_rows; ++row) {
    double sum = 0;
    for (int part = 0; part < what.num_partials; ++part) {
      sum += std::exp(static_cast<double>(lse[int64_t{part} * what.num_rows + row]));
    }
    const float lse_here = load(&actual_lse[row * 4], PAGODA_DTYPE_FP32);
    CLAIM(sum == 0 ? std::isinf(lse_here) && lse_here < 0
                   : std::abs(lse_here - std::log(sum)) < 1e-5 * (1 + std::abs(std::log(sum))));
    for (int dim = 0; dim < what.head_dim; ++dim) {
      double expected = 0;
      for (int part = 0; part < what.num_partials; ++part) {
        const int64_t at = int64_t{part} * what.num_rows + row;
        const double weight = sum == 0 ? 0 : std::exp(static_cast<double>(lse[at])) / sum;
        if (weight > 0) {
          expected += weight * load(&outputs[(at * what.head_dim + dim) * bytes], what.dtype);
        }
      }
      const double value = load(&actual[(int64_t{row} * what.head_dim + dim) * bytes], what.dtype);
      difference += (value - expected) * (value - expected);
      norm += expected * expected;
    }
  }
  const double relative = std::sqrt(difference / norm);
  const double bound = what.dtype == PAGODA_DTYPE_FP32   ? 2e-6
                       : what.dtype == PAGODA_DTYPE_FP16 ? 1e-3
                                                         : 6e-3;
  std::printf("%d parts of %d rows, head dim %d, dtype %d: %.2g\n", what.num_partials,
              what.num_rows, what.head_dim, what.dtype, relative);
  CLAIM(relative < bound);
}

}  // namespace

int main() {
  require_gpu();
  uint64_t seed = 41;
  for (const pagoda_dtype dtype : {PAGODA_DTYPE_FP32, PAGODA_DTYPE_FP16, PAGODA_DTYPE_BF16}) {
    merges_as_float64_does({dtype, 1, 7, 128}, seed++);
    merges_as_float64_does({dtype, 2, 2048, 128}, seed++);
    merges_as_float64_does({dtype, 9, 33, 80}, seed++);
    merges_as_float64_does({dtype, 64, 3, 3}, seed++);
  }
  return num_false_claims == 0 ? 0 : 1;
}
