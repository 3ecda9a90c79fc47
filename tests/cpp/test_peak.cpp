// SPDX-License-Identifier: MIT
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "melpix/isa.h"
#include "signals.h"
#include "stages/peak.h"

using melpix::Signal;

namespace {

// Seen in three parts.
double peak_of(const melpix::Isa& isa, const Signal& y) {
  melpix::PeakMeter meter(y, isa);
  meter.advance(y.length / 3);
  meter.advance(y.length / 2);
  meter.advance(y.length);
  return meter.peak();
}

template <class S>
void test_lengths(const melpix::Isa& isa) {
  for (std::size_t n = 0; n < 70; ++n) {
    std::vector<S> y = noise<S>(n + 1);
    CHECK(peak_of(isa, Signal(y.data(), n)) <= 1);
    y[n / 2] = S(-7);
    CHECK_EQUAL(peak_of(isa, Signal(y.data(), n + 1)), 7.0);
    y[n] = std::numeric_limits<S>::quiet_NaN();
    CHECK_THROWS(std::domain_error, ("sample " + std::to_string(n) + " is nan").c_str(),
                 peak_of(isa, Signal(y.data(), n + 1)));
  }
}

void test_isa(const melpix::Isa& isa) {
  test_lengths<float>(isa);
  test_lengths<double>(isa);
  const std::vector<std::int16_t> pcm = {1, 2, 3};
  CHECK_EQUAL(peak_of(isa, Signal(pcm.data(), 3)), 1.0);

  std::vector<float> bad = {0, -3, 1, 2};
  CHECK_EQUAL(peak_of(isa, Signal(bad.data(), 4)), 3.0);
  CHECK_EQUAL(peak_of(isa, Signal(bad.data(), 0)), 0.0);
  bad[2] = -std::numeric_limits<float>::infinity();
  CHECK_THROWS(std::domain_error, "sample 2 is -inf", peak_of(isa, Signal(bad.data(), 4)));
  bad[1] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS(std::domain_error, "sample 1 is nan", peak_of(isa, Signal(bad.data(), 4)));
  Signal pair(bad.data(), 2);
  pair.channels = 2;
  pair.channel_stride = 2;
  CHECK_THROWS(std::domain_error, "sample 0 of channel 1", peak_of(isa, pair));
  for (std::size_t channel = 0; channel < 3; ++channel)
    for (bool by_time : {false, true}) {
      std::vector<double> samples(3 * 5, 0.5);
      samples[by_time ? 3 * 4 + channel : 5 * channel + 4] =
          std::numeric_limits<double>::quiet_NaN();
      Signal y3(samples.data(), 5);
      y3.channels = 3;
      y3.stride = by_time ? 3 : 1;
      y3.channel_stride = by_time ? 1 : 5;
      CHECK_THROWS(std::domain_error, ("sample 4 of channel " + std::to_string(channel)).c_str(),
                   peak_of(isa, y3));
    }

  // Every second sample, backwards: what lies between is not looked at.
  std::vector<float> sparse = {1, 99, 2, 99, -3, 99};
  Signal backwards(sparse.data() + 4, 3);
  backwards.stride = -2;
  CHECK_EQUAL(peak_of(isa, backwards), 3.0);
}

}  // namespace

int main() {
  for (const std::string& name : melpix::available_isas()) test_isa(melpix::find_isa(name.c_str()));
  return failures();
}
