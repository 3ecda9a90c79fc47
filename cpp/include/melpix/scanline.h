// SPDX-License-Identifier: MIT
// PNG's scanline filters (PNG specification, section 9) for rows of bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "melpix/export.h"

namespace melpix {

// Writes `height` filtered scanlines of 1 + width bytes each. Every row takes the Up filter
// (2): neighbouring mel bands resemble each other more than neighbouring frames do. (A pass of its
// own, over pixels that are still near: to write them filtered in the first place would save less
// than a hundredth of an image's time.)
MELPIX_API void filter_scanlines(const std::uint8_t* image, std::size_t height, std::size_t width,
                                 std::ptrdiff_t stride, std::uint8_t* out);

// Undoes any mixture of the five filters, for pixels of `pixel_bytes` >= 1. Returns false if a row
// names a filter that is none.
MELPIX_API bool unfilter_scanlines(const std::uint8_t* raw, std::size_t height, std::size_t width,
                                   std::uint8_t* image, std::size_t pixel_bytes = 1);

}  // namespace melpix
