// SPDX-License-Identifier: MIT
// From a FLAC frame's channels, one row of integers each, to the samples that are asked for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "decode/flac_frame.h"

namespace melpix::decode {

// Makes left and right of a frame's two channels, in place. `Side` is that of the side's row.
void unite(Stereo stereo, std::int32_t* first, std::int32_t* second, std::size_t count);
// Likewise, where the side has 33 bits: it comes from `side`.
void unite(Stereo stereo, std::int32_t* first, std::int32_t* second, const std::int64_t* side,
           std::size_t count);

// Rows of a frame, `stride` apart, from a sample of it on.
struct Rows {
  const std::int32_t* samples;
  std::size_t stride, channels;
  unsigned bits;
};

// Interleaved, full scale 1.0. As int16 only up to 16 bits.
void interleave(const Rows& rows, std::size_t count, std::int16_t* to);
void interleave(const Rows& rows, std::size_t count, float* to);
void interleave(const Rows& rows, std::size_t count, double* to);

// The mean of the channels, as mix.h makes it of the samples above.
void mix(const Rows& rows, std::size_t count, float* to);
void mix(const Rows& rows, std::size_t count, double* to);

}  // namespace melpix::decode
