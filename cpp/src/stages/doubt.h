// SPDX-License-Identifier: MIT
// Where single precision is not enough. Frames in doubt are computed again in double: see refine.h.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "kernels/kernels.h"
#include "melpix/config.h"
#include "stages/mel.h"

namespace melpix {

// Whether rounding in the FFT may have moved a band so far that it shows. Rounding moves each real
// component of X by noise of the deviation s = fft_error sqrt(energy), where the energy is that of
// the windowed frame. The bounds below hold for noise of kDeviations times its deviation.
//
//   power 2: b = sum of w |X|^2 moves by at most 2 s sqrt(max w) sqrt(b);
//   power p >= 1: by Hoelder's inequality, by at most p s (sum w)^(1/p) b^(1 - 1/p).
//
// In both, b counts for no less than noise alone makes of silence, s^p sum w, and where a band has
// a floor, the floor stands in for b.
template <class T>
class Doubt {
 public:
  Doubt(const Config& config, const Kernels<T>& kernels, double fft_error, const MelBands<T>& mel);

  // Lanes with a band in doubt, as bits, if bands become logarithms: those where ln(b + offset) may
  // have moved by more than kShows nats, that is where
  //   (b + offset)^2 < (p kDeviations fft_error / kShows)^2 energy reach b^(2 - 2/p).
  // In grey levels that is kShows * 255 / range: 0.15 for images that span 14 nats (59 dB). It is
  // less for narrower ones that contain what is loud: then some |X|^2 in the bands reaches the
  // energy, and a band in doubt lies 18 nats or more below that one.
  unsigned logarithms(const T* bands, const T* energy) const;

  // The same of mel values themselves, of the first `count` lanes. They are judged beside the
  // greatest value of the signal so far, g: a frame is in doubt where noise may have moved a band
  // by more than kMelShows g, that is where
  //   g^2 < mel_noise energy (the greatest of mel_reach b)^(2 - 2/p).
  // (Where the power is below 2, b is not weighed, and mel_noise has the largest reach.) `greatest`
  // is g, 0 ahead of the first frame; values in doubt do not raise it. `silent(lane)` tells whether
  // all samples of a frame are 0, and not just their squares.
  template <class Silent>
  unsigned mel_values(const T* bands, const T* energy, std::size_t count, const Silent& silent,
                      double* greatest) const {
    if (hopeless_mel_) return ~0u;
    // Below this, what squares lose in float's smallest numbers shows.
    constexpr double kFaintest = 1e-24;
    alignas(kAlignment) T peaks[kMaxLanes], reached[kMaxLanes];
    kernels_.loudest(bands, mel_reach_.data(), floor_.data(), floor_.size(), power_, energy, peaks,
                     reached);
    unsigned lanes = 0;
    for (std::size_t lane = 0; lane < count; ++lane) {
      const double sum = static_cast<double>(energy[lane]);
      const bool faint = sum < kFaintest && !silent(lane);
      const double peak = std::max(*greatest, static_cast<double>(peaks[lane]));
      if (!faint && mel_noise(sum, static_cast<double>(reached[lane])) <= peak * peak)
        *greatest = peak;
      else
        lanes |= 1u << lane;
    }
    return lanes;
  }

 private:
  static constexpr double kDeviations = 6, kShows = 0.008, kMelShows = 1.5e-6;

  double mel_noise(double energy, double reached) const;

  const Kernels<T>& kernels_;
  T power_, least_, offset_;  // `least_`: the floor of mel values
  std::vector<T> reach_;      // max w, or (sum w)^(2/p); last, the largest of all filters
  std::vector<T> floor_;      // fft_error^p sum w
  T noise_ = 0;               // (p kDeviations fft_error / kShows)^2
  std::vector<T> mel_reach_;
  double mel_noise_ = 0;
  // Every frame is in doubt: with powers below 1, which magnify what is faint without a bound; and
  // as to logarithms with offsets that float's arithmetic cannot square, or that do not hide what
  // is lost where |X|^2 underflows.
  bool hopeless_ = false, hopeless_mel_ = false;
};

}  // namespace melpix
