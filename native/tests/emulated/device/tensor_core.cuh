// What src/device/tensor_core.cuh does, emulated: lanes meet, and the last one computes for all.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <cstring>

#include "machine.h"

namespace pagoda {

namespace emulated_matrices {

inline float to_number(uint16_t bits, __nv_bfloat16) { return __bfloat162float({bits}); }

inline float to_number(uint16_t bits, __half) {
  static const float* const numbers = [] {
    auto* all = new float[1 << 16];
    for (int i = 0; i < 1 << 16; ++i) {
      all[i] = __half2float({static_cast<uint16_t>(i)});
    }
    return all;
  }();
  return numbers[bits];
}

inline uint32_t pair(uint32_t low, uint32_t high) { return (low & 0xffff) | high << 16; }

/// Four matrices from the 32 rows that lanes brought, in four words each.
template <bool kIsTransposed>
void deal(emulated::Meeting* meeting) {
  const auto element = [&](int matrix, int row, int column) {
    return meeting->in[matrix * 8 + row][column / 2] >> (column % 2 * 16);
  };
  for (int lane = 0; lane < 32; ++lane) {
    const int group = lane / 4;
    const int member = lane % 4;
    for (int matrix = 0; matrix < 4; ++matrix) {
      meeting->out[lane][matrix] =
          kIsTransposed
              ? pair(element(matrix, 2 * member, group), element(matrix, 2 * member + 1, group))
              : pair(element(matrix, group, 2 * member), element(matrix, group, 2 * member + 1));
    }
  }
}

inline void load_row(uint32_t (&row)[4], uint32_t address) {
  if (address % 16 != 0) {
    emulated::fail("a matrix load from %u", address);
  }
  std::memcpy(row, emulated::shared_bytes(address, 16, "a matrix load"), sizeof row);
}

/// Words of a lane: 0 to 3 the left operand, 4 and 5 the right one, 6 to 9 the sums.
template <typename Element>
void multiply(emulated::Meeting* meeting) {
  float left[16][16];
  float right[8][16];
  for (int lane = 0; lane < 32; ++lane) {
    const int group = lane / 4;
    const int member = lane % 4;
    const uint32_t* in = meeting->in[lane];
    for (int i = 0; i < 2; ++i) {
      for (int word = 0; word < 4; ++word) {
        left[group + word % 2 * 8][2 * member + i + word / 2 * 8] =
            to_number(static_cast<uint16_t>(in[word] >> (16 * i)), Element{});
      }
      for (int word = 0; word < 2; ++word) {
        right[group][2 * member + i + word * 8] =
            to_number(static_cast<uint16_t>(in[4 + word] >> (16 * i)), Element{});
      }
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + i / 2 * 8;
      const int column = lane % 4 * 2 + i % 2;
      float sum;
      std::memcpy(&sum, &meeting->in[lane][6 + i], sizeof sum);
      for (int k = 0; k < 16; ++k) {
        sum += left[row][k] * right[column][k];
      }
      std::memcpy(&meeting->out[lane][i], &sum, sizeof sum);
    }
  }
}

}  // namespace emulated_matrices

inline void load_matrices(uint32_t (&matrices)[4], uint32_t row_address) {
  uint32_t row[4];
  emulated_matrices::load_row(row, row_address);
  emulated::meet("load_matrices", row, 4, matrices, 4, emulated_matrices::deal<false>);
}

inline void load_matrices_transposed(uint32_t (&matrices)[4], uint32_t row_address) {
  uint32_t row[4];
  emulated_matrices::load_row(row, row_address);
  emulated::meet("load_matrices_transposed", row, 4, matrices, 4, emulated_matrices::deal<true>);
}

inline uint32_t transpose_matrix(uint32_t matrix) {
  uint32_t transposed;
  emulated::meet("transpose_matrix", &matrix, 1, &transposed, 1, [](emulated::Meeting* meeting) {
    for (int lane = 0; lane < 32; ++lane) {
      const int row = lane / 4;
      const auto element = [&](int column) {
        return meeting->in[column * 4 + row / 2][0] >> (row % 2 * 16);
      };
      meeting->out[lane][0] =
          emulated_matrices::pair(element(lane % 4 * 2), element(lane % 4 * 2 + 1));
    }
  });
  return transposed;
}

template <typename Element>
void multiply_accumulate(float (&sum)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  uint32_t words[10];
  std::memcpy(words, a, sizeof a);
  words[4] = b0;
  words[5] = b1;
  std::memcpy(words + 6, sum, sizeof sum);
  uint32_t out[4];
  emulated::meet("multiply_accumulate", words, 10, out, 4, emulated_matrices::multiply<Element>);
  std::memcpy(sum, out, sizeof sum);
}

}  // namespace pagoda
