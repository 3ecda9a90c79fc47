// SPDX-License-Identifier: MIT
#include "decode/header.h"

#include <algorithm>

#include "decode/bytes.h"

namespace melpix::decode {

Header::Header(Source& source, std::uint64_t begin)
    : source_(source), begin_(begin), size_(source.size() - begin) {}

const unsigned char* Header::at(std::uint64_t place, std::size_t count) {
  if (count > size_ || place > size_ - count) return nullptr;
  if (source_.memory() != nullptr) return source_.memory() + begin_ + place;
  if (place < held_at_ || place - held_at_ > held_ || count > held_ - (place - held_at_)) {
    const std::uint64_t left = size_ - place;
    held_at_ = place;
    held_ = source_.read(begin_ + place, window_,
                         static_cast<std::size_t>(std::min<std::uint64_t>(kWindow, left)));
    if (held_ < count) return nullptr;  // the file has become shorter
  }
  return window_ + (place - held_at_);
}

std::uint64_t id3_length(Source& source) {
  constexpr std::size_t kHead = 10;  // bytes of a tag's header, and of its footer
  constexpr int kMost = 8;           // tags
  std::uint64_t length = 0;
  for (int i = 0; i < kMost; ++i) {
    unsigned char head[kHead];
    if (source.read(length, head, kHead) < kHead || !is(head, "ID3")) break;
    std::uint64_t tag = kHead;
    for (int digit = 0; digit < 4; ++digit)  // of seven bits
      tag += std::uint64_t{head[6 + digit] & 127u} << 7 * (3 - digit);
    if (head[5] & 16) tag += kHead;
    if (tag > source.size() - length) break;
    length += tag;
  }
  return length;
}

}  // namespace melpix::decode
