// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "signals.h"
#include "stages/peak.h"
#include "stages/signal.h"

using melpix::Config;
using melpix::Fit;
using melpix::Level;
using melpix::SampleType;
using melpix::Signal;

namespace {

const melpix::Isa& isa() { return melpix::find_isa(""); }

Config config(double duration, Fit fit, Level level = Level::kNone) {
  Config c;
  c.mel.sr = 10;
  c.duration = duration;
  c.fit = fit;
  c.level = level;
  return c;
}

// Two channels.
template <class S>
Signal interleaved(const S* y, std::size_t n) {
  Signal signal(y, n);
  signal.channels = 2;
  signal.stride = 2;
  signal.channel_stride = 1;
  return signal;
}

// The samples of channel after channel, as they are in their own type.
template <class S>
std::vector<S> samples(const Signal& y) {
  std::vector<S> all;
  for (std::size_t c = 0; c < y.channels; ++c)
    for (std::size_t i = 0; i < y.length; ++i)
      all.push_back(
          static_cast<const S*>(y.data)[static_cast<std::ptrdiff_t>(i) * y.stride +
                                        static_cast<std::ptrdiff_t>(c) * y.channel_stride]);
  return all;
}

// `y` with its duration and level, and then zeros up to `length` if that is more.
template <class T, class S>
std::vector<S> fitted(const Config& c, const Signal& y, std::size_t length = 0) {
  melpix::PeakMeter meter(y, isa());
  const melpix::FittedSignal<T> done(c, isa(), y, std::max(length, fitted_length(c, y.length)),
                                     [&meter](std::size_t end) { meter.advance(end); });
  return samples<S>(done.signal());
}

void lengths() {
  CHECK_EQUAL(fitted_length(config(3, Fit::kPad), 7), 30u);
  CHECK_EQUAL(fitted_length(config(3, Fit::kPad), 0), 0u);
  CHECK_EQUAL(fitted_length(Config(), 7), 7u);
  // Half a sample goes to the even number, as round() in Python does.
  CHECK_EQUAL(fitted_length(config(0.25, Fit::kPad), 7), 2u);
  CHECK_EQUAL(fitted_length(config(0.35, Fit::kPad), 7), 4u);
  CHECK_EQUAL(fitted_length(config(0.45, Fit::kPad), 7), 4u);
  CHECK_EQUAL(fitted_length(config(0.451, Fit::kPad), 7), 5u);
}

template <class S>
void fits() {
  using V = std::vector<S>;
  const V y = {1, 2, 3};
  const Signal signal(y.data(), y.size());
  const auto by = [&](Fit fit, double duration, std::size_t length = 0) {
    return fitted<float, S>(config(duration, fit), signal, length);
  };
  CHECK((by(Fit::kPad, 0.7) == V{1, 2, 3, 0, 0, 0, 0}));
  CHECK((by(Fit::kRepeat, 0.7) == V{1, 2, 3, 1, 2, 3, 1}));
  CHECK((by(Fit::kRepeatPad, 0.7) == V{1, 2, 3, 1, 2, 3, 0}));
  CHECK((by(Fit::kRepeatPad, 0.6) == V{1, 2, 3, 1, 2, 3}));
  CHECK((by(Fit::kRepeat, 0.2) == V{1, 2}));
  CHECK((by(Fit::kRepeat, 0.4, 6) == V{1, 2, 3, 1, 0, 0}));
  CHECK((by(Fit::kRepeat, 0.2, 4) == V{1, 2, 0, 0}));
  // Of channels, each; whatever the strides.
  const V pairs = {1, 4, 2, 5, 3, 6};
  Signal stereo = interleaved(pairs.data() + 4, 3);
  stereo.stride = -2;
  CHECK((fitted<double, S>(config(0.5, Fit::kRepeat), stereo) == V{3, 2, 1, 3, 2, 6, 5, 4, 6, 5}));
  // One sample, many times.
  CHECK((fitted<double, S>(config(100, Fit::kRepeat), Signal(y.data(), 1)) == V(1000, 1)));
}

// Where nothing changes but the end, the samples stay where they are.
void views() {
  const auto y = noise<float>(50);
  for (const Signal& signal : {Signal(y.data(), 25), interleaved(y.data(), 25)})
    for (const Config& c : {config(0.3, Fit::kRepeat), config(2.5, Fit::kRepeat), Config()}) {
      const std::size_t length = fitted_length(c, signal.length);
      const melpix::FittedSignal<float> view(c, isa(), signal, length, {});
      CHECK(view.signal().data == y.data());
      CHECK_EQUAL(view.signal().length, length);
      CHECK_EQUAL(view.signal().stride, signal.stride);
    }
  // Nothing cannot be filled up, nor levelled.
  for (const Level level : {Level::kNone, Level::kInt16, Level::kMinmax}) {
    const Config c = config(1, Fit::kRepeat, level);
    const melpix::FittedSignal<float> nothing(c, isa(), Signal(y.data(), 0), 0, {});
    CHECK_EQUAL(nothing.signal().length, 0u);
  }
}

void through_int16() {
  const Config c = config(0.7, Fit::kRepeat, Level::kInt16);
  const std::vector<double> y = {0.5, -0.5, 1e300, -3, 0.9 / 32767};
  const std::vector<float> expected = {16383 / 32767.f, -16383 / 32767.f, 1, -1, 0,
                                       16383 / 32767.f, -16383 / 32767.f};
  const Signal signal(y.data(), y.size());
  CHECK((fitted<float, float>(c, signal) == expected));
  CHECK((fitted<double, float>(c, signal) == expected));
  // What float32 rounds up to a whole number is not rounded towards 0.
  const float below = static_cast<float>(1 / 32767.0);
  CHECK(static_cast<double>(below) * 32767 < 1);
  CHECK((fitted<float, float>(config(0.1, Fit::kPad, Level::kInt16), Signal(&below, 1)) ==
         std::vector<float>{below}));
  // int16 is read as x / 32768; the level is that of the mean.
  const std::vector<std::int16_t> integers = {16384, 0, 32767, 32767};
  CHECK((fitted<float, float>(config(0.2, Fit::kPad, Level::kInt16),
                              interleaved(integers.data(), 2)) ==
         std::vector<float>{8191 / 32767.f, 32766 / 32767.f}));
}

// In `W`, as BirdNET's own NumPy has it; zeros that fill a signal up belong to it.
template <class T, class S, class W>
void to_extremes() {
  for (const std::size_t n : {1u, 2u, 1023u, 1024u, 1025u, 5000u}) {
    std::vector<S> y;
    for (const double x : noise<double>(n, 3))
      y.push_back(static_cast<S>(sizeof(S) == 2 ? x * 9000 + 15000 : x / 3 + 0.5));
    for (const std::size_t wanted : {n, n + 700, n / 2 + 1}) {
      const Config c = config(static_cast<double>(wanted) / 10, Fit::kPad, Level::kMinmax);
      std::vector<W> x;
      for (std::size_t i = 0; i < wanted; ++i)
        x.push_back(i < n ? static_cast<W>(y[i]) * W(sizeof(S) == 2 ? 0x1p-15 : 1) : W(0));
      const W lo = *std::min_element(x.begin(), x.end());
      const W width = *std::max_element(x.begin(), x.end()) - lo + W(1e-6);
      std::vector<T> expected;
      for (const W value : x) expected.push_back(T(((value - lo) / width - W(0.5)) * 2));
      const auto done = fitted<T, T>(c, Signal(y.data(), n), wanted + 3);
      CHECK((std::vector<T>(done.begin(), done.end() - 3) == expected));
      CHECK(std::all_of(done.end() - 3, done.end(), [](T value) { return value == 0; }));
    }
  }
}

// Repeated samples are those that were levelled; zeros count where there are any.
void repeated_and_levelled() {
  const std::vector<double> y = {1, 3};
  const auto by = [&](Fit fit) {
    return fitted<double, double>(config(0.5, fit, Level::kMinmax), Signal(y.data(), 2));
  };
  const double one = (1 / (3 + 1e-6) - 0.5) * 2, three = (3 / (3 + 1e-6) - 0.5) * 2;
  CHECK((by(Fit::kRepeatPad) == std::vector<double>{one, three, one, three, -1}));
  CHECK((by(Fit::kPad) == std::vector<double>{one, three, -1, -1, -1}));
  const double most = (2 / (2 + 1e-6) - 0.5) * 2;
  CHECK((by(Fit::kRepeat) == std::vector<double>{-1, most, -1, most, -1}));
  // Of the mean: -1 and 1 from 2 and 4.
  const std::vector<float> pairs = {1, 3, 5, 3};
  CHECK((fitted<double, double>(config(0.2, Fit::kPad, Level::kMinmax),
                                interleaved(pairs.data(), 2)) == std::vector<double>{-1, most}));
}

// What is too large for float32 is none when it is levelled.
void large() {
  const std::vector<double> y = {1e300, -1e300, 0};
  CHECK((fitted<float, float>(config(0.3, Fit::kPad, Level::kMinmax), Signal(y.data(), 3)) ==
         std::vector<float>{1, -1, 0}));
}

// No sample hides: not behind a cut, nor in a channel.
void not_finite() {
  for (const Level level : {Level::kInt16, Level::kMinmax})
    for (const std::size_t at : {0u, 3u, 1500u, 2999u}) {
      std::vector<float> y(6000, 0.25f);
      y[at * 2 + 1] = -INFINITY;
      const Signal signal = interleaved(y.data(), 3000);
      const std::string message = "sample " + std::to_string(at) + " of channel 1 is -inf";
      const auto run = [&](double duration) {
        fitted<float, float>(config(duration, Fit::kRepeat, level), signal);
      };
      CHECK_THROWS(std::domain_error, message.c_str(), run(100));
      CHECK_THROWS(std::domain_error, message.c_str(), run(1000));
    }
}

void too_large() {
  const std::vector<double> y = {1};
  Signal wide(y.data(), 1);
  wide.channels = std::size_t{1} << 40;
  wide.channel_stride = 0;
  const Config c = config(1e8, Fit::kPad);
  CHECK_THROWS(std::length_error, "overflows",
               (melpix::FittedSignal<float>(c, isa(), wide, fitted_length(c, 1), {})));
}

}  // namespace

int main() {
  lengths();
  fits<std::int16_t>();
  fits<float>();
  fits<double>();
  views();
  through_int16();
  to_extremes<float, std::int16_t, float>();
  to_extremes<float, float, float>();
  to_extremes<float, double, double>();
  to_extremes<double, std::int16_t, double>();
  to_extremes<double, float, double>();
  to_extremes<double, double, double>();
  repeated_and_levelled();
  large();
  not_finite();
  too_large();
  return failures();
}
