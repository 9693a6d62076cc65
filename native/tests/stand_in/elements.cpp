#include "elements.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace stand_in {

namespace {

float from_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

double half_to_double(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = bits >> 10 & 31;
  const uint32_t mantissa = bits & 1023;
  if (exponent == 0) {
    const double value = static_cast<double>(mantissa) / (1 << 24);
    return sign == 0 ? value : -value;
  }
  const uint32_t widened = exponent == 31 ? 255 : exponent + 112;
  return from_bits(sign | widened << 23 | mantissa << 13);
}

uint16_t float_to_half(float value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value)) {
    return sign | 0x7e00;
  }
  const double size = std::fabs(static_cast<double>(value));
  if (size >= 65520) {
    return sign | 0x7c00;
  }
  int exponent = size == 0 ? -14 : std::max(-14, std::ilogb(size));
  // Round half to even, as the default rounding mode has it.
  const auto mantissa = static_cast<int>(std::nearbyint(std::ldexp(size, 10 - exponent)));
  return sign | static_cast<uint16_t>((exponent + 14) * 1024 + mantissa);
}

}  // namespace

int64_t bytes_of(pagoda_dtype dtype) { return dtype == PAGODA_DTYPE_FP32 ? 4 : 2; }

double read(pagoda_dtype dtype, uint64_t address) {
  switch (dtype) {
    case PAGODA_DTYPE_FP32:
      return *reinterpret_cast<const float*>(static_cast<uintptr_t>(address));
    case PAGODA_DTYPE_FP16:
      return half_to_double(*reinterpret_cast<const uint16_t*>(static_cast<uintptr_t>(address)));
    default:
      return from_bits(
          static_cast<uint32_t>(*reinterpret_cast<const uint16_t*>(static_cast<uintptr_t>(address)))
          << 16);
  }
}

void write(pagoda_dtype dtype, uint64_t address, float value) {
  auto* target = reinterpret_cast<char*>(static_cast<uintptr_t>(address));
  if (dtype == PAGODA_DTYPE_FP32) {
    std::memcpy(target, &value, 4);
    return;
  }
  uint16_t bits;
  if (dtype == PAGODA_DTYPE_FP16) {
    bits = float_to_half(value);
  } else {
    uint32_t whole;
    std::memcpy(&whole, &value, 4);
    bits = static_cast<uint16_t>(std::isnan(value) ? 0x7fc0
                                                   : (whole + 0x7fff + (whole >> 16 & 1)) >> 16);
  }
  std::memcpy(target, &bits, 2);
}

double rounded(pagoda_dtype dtype, double value) {
  char bits[4];
  const auto address = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(bits));
  write(dtype, address, static_cast<float>(value));
  return read(dtype, address);
}

}  // namespace stand_in
