// SPDX-License-Identifier: MIT
#include <cmath>

#include "check.h"
#include "stages/mel.h"

int main() {
  melpix::MelConfig c;
  const auto dense = melpix::mel_filterbank<double>(c);
  const std::size_t n_bins = c.n_fft / 2 + 1;
  CHECK_EQUAL(dense.weights.size(), c.n_mels * n_bins);
  CHECK_EQUAL(dense.empty_filters, 0u);

  // The sparse form holds the same numbers.
  const auto bands = melpix::mel_bands<double>(c, false);
  double sum = 0, sparse_sum = 0;
  for (double w : dense.weights) sum += w;
  for (std::size_t m = 0; m < c.n_mels; ++m)
    for (std::size_t i = bands.offset[m]; i < bands.offset[m + 1]; ++i) {
      const std::size_t k = bands.first[m] + i - bands.offset[m];
      CHECK_EQUAL(bands.weights[i], dense.weights[m * n_bins + k]);
      CHECK(k < n_bins);
      sparse_sum += bands.weights[i];
    }
  CHECK_NEAR(sum, sparse_sum, 1e-12);

  // Slaney's norm gives every filter the area 1 / Hz; the sum over bins approaches it where
  // filters are wide.
  const double bin_hz = c.sr / static_cast<double>(c.n_fft);
  double area = 0;
  for (std::size_t k = 0; k < n_bins; ++k) area += dense.weights[127 * n_bins + k] * bin_hz;
  CHECK_NEAR(area, 1, 0.02);

  // 1000 Hz is 15 mel on Slaney's scale: with 29 steps from 0 to 30 mel, filter 14 peaks there.
  melpix::MelConfig slaney;
  slaney.sr = 16000;
  slaney.n_fft = 16000;
  slaney.n_mels = 29;
  slaney.norm.kind = melpix::MelNorm::Kind::kNone;
  slaney.fmax = 1000 * std::pow(6.4, 15.0 / 27);  // 30 mel
  const auto peaks = melpix::mel_filterbank<double>(slaney);
  CHECK_NEAR(peaks.weights[14 * 8001 + 1000], 1, 1e-9);

  // A filterbank for another rate than the signal's is that rate's.
  melpix::MelConfig other = c, same = c;
  other.mel_sr = same.sr = 32000;
  CHECK_EQUAL(other.highest(), 16000);
  CHECK(melpix::mel_filterbank<double>(other).weights ==
        melpix::mel_filterbank<double>(same).weights);

  melpix::MelConfig narrow;
  narrow.sr = 96000;
  CHECK(melpix::mel_filterbank<float>(narrow).empty_filters > 0);

  melpix::MelConfig unit;
  unit.norm = {melpix::MelNorm::Kind::kP, HUGE_VAL};
  const auto tops = melpix::mel_filterbank<double>(unit);
  for (std::size_t m = 0; m < unit.n_mels; ++m) {
    double top = 0;
    for (std::size_t k = 0; k < n_bins; ++k) top = std::fmax(top, tops.weights[m * n_bins + k]);
    CHECK_NEAR(top, 1, 1e-15);
  }

  // Rounded to float32, then used in double.
  const auto rounded = melpix::mel_bands<double>(c, true);
  for (double w : rounded.weights) CHECK_EQUAL(w, static_cast<double>(static_cast<float>(w)));
  return failures();
}
