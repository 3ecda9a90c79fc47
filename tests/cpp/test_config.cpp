// SPDX-License-Identifier: MIT
#include <limits>

#include "check.h"
#include "melpix/config.h"

template <class Change>
melpix::Config with(const Change& change) {
  melpix::Config c;
  change(c);
  return c;
}

#define CHECK_REFUSED(part, change) \
  CHECK_THROWS(std::invalid_argument, part, validate(with([](melpix::Config& c) { change; })))

int main() {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  validate(melpix::Config());
  validate(with([](melpix::Config& c) { c.hop_length = 5000; }));  // longer than a frame
  validate(with([](melpix::Config& c) { c.mel.n_fft = 1; }));
  validate(with([](melpix::Config& c) { c.range = melpix::Range{-1e30, 1e30}; }));

  CHECK_REFUSED("n_fft must be in 1 ... 1048576, got 0", c.mel.n_fft = 0);
  CHECK_REFUSED("n_fft", c.mel.n_fft = std::numeric_limits<std::size_t>::max());
  CHECK_REFUSED("hop_length", c.hop_length = 0);
  CHECK_REFUSED("n_mels", c.mel.n_mels = 0);
  CHECK_REFUSED("win_length must be <= n_fft (1024), got 1025", c.win_length = 1025);
  CHECK_REFUSED("win_length", c.win_length = 0);
  CHECK_REFUSED("sr must be > 0, got 0", c.mel.sr = 0);
  CHECK_REFUSED("fmin must be >= 0, got -1", c.mel.fmin = -1);
  CHECK_REFUSED("fmin must be below fmax (11025), got 11025", c.mel.fmin = 11025);
  CHECK_REFUSED("fmin must be below fmax (5), got 6", (c.mel.fmin = 6, c.mel.fmax = 5));
  CHECK_REFUSED("power must be > 0, got 0", c.power = 0);
  CHECK_REFUSED("offset must be >= 0, got -1", c.offset = -1);
  CHECK_REFUSED("offset must be > 0 with floor=none, got 0", c.offset = 0);
  validate(with([](melpix::Config& c) { c.offset = 0, c.floor = 1e-10; }));
  validate(with([](melpix::Config& c) { c.offset = 0, c.compress = melpix::Compress::kNone; }));
  CHECK_REFUSED("floor must be > 0, got -1", c.floor = -1);
  CHECK_REFUSED("gain must be > 0", c.gain = 0);
  CHECK_REFUSED("got 1e+13", c.gain = 1e13);
  CHECK_REFUSED("preemphasis must be >= 0 and < 1, got 1", c.preemphasis = 1);
  CHECK_REFUSED("preemphasis", c.preemphasis = std::nan(""));
  CHECK_REFUSED("hop_length must be <= n_fft (1024)",
                (c.framing = melpix::Framing::kMiddle, c.hop_length = 1025));
  CHECK_REFUSED("bin_offset must be >= 0, got -1", c.bin_offset = -1);
  using melpix::Compress;
  for (const Compress good : {Compress::kNone, Compress::kPower})
    validate(with([good](melpix::Config& c) {
      c.spectrum = melpix::Spectrum::kReal, c.power = 1, c.compress = good, c.exponent = 0.5;
    }));
#define CHECK_REAL_REFUSED(part, change)                                  \
  CHECK_REFUSED(part, (c.spectrum = melpix::Spectrum::kReal, c.power = 1, \
                       c.compress = Compress::kNone, change))
  CHECK_REAL_REFUSED("power must be 1 with spectrum='real', got 2", c.power = 2);
  CHECK_REAL_REFUSED("bin_offset must be 0 with spectrum='real', got 0.5", c.bin_offset = 0.5);
  CHECK_REAL_REFUSED("floor must be none with spectrum='real', got 0.5", c.floor = 0.5);
  for (const Compress bad : {Compress::kLn, Compress::kLog10, Compress::kDb, Compress::kPcen}) {
    melpix::Config c;
    c.spectrum = melpix::Spectrum::kReal, c.power = 1, c.compress = bad;
    CHECK_THROWS(std::invalid_argument,
                 "compress must be none or power,EXPONENT with spectrum='real'", validate(c));
  }
  for (const double no : {0.0, -1.0, nan, HUGE_VAL}) {
    melpix::Config c;
    c.mel.mel_sr = no;
    CHECK_THROWS(std::invalid_argument, "mel_sr must be ", validate(c));
  }
  CHECK_REFUSED("fmin must be below fmax (4000), got 5000",
                (c.mel.mel_sr = 8000, c.mel.fmin = 5000));
  CHECK_REFUSED("ref must be > 0, got 0", c.ref = 0);
  CHECK_REFUSED("top_db must be > 0, got 0", c.top_db = 0);
  CHECK_REFUSED("compress's exponent must be > 0, got 0", c.exponent = 0);
  CHECK_REFUSED("compress's gain must be >= 0, got -1", c.pcen.gain = -1);
  CHECK_REFUSED("compress's time_constant must be > 0, got 0", c.pcen.time_constant = 0);
  CHECK_REFUSED("compress's eps must be > 0, got 0", c.pcen.eps = 0);
  CHECK_REFUSED("columns must be in 1 ... 1073741824, got 0", c.columns = 0);
  CHECK_REFUSED("duration must be 1 ... 2147483648 samples long at sr (22050), got 1000000",
                c.duration = 1e6);
  for (const double seconds : {0.0, -1.0, 0.5 / 22050, nan, HUGE_VAL, -HUGE_VAL, 1e300}) {
    melpix::Config c;
    c.duration = seconds;
    CHECK_THROWS(std::invalid_argument, "duration must be ", validate(c));
  }
  validate(with([](melpix::Config& c) { c.duration = 2147483648.0 / 22050; }));
  CHECK_REFUSED("patch must be in 1 ... 1073741824, got 0", c.patch = 0);
  CHECK_REFUSED("patch_step must be in 1 ... 1073741824, got 0", (c.patch = 1, c.patch_step = 0));
  CHECK_REFUSED("patch_step must be none with patch=none, got 3", c.patch_step = 3);
  CHECK_REFUSED("tail must be drop with patch=none, got pad", c.tail = melpix::Tail::kPad);
  CHECK_REFUSED("norm must be none", c.mel.scale = melpix::MelScale::kKaldi);
  using Kind = melpix::Normalise::Kind;
  CHECK_REFUSED("normalise's mean must have 1 or n_mels (128) values, got 2",
                (c.normalise = {Kind::kGiven, {1, 2}, {1}}));
  CHECK_REFUSED("normalise's std must be > 0, got 0", (c.normalise = {Kind::kGiven, {1}, {0}}));
  CHECK_REFUSED("normalise's std must have", (c.normalise = {Kind::kGiven, {1}, {}}));
  CHECK_REFUSED("range must be minmax or LO,HI with -1e+30 <= LO < HI <= 1e+30, got 1,1",
                (c.range = melpix::Range{1, 1}));
  CHECK_REFUSED("got -2e+30,0", (c.range = melpix::Range{-2e30, 0}));
  for (const double no : {nan, std::numeric_limits<double>::infinity(), -2.5}) {
    melpix::Config c;
    c.range = melpix::Range{-2, no};
    CHECK_THROWS(std::invalid_argument, "range must be", validate(c));
    c.range = melpix::Range{-no, 2};
    CHECK_THROWS(std::invalid_argument, "range must be", validate(c));
  }
  CHECK_REFUSED("norm", (c.mel.norm = {melpix::MelNorm::Kind::kP, -2}));
  for (double melpix::MelConfig::* number : {&melpix::MelConfig::sr, &melpix::MelConfig::fmin}) {
    melpix::Config c;
    c.mel.*number = nan;
    CHECK_THROWS(std::invalid_argument, "nan", validate(c));
  }
  return failures();
}
