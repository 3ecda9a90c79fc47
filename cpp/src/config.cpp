// SPDX-License-Identifier: MIT
#include "melpix/config.h"

#include <cmath>
#include <vector>

#include "base/check.h"

namespace melpix {
namespace {

// Far above any use, and low enough that a typing error does not fill the memory.
constexpr std::size_t kMaxFft = std::size_t{1} << 20;
constexpr std::size_t kMaxSamples = std::size_t{1} << 31;  // of a duration
constexpr std::size_t kMaxHop = std::size_t{1} << 30;
constexpr std::size_t kMaxMels = std::size_t{1} << 16;
constexpr std::size_t kMaxColumns = std::size_t{1} << 30;
constexpr double kMaxFeature = 1e30;  // in float, too, lo, hi and hi - lo are finite
constexpr double kMaxGain = 1e12;     // far above 2^31, and its square is finite in float

void check_range(const char* name, std::size_t value, std::size_t most) {
  if (value < 1 || value > most) throw invalid(name, " must be in 1 ... ", most, ", got ", value);
}

void above_zero(const char* name, double value) {
  if (!(value > 0) || !std::isfinite(value)) throw invalid(name, " must be > 0, got ", value);
}

void finite_from(const char* name, double value, double least) {
  if (!(value >= least) || !std::isfinite(value))
    throw invalid(name, " must be >= ", least, ", got ", value);
}

// Real parts have a sign, and nothing but a power of their magnitude is made of it.
void check_spectrum(const Config& c) {
  if (c.spectrum == Spectrum::kMagnitude) return;
  if (c.power != 1) throw invalid("power must be 1 with spectrum='real', got ", c.power);
  if (c.bin_offset != 0)
    throw invalid("bin_offset must be 0 with spectrum='real', got ", c.bin_offset);
  if (c.compress != Compress::kNone && c.compress != Compress::kPower)
    throw invalid("compress must be none or a power with spectrum='real'");
  if (c.floor != 0) throw invalid("floor must be none with spectrum='real', got ", c.floor);
}

void check_patches(const Config& c) {
  if (c.patch) check_range("patch", *c.patch, kMaxColumns);
  if (c.patch_step) check_range("patch_step", *c.patch_step, kMaxColumns);
  if (!c.patch && c.patch_step) throw invalid("patch_step needs patch, got ", *c.patch_step);
  if (!c.patch && c.tail == Tail::kPad) throw invalid("tail='pad' needs patch");
}

void check_statistics(const char* name, const std::vector<double>& values, std::size_t n_mels) {
  if (values.size() != 1 && values.size() != n_mels)
    throw invalid("normalise's ", name, " must have 1 or n_mels (", n_mels, ") values, got ",
                  values.size());
  for (double value : values)
    if (!(std::fabs(value) <= kMaxFeature))
      throw invalid("normalise's ", name, " must be within +-", kMaxFeature, ", got ", value);
}

}  // namespace

bool is_log(Compress compress) {
  return compress == Compress::kLn || compress == Compress::kLog10 || compress == Compress::kDb;
}

void validate(const MelConfig& c) {
  if (!(c.sr > 0) || !std::isfinite(c.sr)) throw invalid("sr must be > 0, got ", c.sr);
  if (c.mel_sr) above_zero("mel_sr", *c.mel_sr);
  check_range("n_fft", c.n_fft, kMaxFft);
  check_range("n_mels", c.n_mels, kMaxMels);
  const double fmax = c.highest();
  if (!(c.fmin >= 0)) throw invalid("fmin must be >= 0, got ", c.fmin);
  if (!std::isfinite(fmax)) throw invalid("fmax must be finite, got ", fmax);
  if (!(c.fmin < fmax)) throw invalid("fmin must be below fmax (", fmax, "), got ", c.fmin);
  if (c.norm.kind == MelNorm::Kind::kP) {
    const double p = c.norm.p;
    if (!(p >= 0) && p != -HUGE_VAL) throw invalid("norm must be >= 0 or -inf, got ", p);
  }
  const bool linear_in_mel = c.scale == MelScale::kKaldi || c.scale == MelScale::kTf;
  if (linear_in_mel && c.norm.kind != MelNorm::Kind::kNone)
    throw invalid("norm must be none for triangles that are linear in mel");
}

void validate(const Config& c) {
  check_range("hop_length", c.hop_length, kMaxHop);  // first: n_fft may follow from it
  validate(c.mel);
  if (c.duration) {
    const double samples = *c.duration * c.mel.sr;
    if (!(samples > 0.5 && samples <= static_cast<double>(kMaxSamples)))
      throw invalid("duration must hold 1 ... ", kMaxSamples, " samples at ", c.mel.sr, " Hz, got ",
                    *c.duration);
  }
  const std::size_t win_length = c.win_length.value_or(c.mel.n_fft);
  if (win_length < 1 || win_length > c.mel.n_fft)
    throw invalid("win_length must be in 1 ... n_fft (", c.mel.n_fft, "), got ", win_length);
  if (!(c.power > 0) || !std::isfinite(c.power)) throw invalid("power must be > 0, got ", c.power);
  if (!(c.gain > 0) || !(c.gain <= kMaxGain))
    throw invalid("gain must be > 0 and <= ", kMaxGain, ", got ", c.gain);
  if (!(c.preemphasis >= 0 && c.preemphasis < 1))
    throw invalid("preemphasis must be >= 0 and < 1, got ", c.preemphasis);
  if (c.framing == Framing::kMiddle && c.hop_length > c.mel.n_fft)
    throw invalid("hop_length must be <= n_fft (", c.mel.n_fft,
                  ") for frames around the middle of ", "hops, got ", c.hop_length);
  finite_from("bin_offset", c.bin_offset, 0);
  finite_from("floor", c.floor, 0);
  finite_from("offset", c.offset, 0);
  if (is_log(c.compress) && c.offset == 0 && c.floor == 0)
    throw invalid("offset must be > 0 where there is no floor, got 0");
  check_spectrum(c);
  if (c.ref) above_zero("ref", *c.ref);
  if (c.top_db) above_zero("top_db", *c.top_db);
  above_zero("exponent", c.exponent);
  finite_from("pcen's gain", c.pcen.gain, 0);
  finite_from("pcen's bias", c.pcen.bias, 0);
  finite_from("pcen's power", c.pcen.power, 0);
  above_zero("pcen's time_constant", c.pcen.time_constant);
  above_zero("pcen's eps", c.pcen.eps);
  if (c.columns) check_range("columns", *c.columns, kMaxColumns);
  if (c.normalise.kind == Normalise::Kind::kGiven) {
    check_statistics("mean", c.normalise.mean, c.mel.n_mels);
    check_statistics("std", c.normalise.std, c.mel.n_mels);
    for (double std : c.normalise.std) above_zero("normalise's std", std);
  }
  check_patches(c);
  const Range range = c.range.value_or(Range{0, 1});
  if (!(-kMaxFeature <= range.lo && range.lo < range.hi && range.hi <= kMaxFeature))
    throw invalid("range must be (lo, hi) with ", -kMaxFeature, " <= lo < hi <= ", kMaxFeature,
                  ", got (", range.lo, ", ", range.hi, ")");
}

}  // namespace melpix
