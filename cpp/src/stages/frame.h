// SPDX-License-Identifier: MIT
// Which samples a frame holds: centring, padding, channel mixing, conversion to T.
#pragma once

#include <algorithm>
#include <cstddef>

#include "kernels/kernels.h"
#include "melpix/config.h"
#include "melpix/signal.h"

namespace melpix {

// Columns for a signal of `length` samples. Throws std::invalid_argument if there is none.
std::size_t frame_count(const Config& config, std::size_t length);

// `length`, or with the zeros that the last patch lacks (of no sample, 0).
std::size_t patched_length(const Config& config, std::size_t length);

// How many samples the first frame needs.
std::size_t first_frame(const Config& config);

// Samples of padding on each side.
std::size_t padding(const Config& config);

// How many of a frame's n_fft samples come before its window.
std::size_t window_margin(const Config& config);

// Which samples of a longer signal a view shows: those from `begin` on, up to its end or, where
// more are to come, to what there is by now.
struct Part {
  std::size_t begin = 0;
  bool last = true;
  bool rounded = false;  // its samples have been wider, or several channels
};

// Reads the signal as if it were mono, of type T, and padded on both sides. Of a part, those
// samples can be read that it shows, and the padding that is made of them. Where more are to come
// there is nothing behind it but zeros.
template <class T>
class SampleReader {
 public:
  SampleReader(const Config& config, const Kernels<T>& kernels, const Signal& y,
               const Part& part = {});

  // First sample of a frame, as an index into the unpadded signal (negative in the head padding).
  std::ptrdiff_t frame_start(std::size_t frame) const {
    return static_cast<std::ptrdiff_t>(frame * hop_length_) - static_cast<std::ptrdiff_t>(pad_);
  }

  // How many samples of the signal lie before the end of the frames [0, frames).
  std::size_t samples_before(std::size_t frames) const {
    const std::ptrdiff_t end = frame_start(frames - 1) + static_cast<std::ptrdiff_t>(n_fft_);
    return static_cast<std::size_t>(std::min(end_, std::max<std::ptrdiff_t>(end, 0)));
  }

  // Whether no sample is rounded on its way to T.
  bool exact() const { return exact_; }

  // Where the samples [start, start + count) lie as T already, or null.
  const T* direct(std::ptrdiff_t start, std::size_t count) const {
    return as_is_ != nullptr && inside(start, count) ? as_is_ + (start - begin_) : nullptr;
  }

  bool inside(std::ptrdiff_t start, std::size_t count) const {
    return start >= begin_ && start + static_cast<std::ptrdiff_t>(count) <= end_;
  }

  // The memory of the samples [begin, end) of the first channel, none if it runs backwards or has
  // gaps.
  struct Memory {
    const void* begin;
    std::size_t bytes;
  };
  Memory memory(std::size_t begin, std::size_t end) const {
    const auto channels = static_cast<std::ptrdiff_t>(y_.channels);
    if (begin >= end || y_.stride < 1 || y_.stride > channels) return {nullptr, 0};
    const std::ptrdiff_t step = y_.stride * sample_bytes_;
    return {
        static_cast<const char*>(y_.data) + (static_cast<std::ptrdiff_t>(begin) - begin_) * step,
        (end - begin) * static_cast<std::size_t>(step)};
  }

  // Writes the samples [start, start + count), which reach at most into the padding.
  void read(std::ptrdiff_t start, std::size_t count, T* out) const;

 private:
  T padded(std::ptrdiff_t i) const;
  T mixed(std::ptrdiff_t i) const;

  const Kernels<T>& kernels_;
  Signal y_;
  const T* as_is_ = nullptr;
  bool exact_;
  std::ptrdiff_t sample_bytes_;
  std::ptrdiff_t begin_, end_;  // what the view shows
  PadMode mode_, mode_behind_;
  std::size_t n_fft_;
  std::size_t hop_length_;
  std::size_t pad_;  // samples of padding on each side
  // The tail padding sees the samples from here on.
  std::ptrdiff_t tail_begin_ = 0;
};

}  // namespace melpix
