// SPDX-License-Identifier: MIT
#include <melpix/melpix.h>

#include <cmath>
#include <cstdio>
#include <vector>

int main() {
  std::vector<float> y(16000);  // a second of a tone
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = std::sin(0.2f * static_cast<float>(i));

  melpix::Config config;  // the recipe, but for what is set
  config.mel.sr = 16000;
  config.mel.n_mels = 80;
  const melpix::Frontend<float> frontend(config);  // immutable: share it between threads

  const std::size_t columns = frontend.frames(y.size());
  std::vector<std::uint8_t> image(80 * columns);
  frontend.image({y.data(), y.size()}, image.data(), static_cast<std::ptrdiff_t>(columns));

  std::printf("80 x %zu pixels, with melpix %s\n", columns, melpix::version());
}
