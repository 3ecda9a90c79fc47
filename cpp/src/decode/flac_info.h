// SPDX-License-Identifier: MIT
// What stands before the frames of a FLAC stream (RFC 9639, section 8).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "decode/window.h"

namespace melpix::decode {

struct FlacInfo {
  std::size_t least_block = 0, most_block = 0;  // samples of a frame
  std::uint32_t sr = 0;
  std::size_t channels = 0;
  unsigned bits = 0;
  std::uint64_t frames = 0;  // samples of each channel; 0: not stated
};

constexpr std::size_t kFlacInfo = 34;  // bytes of a STREAMINFO block
constexpr std::size_t kFlacBlock = 4;  // bytes of a metadata block's header

struct FlacBlock {
  bool last;
  unsigned type;       // 0: STREAMINFO
  std::uint32_t size;  // of what follows, in bytes
};
FlacBlock flac_block(const unsigned char* header);

// From the content of a STREAMINFO block; empty if that cannot be.
std::optional<FlacInfo> flac_info(const unsigned char* block);

// Whether a block's content, which begins at `place`, is as long as its own lengths say. Of a
// stream where one is not, libFLAC reads nothing.
bool is_filled(Window& window, std::uint64_t place, const FlacBlock& block);

}  // namespace melpix::decode
