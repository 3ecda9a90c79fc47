// SPDX-License-Identifier: MIT
// A frame of MPEG audio, layers I to III, by its header (ISO 11172-3, 13818-3; MPEG-2.5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "decode/ahead.h"

namespace melpix::decode {

constexpr std::size_t kMpegHeader = 4;  // bytes

struct MpegFrame {
  std::uint32_t bits;     // the header
  std::uint32_t kbps;     // its bit rate
  std::uint32_t length;   // in bytes, the header's included
  std::uint32_t sr;       // in Hz
  std::uint32_t samples;  // of each channel
  std::uint32_t channels;
  bool layer3;
  bool mpeg1;
};

// The frame that begins with the bytes; none if no frame does, or one of free format.
std::optional<MpegFrame> mpeg_frame(Bytes bytes);

// Whether two frames may be of one sound: of one version, layer and sampling rate.
inline bool akin(const MpegFrame& a, const MpegFrame& b) {
  return ((a.bits ^ b.bits) & 0xfffe0c00u) == 0;
}

// What the first frame of many MP3s holds in place of sound: how many frames follow it (the headers
// "Xing", "Info" and "VBRI").
struct MpegInfo {
  std::optional<std::uint32_t> frames;
};

// The bytes begin with the frame.
std::optional<MpegInfo> mpeg_info(const MpegFrame& frame, Bytes bytes);

}  // namespace melpix::decode
