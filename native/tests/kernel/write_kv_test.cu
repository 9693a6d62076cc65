// Writes by slot mapping: every byte of the pool is either a written element or as it was.

#include <algorithm>
#include <numeric>
#include <string>

#include "kernel_fixture.h"

namespace {

using namespace fixture;

struct WriteCase {
  std::string title;
  PoolShape shape;
  pagoda_dtype row_dtype = PAGODA_DTYPE_BF16;
  int num_tokens = 37;
  int row_padding = 0;  // elements behind each row
};

void writes_its_slots_and_nothing_else(const WriteCase& what, uint64_t seed) {
  Random random(seed);
  PoolShape shape = what.shape;
  shape.num_blocks = 11;
  pagoda_kv_layer layer = layer_of(shape, 0);
  DeviceBytes pool(shape.num_blocks * layer.block_bytes);
  layer.pool = pool.address();
  std::vector<char> expected = pool.read();

  std::vector<int64_t> slots(shape.num_blocks * shape.block_size);
  std::iota(slots.begin(), slots.end(), 0);
  for (size_t i = slots.size(); i > 1; --i) {
    std::swap(slots[i - 1], slots[random.below(static_cast<int>(i))]);
  }
  slots.resize(std::min<size_t>(slots.size(), what.num_tokens));
  slots[0] = -1;
  slots.back() = int64_t{shape.num_blocks} * shape.block_size;  // past the end: no slot either
  const int num_tokens = static_cast<int>(slots.size());

  const int row_bytes = element_bytes(what.row_dtype);
  const auto fill = [&](int head_dim, int64_t base, int64_t tile, std::vector<char>* rows) {
    const int64_t stride = (int64_t{shape.num_kv_heads} * head_dim + what.row_padding) * row_bytes;
    rows->assign(num_tokens * stride, static_cast<char>(0xff));
    for (int token = 0; token < num_tokens; ++token) {
      for (int i = 0; i < shape.num_kv_heads * head_dim; ++i) {
        const float value = rounded(random.normal(), what.row_dtype);
        store(&(*rows)[token * stride + i * row_bytes], what.row_dtype, value);
        const int64_t slot = slots[token];
        if (slot >= 0 && slot < int64_t{shape.num_blocks} * shape.block_size) {
          store(&expected[slot / shape.block_size * layer.block_bytes + base +
                          i / head_dim * tile +
                          (slot % shape.block_size * head_dim + i % head_dim) *
                              element_bytes(shape.dtype)],
                shape.dtype, value);
        }
      }
    }
    return stride;
  };
  std::vector<char> keys;
  std::vector<char> values;
  pagoda_write_kv_params params{};
  params.key_row_stride_bytes =
      fill(shape.key_head_dim, layer.key_base_bytes, layer.key_tile_bytes, &keys);
  params.value_row_stride_bytes =
      fill(shape.value_head_dim, layer.value_base_bytes, layer.value_tile_bytes, &values);
  DeviceBytes keys_device(keys.size());
  DeviceBytes values_device(values.size());
  DeviceBytes slots_device(slots.size() * 8);
  write_all(keys_device, keys);
  write_all(values_device, values);
  write_all(slots_device, slots);
  params.layer = layer;
  params.keys = keys_device.address();
  params.values = values_device.address();
  params.slot_mapping = slots_device.address();
  params.num_tokens = num_tokens;
  params.row_dtype = what.row_dtype;
  pagoda_error error{};
  check(pagoda_write_kv(&params, nullptr, &error), error);
  check(cudaDeviceSynchronize(), what.title.c_str());
  const bool is_equal = pool.read() == expected;
  std::printf("%-60s %s\n", what.title.c_str(), is_equal ? "equal" : "DIFFERENT");
  CLAIM(is_equal);
}

}  // namespace

int main() {
  require_gpu();
  uint64_t seed = 100;
  const char* names[] = {"FP32", "FP16", "BF16"};
  for (const pagoda_dtype dtype : {PAGODA_DTYPE_FP32, PAGODA_DTYPE_FP16, PAGODA_DTYPE_BF16}) {
    for (const pagoda_dtype row_dtype : {PAGODA_DTYPE_FP32, PAGODA_DTYPE_FP16, PAGODA_DTYPE_BF16}) {
      for (const int dim : {128, 80, 33}) {
        WriteCase what;
        what.shape.dtype = dtype;
        what.shape.key_head_dim = dim;
        what.shape.value_head_dim = dim == 80 ? 64 : dim;
        what.shape.num_kv_heads = 3;
        what.shape.block_size = dim == 33 ? 5 : 16;
        what.row_dtype = row_dtype;
        what.row_padding = dim == 128 ? 0 : 3;
        what.title = std::string(names[row_dtype]) + " rows into " + names[dtype] +
                     ", head dim " + std::to_string(dim);
        writes_its_slots_and_nothing_else(what, seed++);
      }
    }
  }
  return num_false_claims == 0 ? 0 : 1;
}
