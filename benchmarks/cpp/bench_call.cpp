// SPDX-License-Identifier: MIT
// What one call costs on a short clip, without Python: 0.4 s at 8 kHz unless told otherwise.
//
//   build/benchmarks/bench_call [samples [sr [hop_length]]]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "melpix/melpix.h"

int main(int argc, char** argv) {
  const auto argument = [&](int i, unsigned long otherwise) {
    return argc > i ? std::strtoul(argv[i], nullptr, 10) : otherwise;
  };
  constexpr std::size_t kCalls = 20000;
  melpix::Config config;
  config.mel.sr = static_cast<double>(argument(2, 8000));
  config.hop_length = argument(3, 512);
  config.mel.n_fft = 2 * config.hop_length;
  const melpix::Frontend<float> f(config);

  std::mt19937 random(0);
  std::uniform_real_distribution<float> noise(-1, 1);
  std::vector<float> y(argument(1, 3200));
  for (float& sample : y) sample = noise(random);
  const std::size_t frames = f.frames(y.size());
  std::vector<std::uint8_t> image(config.mel.n_mels * frames);

  using Clock = std::chrono::steady_clock;
  std::vector<double> seconds;
  for (std::size_t i = 0; i < kCalls; ++i) {
    const auto start = Clock::now();
    f.image({y.data(), y.size()}, image.data(), static_cast<std::ptrdiff_t>(frames));
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  std::printf("%.3f us least, %.3f us median of %zu calls\n", 1e6 * seconds.front(),
              1e6 * seconds[kCalls / 2], kCalls);
}
