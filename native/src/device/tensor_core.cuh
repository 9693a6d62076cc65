// Warp-wide matrix instructions on 16-bit elements with FP32 accumulators (sm_80 and up).
//
// Words: lane = 4 * group + member. An 8 x 8 matrix in registers has row `group`, columns
// 2 * member and 2 * member + 1 in each lane.
#ifndef PAGODA_DEVICE_TENSOR_CORE_CUH
#define PAGODA_DEVICE_TENSOR_CORE_CUH

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace pagoda {

/// Loads four 8 x 8 matrices; lane i names row i % 8 of matrix i / 8, 16 bytes each.
__device__ __forceinline__ void load_matrices(uint32_t (&matrices)[4], uint32_t row_address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(matrices[0]), "=r"(matrices[1]), "=r"(matrices[2]), "=r"(matrices[3])
               : "r"(row_address)
               : "memory");
}

/// The same, each matrix transposed on its way into the registers.
__device__ __forceinline__ void load_matrices_transposed(uint32_t (&matrices)[4],
                                                         uint32_t row_address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(matrices[0]), "=r"(matrices[1]), "=r"(matrices[2]), "=r"(matrices[3])
               : "r"(row_address)
               : "memory");
}

__device__ __forceinline__ uint32_t transpose_matrix(uint32_t matrix) {
  uint32_t transposed;
  asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(transposed) : "r"(matrix));
  return transposed;
}

/// sum[16, 8] += a[16, 16] * b[16, 8].
template <typename Element>
__device__ __forceinline__ void multiply_accumulate(float (&sum)[4], const uint32_t (&a)[4],
                                                    uint32_t b0, uint32_t b1);

template <>
__device__ __forceinline__ void multiply_accumulate<__nv_bfloat16>(float (&sum)[4],
                                                                   const uint32_t (&a)[4],
                                                                   uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

template <>
__device__ __forceinline__ void multiply_accumulate<__half>(float (&sum)[4], const uint32_t (&a)[4],
                                                            uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

}  // namespace pagoda

#endif
