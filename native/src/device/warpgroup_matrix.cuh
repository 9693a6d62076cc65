// Hopper's matrix instructions for four warps together, on tiles in shared memory.
//
// For compute capability 9.0a: include it under an architecture guard's protection only.
//
// A tile is [rows, 64 elements of 16 bits], 128 bytes to a row, on 1024 bytes of shared memory;
// chunk c of 16 bytes of row r lies at chunk c ^ (r % 8). Wider matrices are several tiles side by
// side. Layout and instructions: PTX ISA, "Asynchronous warpgroup level matrix instructions".
//
// In registers a sum of 64 rows is, in lane 4 * group + member of warp w, element 4 * n + 2 * half
// + i: row 16 * w + group + 8 * half, column 8 * n + 2 * member + i.
#ifndef PAGODA_DEVICE_WARPGROUP_MATRIX_CUH
#define PAGODA_DEVICE_WARPGROUP_MATRIX_CUH

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace pagoda {

constexpr int kMatrixTileRowBytes = 128;
constexpr int kMatrixTileAlignment = 1024;

/// Where 16 bytes of a row lie in a tile.
__device__ __forceinline__ uint32_t matrix_tile_offset(uint32_t row, uint32_t chunk) {
  return row * kMatrixTileRowBytes + ((chunk ^ (row % 8)) * 16);
}

/// Names a matrix in shared memory. `tile_distance` is, for a matrix of which rows are multiplied
/// (transposed), the bytes from one tile to the next beside it; without meaning for others.
__device__ __forceinline__ uint64_t matrix_descriptor(uint32_t address, uint32_t tile_distance) {
  constexpr uint64_t kSwizzle128 = uint64_t{1} << 62;
  constexpr uint64_t kEightRows = uint64_t{8 * kMatrixTileRowBytes >> 4} << 32;
  return kSwizzle128 | kEightRows | uint64_t{(tile_distance & 0x3ffff) >> 4} << 16 |
         uint64_t{(address & 0x3ffff) >> 4};
}

/// What threads wrote to shared memory, and what they have seen of others' writes, is there for the
/// matrix instructions that follow.
__device__ __forceinline__ void matrices_see_shared_writes() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/// Begins a batch: registers written before it are there for its instructions.
__device__ __forceinline__ void begin_matrix_batch() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

__device__ __forceinline__ void end_matrix_batch() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/// Waits for all batches but the last `kPending`.
template <int kPending>
__device__ __forceinline__ void wait_for_matrix_batches() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

/// Keeps the compiler from moving uses of a sum ahead of this line, or of what comes before behind.
template <int kCount>
__device__ __forceinline__ void hold_in_registers(float (&sum)[kCount]) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    asm volatile("" : "+f"(sum[i])::"memory");
  }
}

#define PAGODA_SUMS_8(s, i)                                                                   \
  "+f"(s[i]), "+f"(s[i + 1]), "+f"(s[i + 2]), "+f"(s[i + 3]), "+f"(s[i + 4]), "+f"(s[i + 5]), \
      "+f"(s[i + 6]), "+f"(s[i + 7])
#define PAGODA_SUMS_32(s, i) \
  PAGODA_SUMS_8(s, i), PAGODA_SUMS_8(s, i + 8), PAGODA_SUMS_8(s, i + 16), PAGODA_SUMS_8(s, i + 24)
#define PAGODA_NAMES_0_TO_31                                          \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, " \
  "%15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, " \
  "%28, %29, %30, %31"
#define PAGODA_NAMES_32_TO_63                                         \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, " \
  "%45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, " \
  "%58, %59, %60, %61, %62, %63"

/// sum[64, 128] = a[64, 16] * b[128, 16]^T, or += where `adds` is not 0; both in shared memory.
template <typename Element>
__device__ __forceinline__ void multiply_tiles(float (&sum)[64], uint64_t a, uint64_t b,
                                               int32_t adds);

/// sum[64, 2 * kCount] += a[64, 16] * b[16, 2 * kCount]; a in registers as of
/// multiply_accumulate, b in shared memory.
template <typename Element>
__device__ __forceinline__ void multiply_rows(float (&sum)[64], const uint32_t (&a)[4], uint64_t b);
template <typename Element>
__device__ __forceinline__ void multiply_rows(float (&sum)[32], const uint32_t (&a)[4], uint64_t b);

#define PAGODA_WARPGROUP_PRODUCTS(Element, type)                                                   \
  template <>                                                                                      \
  __device__ __forceinline__ void multiply_tiles<Element>(float (&sum)[64], uint64_t a,            \
                                                          uint64_t b, int32_t adds) {              \
    asm volatile(                                                                                  \
        "{\n.reg .pred adds;\nsetp.ne.b32 adds, %66, 0;\n"                                         \
        "wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type " {" PAGODA_NAMES_0_TO_31     \
        ", " PAGODA_NAMES_32_TO_63 "}, %64, %65, adds, 1, 1, 0, 0;\n}\n"                           \
        : PAGODA_SUMS_32(sum, 0), PAGODA_SUMS_32(sum, 32)                                          \
        : "l"(a), "l"(b), "r"(adds));                                                              \
  }                                                                                                \
  template <>                                                                                      \
  __device__ __forceinline__ void multiply_rows<Element>(float (&sum)[64], const uint32_t (&a)[4], \
                                                         uint64_t b) {                             \
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type                      \
                 " {" PAGODA_NAMES_0_TO_31 ", " PAGODA_NAMES_32_TO_63                              \
                 "}, {%64, %65, %66, %67}, %68, 1, 1, 1, 1;\n"                                     \
                 : PAGODA_SUMS_32(sum, 0), PAGODA_SUMS_32(sum, 32)                                 \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));                            \
  }                                                                                                \
  template <>                                                                                      \
  __device__ __forceinline__ void multiply_rows<Element>(float (&sum)[32], const uint32_t (&a)[4], \
                                                         uint64_t b) {                             \
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type                       \
                 " {" PAGODA_NAMES_0_TO_31 "}, {%32, %33, %34, %35}, %36, 1, 1, 1, 1;\n"           \
                 : PAGODA_SUMS_32(sum, 0)                                                          \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));                            \
  }

PAGODA_WARPGROUP_PRODUCTS(__nv_bfloat16, "bf16")
PAGODA_WARPGROUP_PRODUCTS(__half, "f16")

#undef PAGODA_WARPGROUP_PRODUCTS
#undef PAGODA_NAMES_32_TO_63
#undef PAGODA_NAMES_0_TO_31
#undef PAGODA_SUMS_32
#undef PAGODA_SUMS_8

/// Gives registers of the calling warpgroup up, or takes such; all its warps call it. The count is
/// what a thread has afterwards.
template <int kCount>
__device__ __forceinline__ void give_up_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kCount));
}
template <int kCount>
__device__ __forceinline__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kCount));
}

}  // namespace pagoda

#endif
