// SPDX-License-Identifier: MIT
// Threads that share a front-end and call it in a loop: the times of single calls, without Python.
//
//   build/benchmarks/bench_loop THREADS SECONDS MICROSECONDS
//
// A call makes as many images of a short clip as take so many microseconds on a thread alone.
// Prints one JSON object; what embedding.py sets beside it is the same loop in Python.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "melpix/melpix.h"

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Work {
 public:
  Work() : frontend_(config()), y_(8000), columns_(frontend_.frames(y_.size())) {
    std::mt19937 random(0);
    std::uniform_real_distribution<float> noise(-1, 1);
    for (float& sample : y_) sample = noise(random);
  }

  void call(std::size_t images, std::vector<std::uint8_t>& image) const {
    image.resize(frontend_.config().mel.n_mels * columns_);
    for (std::size_t i = 0; i < images; ++i)
      frontend_.image({y_.data(), y_.size()}, image.data(), static_cast<std::ptrdiff_t>(columns_));
  }

  // How many images take so many seconds: by the median, as a thread that is disturbed says little.
  std::size_t images_in(double seconds) const {
    std::vector<std::uint8_t> image;
    std::vector<double> each(2001);
    for (double& one : each) {
      const auto start = Clock::now();
      call(1, image);
      one = since(start);
    }
    std::sort(each.begin(), each.end());
    return static_cast<std::size_t>(std::max(1L, std::lround(seconds / each[each.size() / 2])));
  }

 private:
  static melpix::Config config() {
    melpix::Config config;
    config.mel.sr = 16000;
    return config;
  }

  const melpix::Frontend<float> frontend_;
  std::vector<float> y_;
  const std::size_t columns_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: bench_loop THREADS SECONDS MICROSECONDS\n");
    return 2;
  }
  const std::size_t threads = std::max(1UL, std::strtoul(argv[1], nullptr, 10));
  const double seconds = std::strtod(argv[2], nullptr);
  const Work work;
  const std::size_t images = work.images_in(1e-6 * std::strtod(argv[3], nullptr));

  std::vector<std::vector<double>> times(threads);
  std::atomic<std::size_t> ready{0};
  std::vector<std::thread> running;
  for (auto& mine : times)
    running.emplace_back([&] {
      std::vector<std::uint8_t> image;
      ++ready;
      while (ready < threads) std::this_thread::yield();
      const auto begin = Clock::now();
      for (auto start = begin; since(begin) < seconds; start = Clock::now()) {
        work.call(images, image);
        mine.push_back(1e3 * since(start));
      }
    });
  for (auto& thread : running) thread.join();

  std::vector<double> all;
  for (const auto& mine : times) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  const auto at = [&](double share) {
    return all[static_cast<std::size_t>(share * static_cast<double>(all.size() - 1))];
  };
  std::printf("{\"per_second\": %.1f, \"median_ms\": %.4f, \"p99_ms\": %.4f, \"images\": %zu}\n",
              static_cast<double>(all.size()) / seconds, at(0.5), at(0.99), images);
}
