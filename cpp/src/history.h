// SPDX-License-Identifier: MIT
// What a stream remembers of its signal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "kernels/kernels.h"
#include "pass.h"
#include "plan.h"

namespace melpix {

// Which frames of a stream are complete, and which samples they and later ones need.
class Schedule {
 public:
  Schedule(const Config& c, std::size_t win_length) : hop_length_(c.hop_length), pad_(padding(c)) {
    const std::size_t margin = window_margin(c);
    // A frame waits for the last sample that its window weighs, and until it would be a frame of
    // the signal if that ended now.
    latency_ = std::max(margin + win_length - pad_, first_frame(c));
    first_ = latency_;
    if (pad_ > 0 && c.pad_mode != PadMode::kConstant) {
      // The padding at the end mirrors the last samples, the padding at the beginning the first
      // ones. The first frame waits until these are so many that none is mirrored twice.
      kept_for_end_ = pad_ + 1;
      if (pad_ >= margin) first_ = std::max(first_, pad_ - margin + 1);
    }
  }

  std::size_t latency() const { return latency_; }

  // How many frames are complete when `length` samples have come.
  std::size_t complete(std::size_t length) const {
    return length < first_ ? 0 : (length - latency_) / hop_length_ + 1;
  }

  // The first of `length` samples that is still wanted when `next` is the next frame.
  std::size_t wanted_from(std::size_t length, std::size_t next) const {
    const std::size_t start = checked_mul(next, hop_length_);  // 0 in the padding
    return std::min(start > pad_ ? start - pad_ : 0, length - std::min(length, kept_for_end_));
  }

  // The most samples that are wanted at a time, and room for another n_fft: then every frame that
  // starts in the samples wanted is complete.
  std::size_t room(std::size_t n_fft) const { return std::max(n_fft, kept_for_end_) + n_fft; }

 private:
  std::size_t hop_length_, pad_, latency_ = 0, first_ = 0, kept_for_end_ = 0;
};

// The last samples of the signal, [received - held, received), mixed; for frames in doubt, in
// double as well.
template <class T>
class History {
 public:
  History(const Plan<T>& plan, std::size_t room)
      : plan_(plan), samples_(room), precise_(plan.precise ? room : 0) {}

  std::size_t received() const { return received_; }
  std::size_t begin() const { return received_ - held_; }
  std::size_t bytes() const {
    return samples_.capacity() * sizeof(T) + precise_.capacity() * sizeof(double);
  }

  void clear(std::size_t received = 0) {
    held_ = 0;
    received_ = received;
  }

  void append(const Signal& y, std::size_t from, std::size_t count) {
    plan_.block.kernels.mix(y, from, count, samples_.data() + held_);
    if (!precise_.empty()) kernels<double>(plan_.isa).mix(y, from, count, precise_.data() + held_);
    held_ += count;
    received_ += count;
  }

  void drop_until(std::size_t begin) {
    const std::size_t count = begin - this->begin();
    held_ -= count;
    move_down(samples_, count);
    if (!precise_.empty()) move_down(precise_, count);
  }

  // `last`: the signal ends here; `rounded`: its samples lost digits on their way to T.
  Readers<T> readers(bool last, bool rounded) const {
    return {plan_, Signal(samples_.data(), held_),
            Signal(precise_.data(), precise_.empty() ? 0 : held_), Part{begin(), last, rounded}};
  }

 private:
  template <class V>
  void move_down(std::vector<V>& values, std::size_t count) const {
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(count), held_, values.begin());
  }

  const Plan<T>& plan_;
  std::vector<T> samples_;
  std::vector<double> precise_;
  std::size_t held_ = 0, received_ = 0;
};

}  // namespace melpix
