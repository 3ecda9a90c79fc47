// SPDX-License-Identifier: MIT
#include "decode/window.h"

#include <algorithm>
#include <cstring>

namespace melpix::decode {

namespace {

constexpr std::size_t kAhead = 1 << 16;  // bytes that are read beyond those that are wanted

}  // namespace

Span Window::at(std::uint64_t place, std::size_t wanted) {
  if (place >= size_) return {nullptr, 0, true};
  const std::uint64_t left = size_ - place;
  if (source_.memory() != nullptr)
    return {source_.memory() + place, static_cast<std::size_t>(left), true};
  wanted = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, left));
  const bool inside = place >= held_at_ && place - held_at_ <= held_;
  if (!inside || held_ - (place - held_at_) < wanted) hold(place, wanted);
  const auto passed = static_cast<std::size_t>(place - held_at_);
  return {bytes_.data() + passed, held_ - passed, held_at_ + held_ >= size_ || held_ < wanted};
}

void Window::hold(std::uint64_t place, std::size_t wanted) {
  std::size_t kept = 0;
  if (place >= held_at_ && place - held_at_ < held_) {
    const auto passed = static_cast<std::size_t>(place - held_at_);
    kept = held_ - passed;
    std::memmove(bytes_.data(), bytes_.data() + passed, kept);
  }
  held_at_ = place;
  held_ = kept;
  const std::uint64_t left = size_ - place;
  wanted = static_cast<std::size_t>(std::min<std::uint64_t>(wanted + kAhead, left));
  if (bytes_.size() < wanted) bytes_.resize(wanted);
  held_ += source_.read(place + kept, bytes_.data() + kept, wanted - kept);
}

}  // namespace melpix::decode
