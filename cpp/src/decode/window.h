// SPDX-License-Identifier: MIT
// A source as decoders see it that do not know how many bytes they need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "decode/source.h"

namespace melpix::decode {

// Bytes that lie together.
struct Span {
  const unsigned char* data;
  std::size_t size;
  bool last;  // nothing follows them
};

class Window {
 public:
  explicit Window(Source& source) : source_(source), size_(source.size()) {}

  std::uint64_t size() const { return size_; }
  // The bytes from `place` on, at least `wanted` of them unless the source ends before; they stay
  // until the next call.
  Span at(std::uint64_t place, std::size_t wanted);

 private:
  void hold(std::uint64_t place, std::size_t wanted);

  Source& source_;
  const std::uint64_t size_;
  std::vector<unsigned char> bytes_;  // of a source that is no memory: room for them
  std::uint64_t held_at_ = 0;
  std::size_t held_ = 0;
};

}  // namespace melpix::decode
