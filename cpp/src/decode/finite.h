// SPDX-License-Identifier: MIT
// Whether samples are finite: without a branch in the loop, so that it vectorises.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace melpix::decode {

// Of NaN and infinity, all bits of the exponent are set.
template <class Bits, class T>
bool finite_bits(const T* x, std::size_t count, Bits exponent) {
  Bits bad = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, x + i, sizeof(bits));
    bad |= static_cast<Bits>((bits & exponent) == exponent);
  }
  return bad == 0;
}

inline bool all_finite(const float* x, std::size_t count) {
  return finite_bits<std::uint32_t>(x, count, 0x7f800000);
}

inline bool all_finite(const double* x, std::size_t count) {
  return finite_bits<std::uint64_t>(x, count, 0x7ff0000000000000);
}

}  // namespace melpix::decode
