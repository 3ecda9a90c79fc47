// SPDX-License-Identifier: MIT
// A source as parsers of headers see it: small pieces of it, never past its end.
#pragma once

#include <cstddef>
#include <cstdint>

#include "decode/source.h"

namespace melpix::decode {

class Header {
 public:
  static constexpr std::size_t kWindow = 4096;  // bytes; most headers are shorter

  // Places are counted from `begin`, before which something else lies.
  Header(Source& source, std::uint64_t begin);

  std::uint64_t size() const { return size_; }
  // `count` bytes, at most kWindow, until the next call; null where the source ends before.
  const unsigned char* at(std::uint64_t place, std::size_t count);

 private:
  Source& source_;
  const std::uint64_t begin_, size_;
  std::uint64_t held_at_ = 0;
  std::size_t held_ = 0;
  unsigned char window_[kWindow];
};

// The length of the ID3 tags in front of a source, in bytes.
std::uint64_t id3_length(Source& source);

}  // namespace melpix::decode
