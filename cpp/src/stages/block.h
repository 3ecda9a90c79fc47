// SPDX-License-Identifier: MIT
// One block of frames on its way from samples to features, in one precision.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "base/scratch.h"
#include "kernels/kernels.h"
#include "melpix/config.h"
#include "stages/frame.h"
#include "stages/mel.h"

namespace melpix {

// What all blocks of a front-end share: immutable.
template <class T>
struct BlockPlan {
  BlockPlan(const Config& config, const Isa& isa);

  const Config& config;
  const Kernels<T>& kernels;
  std::size_t margin;  // samples of a frame before its window
  std::size_t win_length;
  std::vector<T> window;   // n_fft samples, times the gain
  double most_weight = 0;  // the greatest square of them
  MelBands<T> mel;
  Compression<T> compression;
  std::unique_ptr<void, void (*)(void*)> fft;

  // Where single precision is not enough for logarithms. A band b is in doubt if rounding in the
  // FFT may have moved ln(b + offset) by more than kShows nats, with the noise at kDeviations of
  // its deviation: s = fft_error sqrt(energy) in each component of X. (Where b has a floor, the
  // floor stands in for b in the sums below.)
  //   power 2: b = sum of w |X|^2 has at most the deviation 2 s sqrt(max w) sqrt(b), so a band is
  //     sure if (b + offset)^2 >= (2 kDeviations fft_error / kShows)^2 energy (max w) b;
  //   power p >= 1: by Hoelder's inequality no more than p s (sum w)^(1/p) b^(1 - 1/p), whence
  //     (b + offset)^2 >= (p kDeviations fft_error / kShows)^2 energy (sum w)^(2/p) b^(2 - 2/p);
  //   in both, b counts for no less than noise alone makes of silence: s^p sum w.
  // What that means in grey levels: kShows * 255 / range, so 0.15 for images that span 14 nats
  // (59 dB), and less for narrower ones that contain what is loud: then some |X|^2 in the bands
  // reaches the energy, and a band in doubt lies 18 nats or more below that one.
  static constexpr double kShows = 0.008, kDeviations = 6;
  std::vector<T> reach;  // max w, or (sum w)^(2/p); last, the largest of all filters
  std::vector<T> floor;  // fft_error^p sum w
  T noise_factor = 0;
  // Mel values themselves, which are judged beside the greatest of the signal: a frame is in doubt
  // if the same noise may have moved a band by more than kMelShows of the greatest so far, g:
  //   g^2 < mel_noise_factor energy (the greatest of mel_reach b)^(2 - 2/p).
  // (Where the power is below 2, b is not weighed, and the factor has the largest reach.)
  static constexpr double kMelShows = 1.5e-6;
  std::vector<T> mel_reach;
  double mel_noise_factor = 0;
  // Powers below 1, which magnify what is faint without a bound, offsets that float's arithmetic
  // cannot square, and those that do not hide what is lost where |X|^2 underflows: every frame is
  // in doubt.
  bool hopeless = false;
};

// The buffers of one block, from the thread's scratch memory.
template <class T>
class Block {
 public:
  explicit Block(const BlockPlan<T>& plan);

  // Loads `count` <= lanes frames, given by their indices; the remaining lanes repeat the last.
  // Consecutive frames (frames == nullptr: begin, begin + 1, ...) are used where they lie if
  // possible.
  void load(const SampleReader<T>& reader, std::size_t begin, std::size_t count,
            const std::size_t* frames = nullptr);

  // Loaded frames to powers, or real parts, of bins.
  void spectrum();

  // Bins to mel bands.
  void mel();

  // Lanes with a band in doubt, as bits.
  unsigned doubt() const;

  // The same of mel values. `loudest` is the greatest band so far that rounding has not spoilt, 0
  // ahead of the first frame.
  unsigned mel_doubt(double* loudest) const;

  // Mel bands to compressed values. `smooth` is what PCEN carries from frame to frame: see
  // kernels.h.
  void compress(T* smooth = nullptr);

  // n_mels rows of `lanes` values.
  T* bands() { return bands_; }

 private:
  // Which frames a block holds: `count` of them, from `begin` on or as `frames` says.
  struct Chosen {
    std::size_t begin, count;
    const std::size_t* frames;
    std::size_t operator[](std::size_t lane) const {
      return frames == nullptr ? begin + lane : frames[lane];
    }
  };
  // Where their samples lie: the frame of lane i begins at samples + i * stride.
  struct Frames {
    const T* samples;
    std::ptrdiff_t stride;
  };
  Frames stage(const SampleReader<T>& reader, const Chosen& chosen);
  std::optional<Frames> stage_overlapping(const SampleReader<T>& reader, std::size_t begin);
  Frames stage_one(const SampleReader<T>& reader, std::ptrdiff_t start);
  Frames stage_prepared(const SampleReader<T>& reader, const Chosen& chosen);
  template <class Put>
  Frames stage_each(const Chosen& chosen, const Put& put);
  double prepare(const SampleReader<T>& reader, std::ptrdiff_t start, T* frame);
  bool silent(std::size_t lane) const;

  const BlockPlan<T>& plan_;
  Frames in_{};  // what was loaded
  Scratch<T> staging_;
  Scratch<T> block_;
  Scratch<T> bins_;
  Scratch<T> bands_;
  Scratch<T> energy_;
  double lost_[kMaxLanes] = {};  // see prepare()
  std::size_t count_ = 0;        // frames that are loaded
};

}  // namespace melpix
