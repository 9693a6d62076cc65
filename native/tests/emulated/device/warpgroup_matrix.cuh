// What src/device/warpgroup_matrix.cuh does, emulated: a product is computed some time between its
// instruction and the wait for its batch, from what then lies in shared memory and registers. That
// fences are there is not checked.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <cstring>

#include "device/tensor_core.cuh"
#include "device_language.h"
#include "machine.h"

namespace pagoda {

constexpr int kMatrixTileRowBytes = 128;
constexpr int kMatrixTileAlignment = 1024;

inline uint32_t matrix_tile_offset(uint32_t row, uint32_t chunk) {
  return row * kMatrixTileRowBytes + ((chunk ^ (row % 8)) * 16);
}

inline uint64_t matrix_descriptor(uint32_t address, uint32_t tile_distance) {
  return address | uint64_t{tile_distance} << 32;
}

inline void matrices_see_shared_writes() {}
inline void begin_matrix_batch() {}
inline void end_matrix_batch() { emulated::end_product_batch(); }
template <int kPending>
void wait_for_matrix_batches() {
  emulated::wait_for_products(kPending);
}
template <int kCount>
void hold_in_registers(float (&)[kCount]) {}
template <int kCount>
void give_up_registers() {}
template <int kCount>
void take_registers() {}

namespace emulated_matrices {

/// Element `column` of row `row` of a tile; the address may be inside the tile's first row.
template <typename Element>
float tile_element(uint32_t address, int row, int column) {
  const uint32_t tile = address / kMatrixTileAlignment * kMatrixTileAlignment;
  const uint32_t first_chunk = address % kMatrixTileAlignment / 16;
  const uint32_t place = tile + matrix_tile_offset(row, first_chunk + column / 8) + column % 8 * 2;
  uint16_t bits;
  std::memcpy(&bits, emulated::shared_bytes(place, 2, "a product"), sizeof bits);
  return to_number(bits, Element{});
}

/// Adds a product of 16 steps to the sums of the calling lane.
template <int kCount, typename Left, typename Right>
void multiply_own(float (&sum)[kCount], const Left& left, const Right& right) {
  for (int i = 0; i < kCount; ++i) {
    const int column = i / 4 * 8 + static_cast<int>(threadIdx.x % 4) * 2 + i % 2;
    for (int k = 0; k < 16; ++k) {
      sum[i] += left(i / 2 % 2, k) * right(k, column);
    }
  }
}

/// The left operand's rows and the right operand's columns are rows of shared memory.
template <typename Element>
void multiply_shared(float (&sum)[64], uint32_t a, uint32_t b, bool adds) {
  const int row = static_cast<int>(threadIdx.x / 32 % 4 * 16 + threadIdx.x % 32 / 4);
  float left[2][16];
  for (int half = 0; half < 2; ++half) {
    for (int k = 0; k < 16; ++k) {
      left[half][k] = tile_element<Element>(a, row + half * 8, k);
    }
  }
  for (float& one : sum) {
    one = adds ? one : 0.0f;
  }
  multiply_own(
      sum, [&](int half, int k) { return left[half][k]; },
      [&](int k, int column) { return tile_element<Element>(b, column, k); });
}

/// The left operand is in registers; rows of shared memory are the right operand's rows.
template <typename Element, int kCount>
void multiply_registers(float (&sum)[kCount], const uint32_t (&a)[4], uint64_t b) {
  // A lane's sums need what the four lanes of its rows hold: the words of each in turn.
  uint32_t words[4][4];
  emulated::meet("a product", a, 4, &words[0][0], 12, [](emulated::Meeting* meeting) {
    for (int lane = 0; lane < 32; ++lane) {
      for (int other = 0; other < 3; ++other) {
        std::memcpy(&meeting->out[lane][4 * other],
                    meeting->in[lane / 4 * 4 + (lane + 1 + other) % 4], 16);
      }
    }
  });
  const int own = static_cast<int>(threadIdx.x % 4);
  const auto left = [&](int half, int k) {
    const int member = k % 8 / 2;
    const int word = k / 8 * 2 + half;
    const uint32_t bits = member == own ? a[word] : words[(member - own - 1 + 4) % 4][word];
    return to_number(static_cast<uint16_t>(bits >> (16 * (k % 2))), Element{});
  };
  const auto address = static_cast<uint32_t>(b);
  const auto tile_distance = static_cast<uint32_t>(b >> 32);
  multiply_own(sum, left, [&](int k, int column) {
    return tile_element<Element>(address + column / 64 * tile_distance, k, column % 64);
  });
}

}  // namespace emulated_matrices

template <typename Element>
void multiply_tiles(float (&sum)[64], uint64_t a, uint64_t b, int32_t adds) {
  emulated::queue_product([&sum, a, b, adds] {
    emulated_matrices::multiply_shared<Element>(sum, static_cast<uint32_t>(a),
                                                static_cast<uint32_t>(b), adds != 0);
  });
}

template <typename Element, int kCount>
void multiply_rows(float (&sum)[kCount], const uint32_t (&a)[4], uint64_t b) {
  emulated::queue_product(
      [&sum, &a, b] { emulated_matrices::multiply_registers<Element>(sum, a, b); });
}

}  // namespace pagoda
