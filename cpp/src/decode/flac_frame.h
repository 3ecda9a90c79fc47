// SPDX-License-Identifier: MIT
// The header of a FLAC frame (RFC 9639, section 9.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "decode/flac_info.h"

namespace melpix::decode {

constexpr std::size_t kFlacHeader = 16;  // bytes of the longest one
constexpr std::size_t kFlacCheck = 2;    // bytes behind a frame

// How two channels are made of the frame's.
enum class Stereo { kNone, kLeftSide, kSideRight, kMidSide };

// Whether a channel is the difference of two, which takes one bit more.
inline bool is_side(Stereo stereo, std::size_t channel) {
  return stereo != Stereo::kNone && channel == (stereo == Stereo::kSideRight ? 0 : 1);
}

struct FlacFrame {
  std::size_t size = 0;          // of the header, in bytes
  bool numbers_samples = false;  // else frames
  std::uint64_t number = 0;      // of the frame, or of its first sample
  std::size_t block = 0;         // samples of each channel
  std::uint32_t sr = 0;
  std::size_t channels = 0;
  unsigned bits = 0;
  Stereo stereo = Stereo::kNone;
};

// The header at the beginning of these bytes; empty if there is none, or its check is wrong. What
// it leaves to the stream's information is taken from there.
std::optional<FlacFrame> flac_frame(const unsigned char* data, std::size_t size,
                                    const FlacInfo& info);

// Whether such a frame belongs to the stream.
inline bool fits(const FlacFrame& frame, const FlacInfo& info) {
  return frame.sr == info.sr && frame.channels == info.channels && frame.bits == info.bits;
}

// The bytes of a frame whose samples are stored as they are: encoders make no longer ones.
inline std::size_t plain_size(std::size_t block, const FlacInfo& info) {
  return kFlacHeader + info.channels * (block * (info.bits + 1) / 8 + 2) + kFlacCheck;
}

}  // namespace melpix::decode
