// SPDX-License-Identifier: MIT
// One block of frames on its way from samples to features, in one precision.
#pragma once

#include <cmath>
#include <cstddef>
#include <memory>
#include <vector>

#include "framing.h"
#include "kernels/kernels.h"
#include "mel.h"
#include "melpix/config.h"
#include "scratch.h"

namespace melpix {

// What all blocks of a front-end share: immutable.
template <class T>
struct BlockPlan {
  BlockPlan(const Config& config, const Isa& isa);

  const Config& config;
  const Kernels<T>& kernels;
  std::vector<T> window;  // n_fft samples
  MelBands<T> mel;
  // Of each filter: max w, or (sum w^2)^(1/power) if power is not 2. Last, the largest of these.
  std::vector<T> reach;
  std::unique_ptr<void, void (*)(void*)> fft;

  // A band b is in doubt if rounding in the FFT may have moved ln(b + offset) by more than kShows.
  // The FFT's noise has the deviation s = fft_error sqrt(energy) in each component of X. With
  // b = sum of w |X|^2 that of b is at most 2 s sqrt(max w) sqrt(b), and that of ln(b + offset)
  // 1 / (b + offset) times as much. Kept below kShows at kDeviations of it, squared:
  //   (b + offset)^2 >= (2 kDeviations fft_error / kShows)^2 energy (max w) b.
  // For other powers p it reads, with the sum of w^2 in the place of (max w)^2,
  //   (b + offset)^2 >= (p kDeviations fft_error / kShows)^2 energy (sum w^2)^(1/p) b^(2 - 2/p).
  // In grey levels: some |X|^2 reaches the frame's energy, so a band in doubt lies at least
  // 2 ln(kShows / (2 kDeviations fft_error)) = 18 nats below another, which are the 255 levels or
  // a part of them. So kShows is at most kShows * 255 / 18 = 0.11 levels.
  static constexpr double kShows = 0.008, kDeviations = 6;
  double noise_factor() const {
    return std::pow(config.power * kDeviations * kernels.fft_error(fft.get()) / kShows, 2);
  }
};

// The buffers of one block, from the thread's scratch memory.
template <class T>
class Block {
 public:
  Block(const BlockPlan<T>& plan, Scratch* scratch);

  // Loads `count` <= lanes frames, given by their indices; the remaining lanes repeat the last.
  // Consecutive frames (frames == nullptr: begin, begin + 1, ...) are used where they lie if
  // possible.
  void load(const SampleReader<T>& reader, std::size_t begin, std::size_t count,
            const std::size_t* frames = nullptr);

  // Loaded frames to mel bands.
  void mel();

  // Lanes with a band in doubt, as bits.
  unsigned doubt(T noise_factor) const;

  // Mel bands to features.
  void log();

  // n_mels rows of `lanes` values.
  T* bands() { return bands_; }

 private:
  struct Frames {
    const T* samples;
    std::ptrdiff_t stride;
  };
  Frames stage(const SampleReader<T>& reader, std::size_t begin, std::size_t count,
               const std::size_t* frames);

  const BlockPlan<T>& plan_;
  T* staging_;
  T* block_;
  T* bins_;
  T* bands_;
  T* energy_;
};

}  // namespace melpix
