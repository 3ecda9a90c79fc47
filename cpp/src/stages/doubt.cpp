// SPDX-License-Identifier: MIT
#include "stages/doubt.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace melpix {

template <class T>
Doubt<T>::Doubt(const Config& c, const Kernels<T>& kernels, double fft_error,
                const MelBands<T>& mel)
    : kernels_(kernels),
      power_(static_cast<T>(c.power)),
      least_(static_cast<T>(c.floor)),
      offset_(static_cast<T>(c.offset)) {
  double most_sum = 0;
  for (std::size_t m = 0; m < c.mel.n_mels; ++m) {
    double most = 0, sum = 0;
    for (std::size_t i = mel.offset[m]; i < mel.offset[m + 1]; ++i) {
      most = std::max(most, static_cast<double>(mel.weights[i]));
      sum += static_cast<double>(mel.weights[i]);
    }
    most_sum = std::max(most_sum, sum);
    reach_.push_back(static_cast<T>(c.power == 2 ? most : std::pow(sum, 2 / c.power)));
    floor_.push_back(static_cast<T>(std::pow(fft_error, c.power) * sum));
  }
  reach_.push_back(*std::max_element(reach_.begin(), reach_.end()));
  noise_ = static_cast<T>(std::pow(c.power * kDeviations * fft_error / kShows, 2));

  for (std::size_t m = 0; m < c.mel.n_mels; ++m)
    mel_reach_.push_back(c.power < 2 ? T(1)
                                     : static_cast<T>(std::pow(static_cast<double>(reach_[m]),
                                                               c.power / (2 * c.power - 2))));
  mel_noise_ = std::pow(c.power * kDeviations * fft_error / kMelShows, 2) *
               (c.power < 2 ? static_cast<double>(reach_.back()) : 1);

  // What |X| makes of a band where |X|^2 is lost below the smallest number.
  const double lost =
      most_sum *
      std::pow(4.0 * static_cast<double>(std::numeric_limits<T>::denorm_min()), c.power / 2);
  // The kernel's quick look at the energy must speak of every frame whose |X|^2 may overflow.
  const double overflows = static_cast<double>(std::numeric_limits<T>::max()) /
                           static_cast<double>(c.mel.n_fft) * static_cast<double>(noise_) *
                           static_cast<double>(reach_.back());
  const double least = c.floor + c.offset;
  hopeless_mel_ = c.power < 1;
  hopeless_ = hopeless_mel_ || least < 1e-20 || least > 1e20 || lost > kShows * least ||
              overflows < 4 * least;
}

template <class T>
unsigned Doubt<T>::logarithms(const T* bands, const T* energy) const {
  if (hopeless_) return ~0u;
  return kernels_.doubt(bands, reach_.data(), floor_.data(), floor_.size(), least_, offset_, power_,
                        energy, noise_);
}

template <class T>
double Doubt<T>::mel_noise(double energy, double reached) const {
  const double power = static_cast<double>(power_);
  return energy * mel_noise_ * (power == 2 ? reached : std::pow(reached, 2 - 2 / power));
}

template class Doubt<float>;
template class Doubt<double>;

}  // namespace melpix
