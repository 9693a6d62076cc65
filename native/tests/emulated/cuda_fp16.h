// FP16: five bits of exponent, ten of fraction.
#pragma once

#include <cmath>
#include <cstdint>

struct __half {
  uint16_t bits;
};
struct __half2 {
  __half x, y;
};

inline float __half2float(__half element) {
  const int exponent = element.bits >> 10 & 31;
  const int fraction = element.bits & 1023;
  float magnitude;
  if (exponent == 31) {
    magnitude = fraction == 0 ? HUGE_VALF : NAN;
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    magnitude = std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  }
  return element.bits >> 15 != 0 ? -magnitude : magnitude;
}

/// To nearest, ties to even; too large becomes infinity.
inline __half __float2half_rn(float value) {
  const auto sign = static_cast<uint16_t>(std::signbit(value) ? 0x8000 : 0);
  const float magnitude = std::fabs(value);
  if (std::isnan(value)) {
    return {0x7fff};
  }
  if (magnitude >= 65520.0f) {
    return {static_cast<uint16_t>(sign | 0x7c00)};
  }
  int exponent = 0;
  std::frexp(magnitude, &exponent);  // in [2^(exponent - 1), 2^exponent)
  exponent = magnitude == 0.0f || exponent < -13 ? -13 : exponent;
  // In units of the last place; 1024 of them, and 2048, carry into the exponent by themselves.
  const auto units = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 11 - exponent)));
  return {static_cast<uint16_t>(sign | (((exponent + 13) << 10) + units))};
}

inline __half __float2half(float value) { return __float2half_rn(value); }
inline __half2 __floats2half2_rn(float x, float y) {
  return {__float2half_rn(x), __float2half_rn(y)};
}
