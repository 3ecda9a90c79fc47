// SPDX-License-Identifier: MIT
// What each kernel takes per frame, by instruction set and size: the least of many repetitions, one
// thread, everything warm.
//
//   cmake -S cpp -B build -DMELPIX_BUILD_BENCHMARKS=ON && cmake --build build
//   build/benchmarks/bench_kernels [n_fft[:hop_length] ...]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "melpix/melpix.h"

namespace {

constexpr std::size_t kFrames = 384;
constexpr double kSecondsEach = 0.3;

struct Size {
  std::size_t n_fft, hop_length;
};

// Least seconds of each stage and, in the last place, of the image as a whole.
template <class T>
std::vector<double> least(const melpix::Frontend<T>& f, const std::vector<float>& y) {
  using Clock = std::chrono::steady_clock;
  const melpix::Signal signal(y.data(), y.size());
  const std::size_t frames = f.frames(y.size());
  std::vector<std::uint8_t> image(f.config().mel.n_mels * frames);
  std::vector<double> best(melpix::kStages + 1, std::numeric_limits<double>::infinity());
  const auto start = Clock::now();
  do {
    melpix::StageSeconds stages{};
    f.profile(signal, image.data(), static_cast<std::ptrdiff_t>(frames), &stages);
    const auto before = Clock::now();
    f.image(signal, image.data(), static_cast<std::ptrdiff_t>(frames));
    const std::chrono::duration<double> whole = Clock::now() - before;
    for (std::size_t s = 0; s < melpix::kStages; ++s) best[s] = std::min(best[s], stages[s]);
    best.back() = std::min(best.back(), whole.count());
  } while (std::chrono::duration<double>(Clock::now() - start).count() < kSecondsEach);
  return best;
}

template <class T>
void measure(const Size& size, const std::string& isa, const char* precision) {
  melpix::Config config;
  config.mel.n_fft = size.n_fft;
  config.hop_length = size.hop_length;
  std::mt19937 random(0);
  std::uniform_real_distribution<float> noise(-1, 1);
  std::vector<float> y(kFrames * size.hop_length);
  for (float& sample : y) sample = noise(random);

  const melpix::Frontend<T> f(config, isa);
  std::printf("%6zu %5zu  %-8s %-6s", size.n_fft, size.hop_length, isa.c_str(), precision);
  for (const double seconds : least(f, y))
    std::printf(" %9.0f", 1e9 * seconds / static_cast<double>(f.frames(y.size())));
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<Size> sizes;
  for (int i = 1; i < argc; ++i) {
    char* end = nullptr;
    const std::size_t n_fft = std::strtoul(argv[i], &end, 10);
    const std::size_t hop_length = *end == ':' ? std::strtoul(end + 1, nullptr, 10) : n_fft / 2;
    sizes.push_back({n_fft, hop_length});
  }
  if (sizes.empty())
    sizes = {{400, 160},  {512, 256},   {1024, 512},  {1102, 551},
             {2048, 512}, {4096, 1024}, {17640, 441}, {1021, 256}};

  std::printf("ns per frame\n n_fft   hop  isa      prec. ");
  for (const char* stage : melpix::kStageNames) std::printf(" %9s", stage);
  std::printf("     whole\n");
  for (const Size& size : sizes) {
    for (const std::string& isa : melpix::available_isas()) {
      measure<float>(size, isa, "single");
      measure<double>(size, isa, "double");
    }
  }
}
