// SPDX-License-Identifier: MIT
// What follows the header of a FLAC frame: the samples of each channel, by dr_flac's kernels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "decode/flac_frame.h"

namespace melpix::decode {

enum class Subframes {
  kDone,
  kBroken,  // against the format
  kEnds,    // so may be that the bytes end before the frame does
};

// The most samples and channels of a frame.
constexpr std::size_t kMostBlock = 65535, kMostFlacChannels = 8;

// Decodes the frame whose header was `header`, from the bytes behind that.
//
// samples  one row of header.block samples for each channel
// wide     a row for the channel that has 33 bits, where one has: it is not in `samples` then
// used     how many bytes that were: the frame's check follows
Subframes decode_subframes(const unsigned char* data, std::size_t size, const FlacFrame& header,
                           std::int32_t* samples, std::int64_t* wide, std::size_t& used);

}  // namespace melpix::decode
