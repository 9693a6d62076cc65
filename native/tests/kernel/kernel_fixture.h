// What every kernel test needs: a device, arrays on it, seeded numbers, elements of each dtype.
#ifndef PAGODA_TESTS_KERNEL_FIXTURE_H
#define PAGODA_TESTS_KERNEL_FIXTURE_H

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "claim.h"
#include "pagoda/pagoda.h"

namespace fixture {

constexpr int kSkipped = 77;

/// Ends the program with 0 devices: skipped, or failed where PAGODA_GPU=ON promises one.
inline void require_gpu() {
  int32_t num_devices = 0;
  pagoda_error error{};
  if (pagoda_device_count(&num_devices, &error) == PAGODA_STATUS_OK) {
    return;
  }
  const char* gpu_expected = std::getenv("PAGODA_GPU");
  const bool must_run = gpu_expected != nullptr && std::strcmp(gpu_expected, "ON") == 0;
  std::printf("%s: %s\n", must_run ? "failed, PAGODA_GPU=ON" : "skipped", error.text);
  std::exit(must_run ? 1 : kSkipped);
}

inline void check(cudaError_t answer, const char* what) {
  if (answer != cudaSuccess) {
    std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(answer));
    std::exit(1);
  }
}

inline void check(pagoda_status status, const pagoda_error& error) {
  if (status != PAGODA_STATUS_OK) {
    std::fprintf(stderr, "status %d: %s\n", status, error.text);
    std::exit(1);
  }
}

/// Bytes of device memory, freed at the end of the scope; every bit set, so that floats are NaN.
class DeviceBytes {
 public:
  explicit DeviceBytes(size_t num_bytes) : num_bytes_(num_bytes) {
    check(cudaMalloc(&pointer_, num_bytes), "cudaMalloc");
    poison();
  }
  ~DeviceBytes() { cudaFree(pointer_); }
  DeviceBytes(const DeviceBytes&) = delete;
  DeviceBytes& operator=(const DeviceBytes&) = delete;

  void poison() { fill(0xff); }
  void clear() { fill(0); }
  uint64_t address() const { return reinterpret_cast<uint64_t>(pointer_); }
  size_t size() const { return num_bytes_; }

  void write(const void* source, size_t num_bytes, size_t offset = 0) {
    check(cudaMemcpy(static_cast<char*>(pointer_) + offset, source, num_bytes,
                     cudaMemcpyHostToDevice),
          "cudaMemcpy to device");
  }
  std::vector<char> read() const {
    std::vector<char> bytes(num_bytes_);
    check(cudaMemcpy(bytes.data(), pointer_, num_bytes_, cudaMemcpyDeviceToHost),
          "cudaMemcpy to host");
    return bytes;
  }

 private:
  /// Waits for it, as work in a stream of its own would not.
  void fill(int byte) {
    check(cudaMemset(pointer_, byte, num_bytes_), "cudaMemset");
    check(cudaDeviceSynchronize(), "cudaMemset");
  }

  void* pointer_ = nullptr;
  size_t num_bytes_;
};

/// Pinned host memory, freed at the end of the scope.
class PinnedBytes {
 public:
  explicit PinnedBytes(int64_t num_bytes) {
    pagoda_error error{};
    check(pagoda_pinned_allocate(num_bytes, &address_, &error), error);
  }
  ~PinnedBytes() { pagoda_pinned_free(address_, nullptr); }
  PinnedBytes(const PinnedBytes&) = delete;
  PinnedBytes& operator=(const PinnedBytes&) = delete;
  uint64_t address() const { return address_; }
  template <typename Value>
  Value* as() const {
    return reinterpret_cast<Value*>(address_);
  }

 private:
  uint64_t address_ = 0;
};

template <typename Element>
void write_all(DeviceBytes& target, const std::vector<Element>& source) {
  target.write(source.data(), source.size() * sizeof(Element));
}

/// Marsaglia's xorshift64*: the same numbers everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ull + 1) {}
  uint64_t bits() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1dull;
  }
  int below(int bound) { return static_cast<int>((bits() >> 33) % static_cast<uint64_t>(bound)); }
  /// Roughly normal: the sum of twelve uniform numbers.
  float normal() {
    float sum = -6.0f;
    for (int i = 0; i < 12; ++i) {
      sum += static_cast<float>(bits() >> 40) * 0x1p-24f;
    }
    return sum;
  }

 private:
  uint64_t state_;
};

inline int element_bytes(pagoda_dtype dtype) { return dtype == PAGODA_DTYPE_FP32 ? 4 : 2; }

inline void store(char* place, pagoda_dtype dtype, float value) {
  if (dtype == PAGODA_DTYPE_FP32) {
    std::memcpy(place, &value, 4);
  } else if (dtype == PAGODA_DTYPE_FP16) {
    const __half element = __float2half(value);
    std::memcpy(place, &element, 2);
  } else {
    const __nv_bfloat16 element = __float2bfloat16(value);
    std::memcpy(place, &element, 2);
  }
}

inline float load(const char* place, pagoda_dtype dtype) {
  if (dtype == PAGODA_DTYPE_FP32) {
    float value;
    std::memcpy(&value, place, 4);
    return value;
  }
  if (dtype == PAGODA_DTYPE_FP16) {
    __half element;
    std::memcpy(&element, place, 2);
    return __half2float(element);
  }
  __nv_bfloat16 element;
  std::memcpy(&element, place, 2);
  return __bfloat162float(element);
}

inline float rounded(float value, pagoda_dtype dtype) {
  char place[4];
  store(place, dtype, value);
  return load(place, dtype);
}

inline int64_t rounded_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/// Shape of the layers of a pool; every layer alike.
struct PoolShape {
  pagoda_dtype dtype = PAGODA_DTYPE_BF16;
  std::optional<pagoda_dtype> maybe_value_dtype;  // where values differ from keys
  int num_layers = 2;
  int layer = 1;  // the one under test
  int num_kv_heads = 2;
  int block_size = 16;
  int key_head_dim = 128;
  int value_head_dim = 128;
  int num_blocks = 0;

  pagoda_dtype value_dtype() const { return maybe_value_dtype.value_or(dtype); }
};

inline pagoda_kv_layer layer_of(const PoolShape& shape, uint64_t pool) {
  pagoda_kv_layer layer{};
  layer.pool = pool;
  layer.num_blocks = shape.num_blocks;
  layer.key_tile_bytes =
      rounded_up(int64_t{shape.block_size} * shape.key_head_dim * element_bytes(shape.dtype), 64);
  layer.value_tile_bytes = rounded_up(
      int64_t{shape.block_size} * shape.value_head_dim * element_bytes(shape.value_dtype()), 64);
  const int64_t layer_bytes = shape.num_kv_heads * (layer.key_tile_bytes + layer.value_tile_bytes);
  layer.block_bytes = shape.num_layers * layer_bytes;
  layer.key_base_bytes = shape.layer * layer_bytes;
  layer.value_base_bytes = layer.key_base_bytes + shape.num_kv_heads * layer.key_tile_bytes;
  layer.num_kv_heads = shape.num_kv_heads;
  layer.block_size = shape.block_size;
  layer.key_head_dim = shape.key_head_dim;
  layer.value_head_dim = shape.value_head_dim;
  layer.key_dtype = shape.dtype;
  layer.value_dtype = shape.value_dtype();
  return layer;
}

}  // namespace fixture

#endif
