// SPDX-License-Identifier: MIT
#include "melpix/scanline.h"

#include <cstdlib>
#include <cstring>

namespace melpix {
namespace {

constexpr std::uint8_t kNone = 0, kSub = 1, kUp = 2, kAverage = 3, kPaeth = 4;

// Whichever of left, above and upper left is nearest to left + above - upper left.
std::uint8_t paeth(int left, int above, int corner) {
  const int d_left = std::abs(above - corner);
  const int d_above = std::abs(left - corner);
  const int d_corner = std::abs(left + above - 2 * corner);
  if (d_left <= d_above && d_left <= d_corner) return static_cast<std::uint8_t>(left);
  return static_cast<std::uint8_t>(d_above <= d_corner ? above : corner);
}

}  // namespace

void filter_scanlines(const std::uint8_t* image, std::size_t height, std::size_t width,
                      std::ptrdiff_t stride, std::uint8_t* out) {
  for (std::size_t row = 0; row < height; ++row) {
    const std::uint8_t* x = image + static_cast<std::ptrdiff_t>(row) * stride;
    *out++ = kUp;
    if (row == 0) {
      std::memcpy(out, x, width);  // above the first row all is 0
    } else {
      const std::uint8_t* above = x - stride;
      for (std::size_t i = 0; i < width; ++i) out[i] = static_cast<std::uint8_t>(x[i] - above[i]);
    }
    out += width;
  }
}

bool unfilter_scanlines(const std::uint8_t* raw, std::size_t height, std::size_t width,
                        std::uint8_t* image, std::size_t pixel_bytes) {
  for (std::size_t row = 0; row < height; ++row) {
    const std::uint8_t filter = *raw++;
    std::uint8_t* x = image + row * width;
    const std::uint8_t* above = row == 0 ? nullptr : x - width;
    for (std::size_t i = 0; i < width; ++i) {
      const bool first = i < pixel_bytes;
      const int left = first ? 0 : x[i - pixel_bytes];
      const int up = above == nullptr ? 0 : above[i];
      const int corner = above == nullptr || first ? 0 : above[i - pixel_bytes];
      int predicted = 0;
      switch (filter) {
        case kNone:
          break;
        case kSub:
          predicted = left;
          break;
        case kUp:
          predicted = up;
          break;
        case kAverage:
          predicted = (left + up) / 2;
          break;
        case kPaeth:
          predicted = paeth(left, up, corner);
          break;
        default:
          return false;
      }
      x[i] = static_cast<std::uint8_t>(raw[i] + predicted);
    }
    raw += width;
  }
  return true;
}

}  // namespace melpix
