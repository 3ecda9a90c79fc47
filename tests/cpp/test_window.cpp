// SPDX-License-Identifier: MIT
// Values from the formulas, worked out by hand. tests/python compares every window with SciPy's.
#include <limits>

#include "check.h"
#include "melpix/config.h"

using melpix::Window;
using melpix::window_samples;

int main() {
  const auto hann = window_samples({"hann", {}, {}}, 4);
  CHECK_EQUAL(hann.size(), 4u);
  CHECK_NEAR(hann[0], 0.0, 0);
  CHECK_NEAR(hann[1], 0.5, 1e-15);
  CHECK_NEAR(hann[2], 1.0, 0);
  CHECK_NEAR(hann[3], 0.5, 1e-15);

  const auto hamming = window_samples({"hamming", {}, {}}, 2);
  CHECK_NEAR(hamming[0], 0.08, 1e-15);
  CHECK_NEAR(hamming[1], 1.0, 1e-15);

  const auto bartlett = window_samples({"bartlett", {}, {}}, 4);
  CHECK_NEAR(bartlett[1], 0.5, 0);

  // I0(2) = 2.2795853023360673 (Abramowitz & Stegun, table 9.8)
  const auto kaiser = window_samples({"kaiser", {2}, {}}, 2);
  CHECK_NEAR(kaiser[0], 1 / 2.2795853023360673, 1e-15);
  CHECK_NEAR(kaiser[1], 1.0, 1e-15);

  for (const char* name : {"hann", "hamming", "blackman", "blackmanharris", "bartlett", "boxcar"})
    for (std::size_t n : {1u, 2u, 3u, 8u, 101u}) {
      const auto w = window_samples({name, {}, {}}, n);
      CHECK_EQUAL(w.size(), n);
      // Periodic: symmetric about n / 2, without the sample that would repeat the first.
      for (std::size_t i = 1; i < n; ++i) CHECK_NEAR(w[i], w[n - i], 1e-14);
    }

  CHECK_EQUAL(window_samples({"", {}, {0.5, -2}}, 2)[1], -2.0);
  CHECK_THROWS(std::invalid_argument, "win_length is 3", window_samples({"", {}, {1, 2}}, 3));
  CHECK_THROWS(std::invalid_argument, "finite",
               window_samples({"", {}, {std::numeric_limits<double>::infinity()}}, 1));
  CHECK_THROWS(std::invalid_argument, "'hanning'", window_samples({"hanning", {}, {}}, 8));
  CHECK_THROWS(std::invalid_argument, "takes 1 parameter", window_samples({"kaiser", {}, {}}, 8));
  CHECK_THROWS(std::invalid_argument, "std != 0", window_samples({"gaussian", {0}, {}}, 8));
  CHECK_THROWS(std::invalid_argument, "win_length", window_samples({}, 0));
  return failures();
}
