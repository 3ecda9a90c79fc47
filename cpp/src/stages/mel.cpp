// SPDX-License-Identifier: MIT
// Triangular filters, evenly spaced on a mel scale. Linear in Hz: the definition of
// librosa.filters.mel, after M. Slaney's Auditory Toolbox (Interval TR 1998-010) and the HTK book.
// Linear in mel: Kaldi's feat/mel-computations and tf.signal.linear_to_mel_weight_matrix.
#include "stages/mel.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace melpix {
namespace {

// Slaney: linear below 1 kHz at 200/3 Hz a mel, logarithmic above, 27 mels for a factor of 6.4.
constexpr double kSlaneyHzPerMel = 200.0 / 3;
constexpr double kSlaneyBreakHz = 1000;
constexpr double kSlaneyBreakMel = kSlaneyBreakHz / kSlaneyHzPerMel;
constexpr double kSlaneyLogStep = 0.06875177742094912;  // ln(6.4) / 27

bool linear_in_mel(MelScale scale) { return scale == MelScale::kKaldi || scale == MelScale::kTf; }

double hz_to_mel(double hz, MelScale scale) {
  if (linear_in_mel(scale)) return 1127 * std::log(1 + hz / 700);
  if (scale == MelScale::kHtk) return 2595 * std::log10(1 + hz / 700);
  if (hz < kSlaneyBreakHz) return hz / kSlaneyHzPerMel;
  return kSlaneyBreakMel + std::log(hz / kSlaneyBreakHz) / kSlaneyLogStep;
}

double mel_to_hz(double mel, MelScale scale) {
  if (scale == MelScale::kHtk) return 700 * (std::pow(10, mel / 2595) - 1);
  if (mel < kSlaneyBreakMel) return mel * kSlaneyHzPerMel;
  return kSlaneyBreakHz * std::exp(kSlaneyLogStep * (mel - kSlaneyBreakMel));
}

// Where the triangles are linear: Hz or mel.
double position(double hz, MelScale scale) {
  return linear_in_mel(scale) ? hz_to_mel(hz, scale) : hz;
}

// n_mels + 2 positions: filter m rises from edge m to m + 1 and falls to m + 2.
std::vector<double> mel_edges(const MelConfig& c) {
  const double lo = hz_to_mel(c.fmin, c.scale);
  const double hi = hz_to_mel(c.highest(), c.scale);
  const double step = (hi - lo) / static_cast<double>(c.n_mels + 1);
  std::vector<double> edges(c.n_mels + 2);
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const double mel = i + 1 == edges.size() ? hi : static_cast<double>(i) * step + lo;
    edges[i] = linear_in_mel(c.scale) ? mel : mel_to_hz(mel, c.scale);
  }
  return edges;
}

// What a filter is divided by; tiny lengths leave it as it is.
template <class T>
double norm_length(const std::vector<T>& filter, std::size_t n_bins, double p) {
  double length = 0;
  if (p == HUGE_VAL) {
    for (T w : filter) length = std::max<double>(length, w);
  } else if (p == -HUGE_VAL) {
    // The minimum runs over all bins: zero unless the filter covers each of them.
    length = filter.size() < n_bins ? 0 : *std::min_element(filter.begin(), filter.end());
  } else if (p == 0) {
    length =
        static_cast<double>(std::count_if(filter.begin(), filter.end(), [](T w) { return w > 0; }));
  } else {
    for (T w : filter) length += std::pow(static_cast<double>(w), p);
    length = std::pow(length, 1 / p);
  }
  return length < std::numeric_limits<T>::min() ? 1 : length;
}

// Computes in double and rounds to T where librosa does: after the triangle, and after the norm.
template <class T>
MelBands<T> build(const MelConfig& c) {
  validate(c);
  const std::size_t n_bins = 1 + c.n_fft / 2;
  const double bin_hz = 1 / (static_cast<double>(c.n_fft) * (1 / c.bank_sr()));
  const std::vector<double> edges = mel_edges(c);
  // Bins that no filter may weigh.
  const std::size_t lowest = c.scale == MelScale::kTf ? 1 : 0;
  const std::size_t bins = c.scale == MelScale::kKaldi && c.n_fft % 2 == 0 ? n_bins - 1 : n_bins;
  std::vector<double> at(bins);  // their positions
  for (std::size_t k = 0; k < bins; ++k) at[k] = position(static_cast<double>(k) * bin_hz, c.scale);

  MelBands<T> bands;
  bands.offset.push_back(0);
  std::vector<T> filter;
  for (std::size_t m = 0; m < c.n_mels; ++m) {
    const double low = edges[m], mid = edges[m + 1], high = edges[m + 2];
    filter.clear();
    std::size_t k =
        static_cast<std::size_t>(std::upper_bound(at.begin(), at.end(), low) - at.begin());
    std::size_t first = k = std::max(k, lowest);
    for (; k < bins && at[k] < high; ++k) {
      const T w =
          static_cast<T>(std::min((at[k] - low) / (mid - low), (high - at[k]) / (high - mid)));
      if (filter.empty() && w == 0) {
        first = k + 1;
        continue;
      }
      filter.push_back(w);
    }
    while (!filter.empty() && filter.back() == 0) filter.pop_back();

    if (filter.empty()) {
      first = 0;
      if (low != 0) ++bands.empty_filters;
    } else if (c.norm.kind == MelNorm::Kind::kSlaney) {
      for (T& w : filter) w = static_cast<T>(static_cast<double>(w) * (2 / (high - low)));
    } else if (c.norm.kind == MelNorm::Kind::kP) {
      const double length = norm_length(filter, n_bins, c.norm.p);
      for (T& w : filter) w = static_cast<T>(static_cast<double>(w) / length);
    }

    bands.first.push_back(first);
    bands.weights.insert(bands.weights.end(), filter.begin(), filter.end());
    bands.offset.push_back(bands.weights.size());
    if (filter.empty()) continue;
    bands.begin = bands.end == 0 ? first : std::min(bands.begin, first);
    bands.end = std::max(bands.end, first + filter.size());
  }
  return bands;
}

}  // namespace

template <class T>
MelBands<T> mel_bands(const MelConfig& config, bool single_precision_weights) {
  if (!single_precision_weights) return build<T>(config);
  const MelBands<float> single = build<float>(config);
  MelBands<T> bands;
  bands.first = single.first;
  bands.offset = single.offset;
  bands.weights.assign(single.weights.begin(), single.weights.end());
  bands.empty_filters = single.empty_filters;
  bands.begin = single.begin;
  bands.end = single.end;
  return bands;
}

template <class T>
DenseFilterbank<T> mel_filterbank(const MelConfig& config) {
  const MelBands<T> bands = build<T>(config);
  const std::size_t n_bins = 1 + config.n_fft / 2;
  DenseFilterbank<T> dense;
  dense.weights.resize(checked_mul(checked_mul(config.n_mels, n_bins), sizeof(T)) / sizeof(T));
  dense.empty_filters = bands.empty_filters;
  for (std::size_t m = 0; m < config.n_mels; ++m)
    std::copy(bands.weights.begin() + static_cast<std::ptrdiff_t>(bands.offset[m]),
              bands.weights.begin() + static_cast<std::ptrdiff_t>(bands.offset[m + 1]),
              dense.weights.begin() + static_cast<std::ptrdiff_t>(m * n_bins + bands.first[m]));
  return dense;
}

template MelBands<float> mel_bands(const MelConfig&, bool);
template MelBands<double> mel_bands(const MelConfig&, bool);
template DenseFilterbank<float> mel_filterbank(const MelConfig&);
template DenseFilterbank<double> mel_filterbank(const MelConfig&);

}  // namespace melpix
