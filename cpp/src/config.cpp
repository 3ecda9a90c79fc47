// SPDX-License-Identifier: MIT
#include "melpix/config.h"

#include <cmath>

#include "check.h"

namespace melpix {
namespace {

// Far above any use, and low enough that a typing error does not fill the memory.
constexpr std::size_t kMaxFft = std::size_t{1} << 20;
constexpr std::size_t kMaxHop = std::size_t{1} << 30;
constexpr std::size_t kMaxMels = std::size_t{1} << 16;
constexpr double kMaxFeature = 1e30;  // in float, too, lo, hi and hi - lo are finite

void check_range(const char* name, std::size_t value, std::size_t most) {
  if (value < 1 || value > most) throw invalid(name, " must be in 1 ... ", most, ", got ", value);
}

}  // namespace

void validate(const MelConfig& c) {
  if (!(c.sr > 0) || !std::isfinite(c.sr)) throw invalid("sr must be > 0, got ", c.sr);
  check_range("n_fft", c.n_fft, kMaxFft);
  check_range("n_mels", c.n_mels, kMaxMels);
  const double fmax = c.fmax.value_or(c.sr / 2);
  if (!(c.fmin >= 0)) throw invalid("fmin must be >= 0, got ", c.fmin);
  if (!std::isfinite(fmax)) throw invalid("fmax must be finite, got ", fmax);
  if (!(c.fmin < fmax)) throw invalid("fmin must be below fmax (", fmax, "), got ", c.fmin);
  if (c.norm.kind == MelNorm::Kind::kP) {
    const double p = c.norm.p;
    if (!(p >= 0) && p != -HUGE_VAL) throw invalid("norm must be >= 0 or -inf, got ", p);
  }
}

void validate(const Config& c) {
  validate(c.mel);
  check_range("hop_length", c.hop_length, kMaxHop);
  const std::size_t win_length = c.win_length.value_or(c.mel.n_fft);
  if (win_length < 1 || win_length > c.mel.n_fft)
    throw invalid("win_length must be in 1 ... n_fft (", c.mel.n_fft, "), got ", win_length);
  if (!(c.power > 0) || !std::isfinite(c.power)) throw invalid("power must be > 0, got ", c.power);
  if (!(c.offset > 0) || !std::isfinite(c.offset))
    throw invalid("offset must be > 0, got ", c.offset);
  const Range range = c.range.value_or(Range{0, 1});
  if (!(-kMaxFeature <= range.lo && range.lo < range.hi && range.hi <= kMaxFeature))
    throw invalid("range must be (lo, hi) with ", -kMaxFeature, " <= lo < hi <= ", kMaxFeature,
                  ", got (", range.lo, ", ", range.hi, ")");
}

}  // namespace melpix
