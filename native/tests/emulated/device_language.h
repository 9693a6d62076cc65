// CUDA's words in plain C++: what kernels get from the compiler and from CUDA's own headers.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "machine.h"

#define __CUDA_ARCH__ 900
#define __CUDA_ARCH_FEAT_SM90_ALL

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __grid_constant__
#define __launch_bounds__(...)
#define __align__(bytes) alignas(bytes)

struct dim3 {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
  dim3() = default;
  explicit dim3(unsigned width, unsigned height = 1) : x(width), y(height) {}
};

extern dim3 threadIdx;
extern dim3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;

struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

template <typename A, typename B>
constexpr std::common_type_t<A, B> min(A a, B b) {
  using Both = std::common_type_t<A, B>;
  return static_cast<Both>(b) < static_cast<Both>(a) ? static_cast<Both>(b) : static_cast<Both>(a);
}
template <typename A, typename B>
constexpr std::common_type_t<A, B> max(A a, B b) {
  using Both = std::common_type_t<A, B>;
  return static_cast<Both>(a) < static_cast<Both>(b) ? static_cast<Both>(b) : static_cast<Both>(a);
}

inline float __uint_as_float(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline float __int_as_float(unsigned bits) { return __uint_as_float(bits); }
inline unsigned __float_as_uint(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
inline int __ffs(unsigned bits) { return __builtin_ffs(static_cast<int>(bits)); }
inline int __clz(unsigned bits) { return bits == 0 ? 32 : __builtin_clz(bits); }
inline unsigned __byte_perm(unsigned low, unsigned high, unsigned selector) {
  const uint64_t bytes = static_cast<uint64_t>(high) << 32 | low;
  unsigned chosen = 0;
  for (int i = 0; i < 4; ++i) {
    const unsigned from = selector >> (4 * i) & 7;
    chosen |= static_cast<unsigned>(bytes >> (8 * from) & 0xff) << (8 * i);
  }
  return chosen;
}

template <typename Value>
Value __ldcg(const Value* place) {
  emulated::check_global(place, sizeof *place, "a load");
  if (emulated::random_below(16) == 0) {
    emulated::yield();
  }
  return *place;
}

template <typename Value>
Value __ldcs(const Value* place) {
  return __ldcg(place);
}

inline size_t __cvta_generic_to_shared(const void* pointer) {
  return emulated::shared_address(pointer);
}

// Meetings of a warp.

namespace emulated {

constexpr uint32_t kAllLanes = 0xffffffff;

inline void require_all_lanes(unsigned mask) {
  if (mask != kAllLanes) {
    fail("a meeting of lanes %08x alone", mask);
  }
}

/// What the lane that `choose` names has brought; a lane behind the last one gets its own.
template <typename Value, typename Choose>
Value from_lane(const char* what, Value value, int number, Choose choose) {
  static_assert(sizeof(Value) == 4 || sizeof(Value) == 8);
  constexpr int kWords = sizeof(Value) / 4;
  uint32_t words[3] = {};
  std::memcpy(words, &value, sizeof value);
  words[2] = choose(static_cast<int>(threadIdx.x % 32), number);
  meet(what, words, 3, words, kWords, [](Meeting* meeting) {
    for (int lane = 0; lane < 32; ++lane) {
      const uint32_t from = meeting->in[lane][2];
      std::memcpy(meeting->out[lane], meeting->in[from], 8);
    }
  });
  std::memcpy(&value, words, sizeof value);
  return value;
}

inline unsigned votes(const char* what, bool is_for) {
  uint32_t word = is_for;
  meet(what, &word, 1, &word, 1, [](Meeting* meeting) {
    uint32_t lanes = 0;
    for (int lane = 0; lane < 32; ++lane) {
      lanes |= meeting->in[lane][0] << lane;
    }
    for (auto& out : meeting->out) {
      out[0] = lanes;
    }
  });
  return word;
}

}  // namespace emulated

template <typename Value>
Value __shfl_sync(unsigned mask, Value value, int lane) {
  emulated::require_all_lanes(mask);
  return emulated::from_lane("__shfl_sync", value, lane,
                             [](int, int number) { return number & 31; });
}
template <typename Value>
Value __shfl_xor_sync(unsigned mask, Value value, int bits) {
  emulated::require_all_lanes(mask);
  return emulated::from_lane("__shfl_xor_sync", value, bits,
                             [](int lane, int number) { return (lane ^ number) & 31; });
}
template <typename Value>
Value __shfl_up_sync(unsigned mask, Value value, int distance) {
  emulated::require_all_lanes(mask);
  return emulated::from_lane("__shfl_up_sync", value, distance, [](int lane, int number) {
    return lane >= number ? lane - number : lane;
  });
}
inline unsigned __ballot_sync(unsigned mask, bool is_for) {
  emulated::require_all_lanes(mask);
  return emulated::votes("__ballot_sync", is_for);
}
inline bool __any_sync(unsigned mask, bool is_for) {
  emulated::require_all_lanes(mask);
  return emulated::votes("__any_sync", is_for) != 0;
}
inline bool __all_sync(unsigned mask, bool is_for) {
  emulated::require_all_lanes(mask);
  return emulated::votes("__all_sync", is_for) == emulated::kAllLanes;
}
inline void __syncwarp() { emulated::votes("__syncwarp", true); }
inline void __syncthreads() { emulated::cta_barrier(0, blockDim.x); }

inline unsigned atomicInc(unsigned* counter, unsigned last) {
  return emulated::count_up_to(counter, last);
}

inline unsigned long long atomicMin(unsigned long long* place, unsigned long long value) {
  const unsigned long long before = *place;
  *place = value < before ? value : before;
  emulated::yield();
  return before;
}

/// All threads see one order of writes.
inline void __threadfence_system() {}

/// Goes on by a thousand whenever somebody looks; others go on first.
inline long long clock64() {
  static long long now = 0;
  emulated::yield();
  return now += 1000;
}
