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
  const auto fill = [&](pagoda_dtype dtype, int head_dim, int64_t base, int64_t tile,
                        std::vector<char>* rows) {
    const int64_t stride = (int64_t{shape.num_kv_heads} * head_dim + what.row_padding) * row_bytes;
    rows->assign(num_tokens * stride, static_cast<char>(0xff));
    for (int token = 0; token < num_tokens; ++token) {
      for (int i = 0; i < shape.num_kv_heads * head_dim; ++i) {
        const float value = rounded(random.normal(), what.row_dtype);
        store(&(*rows)[token * stride + i * row_bytes], what.row_dtype, value);
        const int64_t slot = slots[token];
        if (slot >= 0 && slot < int64_t{shape.num_blocks} * shape.block_size) {
          store(
              &expected[slot / shape.block_size * layer.block_bytes + base + i / head_dim * tile +
                        (slot % shape.block_size * head_dim + i % head_dim) * element_bytes(dtype)],
              dtype, value);
        }
      }
    }
    return stride;
  };
  std::vector<char> keys;
  std::vector<char> values;
  pagoda_write_kv_params params{};
  params.key_row_stride_bytes =
      fill(layer.key_dtype, shape.key_head_dim, layer.key_base_bytes, layer.key_tile_bytes, &keys);
  params.value_row_stride_bytes = fill(layer.value_dtype, shape.value_head_dim,
                                       layer.value_base_bytes, layer.value_tile_bytes, &values);
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

/// Slots around powers of two: those beyond 2^32 bytes hold what was written, their neighbours and
/// the places that 32-bit offsets would mean do not.
void writes_beyond_four_gibibytes() {
  PoolShape shape;
  shape.num_layers = 1;
  shape.layer = 0;
  shape.num_kv_heads = 8;
  shape.num_blocks = 80000;  // of 64 KiB: 5.2 GB, 2.6 * 10^9 elements
  pagoda_kv_layer layer = layer_of(shape, 0);
  DeviceBytes pool(shape.num_blocks * layer.block_bytes);
  layer.pool = pool.address();
  const std::vector<int64_t> blocks = {79999, 65537, 65536, 65535, 32769, 32768, 32767};
  const int num_tokens = static_cast<int>(blocks.size());
  std::vector<int64_t> slots;
  for (const int64_t block : blocks) {
    slots.push_back(block * shape.block_size + 3);
  }
  const int row_elements = shape.num_kv_heads * shape.key_head_dim;
  Random random(9);
  std::vector<char> rows(int64_t{num_tokens} * row_elements * 2);
  for (int64_t i = 0; i < int64_t{num_tokens} * row_elements; ++i) {
    store(&rows[i * 2], PAGODA_DTYPE_BF16, random.normal());
  }
  DeviceBytes rows_device(rows.size());
  DeviceBytes slots_device(slots.size() * 8);
  write_all(rows_device, rows);
  write_all(slots_device, slots);
  pagoda_write_kv_params params{};
  params.layer = layer;
  params.keys = rows_device.address();
  params.values = rows_device.address();
  params.slot_mapping = slots_device.address();
  params.key_row_stride_bytes = row_elements * 2;
  params.value_row_stride_bytes = row_elements * 2;
  params.num_tokens = num_tokens;
  params.row_dtype = PAGODA_DTYPE_BF16;
  pagoda_error error{};
  check(pagoda_write_kv(&params, nullptr, &error), error);
  check(cudaDeviceSynchronize(), "write_kv");
  const auto block_of = [&](int64_t block) {
    std::vector<char> bytes(layer.block_bytes);
    check(cudaMemcpy(bytes.data(),
                     reinterpret_cast<const char*>(pool.address()) + block * layer.block_bytes,
                     bytes.size(), cudaMemcpyDeviceToHost),
          "cudaMemcpy");
    return bytes;
  };
  const std::vector<char> untouched(layer.block_bytes, static_cast<char>(0xff));
  for (int token = 0; token < num_tokens; ++token) {
    std::vector<char> expected = untouched;
    for (int head = 0; head < shape.num_kv_heads; ++head) {
      const char* row = &rows[(int64_t{token} * row_elements + head * shape.key_head_dim) * 2];
      const int64_t in_tile = int64_t{3} * shape.key_head_dim * 2;
      std::copy_n(row, shape.key_head_dim * 2,
                  &expected[layer.key_base_bytes + head * layer.key_tile_bytes + in_tile]);
      std::copy_n(row, shape.key_head_dim * 2,
                  &expected[layer.value_base_bytes + head * layer.value_tile_bytes + in_tile]);
    }
    CLAIM(block_of(blocks[token]) == expected);
  }
  for (const int64_t block : {0, 1, 79999 - 65536, 79998, 65538, 65534, 32766, 32770}) {
    CLAIM(block_of(block) == untouched);
  }
}

}  // namespace

int main(int argc, char** argv) {
  require_gpu();
  if (argc < 2 || std::strcmp(argv[1], "short") != 0) {
    writes_beyond_four_gibibytes();
  }
  uint64_t seed = 100;
  const char* names[] = {"FP32", "FP16", "BF16"};
  for (const pagoda_dtype dtype : {PAGODA_DTYPE_FP32, PAGODA_DTYPE_FP16, PAGODA_DTYPE_BF16}) {
    WriteCase mixed;
    mixed.shape.dtype = dtype;
    mixed.shape.maybe_value_dtype =
        dtype == PAGODA_DTYPE_FP32 ? PAGODA_DTYPE_BF16 : PAGODA_DTYPE_FP32;
    mixed.row_dtype = PAGODA_DTYPE_FP32;
    mixed.title = std::string("FP32 rows into ") + names[dtype] + " keys and " +
                  names[mixed.shape.value_dtype()] + " values";
    writes_its_slots_and_nothing_else(mixed, seed++);
    for (const pagoda_dtype row_dtype : {PAGODA_DTYPE_FP32, PAGODA_DTYPE_FP16, PAGODA_DTYPE_BF16}) {
      for (const int dim : {128, 80, 33}) {
        WriteCase what;
        what.shape.dtype = dtype;
        what.shape.key_head_dim = dim;
        what.shape.value_head_dim = dim == 80 ? 64 : dim;
        what.shape.num_kv_heads = 3;
        what.shape.block_size = dim == 33 ? 5 : 16;
        what.row_dtype = row_dtype;
        // Rows on no 16 bytes of head dims that are, and the other way round.
        what.row_padding = dim == 128 ? 0 : dim == 80 ? 3 : 5;
        what.title = std::string(names[row_dtype]) + " rows into " + names[dtype] + ", head dim " +
                     std::to_string(dim);
        writes_its_slots_and_nothing_else(what, seed++);
      }
    }
  }
  return num_false_claims == 0 ? 0 : 1;
}
