// SPDX-License-Identifier: MIT
// Values on their way out: to the caller's layout, or to pixels.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"
#include "stages/normalise.h"

namespace melpix {

// Rows of a matrix to where the caller wants them, in tiles: both sides stay in the nearest caches
// if one of them runs across.
template <class T, class U>
void lay_out(const Matrix<T>& x, U* out, std::ptrdiff_t row_stride, std::ptrdiff_t column_stride) {
  constexpr std::size_t kTile = 16;
  for (std::size_t top = 0; top < x.rows; top += kTile)
    for (std::size_t left = 0; left < x.columns; left += kTile) {
      const T* from = x.values + top * x.stride + left;
      U* to = out + static_cast<std::ptrdiff_t>(top) * row_stride +
              static_cast<std::ptrdiff_t>(left) * column_stride;
      const std::size_t rows = std::min(kTile, x.rows - top);
      const std::size_t columns = std::min(kTile, x.columns - left);
      if (row_stride == 1 && rows == kTile) {
        // Frames one after the other: their values are written side by side.
        for (std::size_t t = 0; t < columns; ++t, to += column_stride)
          for (std::size_t m = 0; m < kTile; ++m) to[m] = static_cast<U>(from[m * x.stride + t]);
        continue;
      }
      for (std::size_t m = 0; m < rows; ++m, from += x.stride, to += row_stride)
        for (std::size_t t = 0; t < columns; ++t)
          to[static_cast<std::ptrdiff_t>(t) * column_stride] = static_cast<U>(from[t]);
    }
}

template <class T>
void pixels(const Kernels<T>& kernels, const T* values, std::size_t n, const Greys<T>& rule,
            std::uint8_t* out) {
  kernels.pixels8(values, n, rule, out);
}
template <class T>
void pixels(const Kernels<T>& kernels, const T* values, std::size_t n, const Greys<T>& rule,
            std::uint16_t* out) {
  kernels.pixels16(values, n, rule, out);
}

}  // namespace melpix
