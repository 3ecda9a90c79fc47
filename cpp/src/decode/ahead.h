// SPDX-License-Identifier: MIT
// Looks ahead in a source that is gone through from front to back, whatever its size.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "decode/source.h"

namespace melpix::decode {

struct Bytes {
  const unsigned char* data;
  std::size_t size;
};

class Ahead {
 public:
  static constexpr std::size_t kLeast = std::size_t{1} << 14;

  // Of the bytes before `stop`, which lies within the source.
  Ahead(Source& source, std::uint64_t stop) : source_(source), stop_(stop) {}

  std::uint64_t stop() const { return stop_; }

  // The bytes from `at` on, kLeast of them or more; fewer only where they end.
  Bytes from(std::uint64_t at) {
    if (at >= stop_) return {nullptr, 0};
    const std::uint64_t left = stop_ - at;
    if (const unsigned char* all = source_.memory())
      return {all + at, static_cast<std::size_t>(left)};
    const std::size_t least = static_cast<std::size_t>(std::min<std::uint64_t>(kLeast, left));
    if (at < start_ || at + least > start_ + held_) fill(at, left);
    const std::size_t skipped = static_cast<std::size_t>(at - start_);
    return {buffer_.data() + skipped, skipped < held_ ? held_ - skipped : 0};
  }

 private:
  static constexpr std::size_t kMost = std::size_t{1} << 18;

  void fill(std::uint64_t at, std::uint64_t left) {
    buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(block_, left)));
    block_ = std::min(2 * block_, kMost);
    held_ = source_.read(at, buffer_.data(), buffer_.size());
    start_ = at;
    if (held_ < buffer_.size()) stop_ = at + held_;  // the file has become shorter
  }

  Source& source_;
  std::uint64_t stop_;
  std::size_t block_ = 2 * kLeast;  // bytes to read next time: of many sources, the first few do
  std::vector<unsigned char> buffer_;
  std::uint64_t start_ = 0;  // of what the buffer holds
  std::size_t held_ = 0;
};

}  // namespace melpix::decode
