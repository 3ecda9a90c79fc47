// SPDX-License-Identifier: MIT
#include <melpix/melpix.h>

#include <cmath>
#include <cstdio>
#include <vector>

int main() {
  // One second of a tone that rises from 200 to 4200 Hz.
  std::vector<float> y(22050);
  for (std::size_t n = 0; n < y.size(); ++n) {
    const double t = static_cast<double>(n) / 22050;
    y[n] = static_cast<float>(0.5 * std::sin(2 * 3.141592653589793 * (200 + 2000 * t) * t));
  }

  const melpix::Frontend<float> frontend{melpix::Config()};
  const std::size_t rows = frontend.config().mel.n_mels, columns = frontend.frames(y.size());
  std::vector<std::uint8_t> image(rows * columns);
  const auto seen =
      frontend.image({y.data(), y.size()}, image.data(), static_cast<std::ptrdiff_t>(columns));
  std::printf("melpix %s, %s: %zu x %zu pixels, features %.2f ... %.2f\n", MELPIX_VERSION,
              frontend.isa().c_str(), rows, columns, seen.min, seen.max);

  // The tone rises: its row, the darkest of a column, wanders up.
  const auto darkest_row = [&](std::size_t column) {
    std::size_t darkest = 0;
    for (std::size_t row = 0; row < rows; ++row)
      if (image[row * columns + column] < image[darkest * columns + column]) darkest = row;
    return darkest;
  };
  return darkest_row(5) > darkest_row(20) && darkest_row(20) > darkest_row(38) ? 0 : 1;
}
