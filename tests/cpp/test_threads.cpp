// SPDX-License-Identifier: MIT
// One front-end serves many threads at once, each with the same result.
#include <thread>
#include <vector>

#include "check.h"
#include "melpix/melpix.h"
#include "signals.h"

int main() {
  const melpix::Frontend<float> f{melpix::Config()};
  const std::size_t n_threads = 8, n_lengths = 6;
  std::vector<std::vector<std::uint8_t>> expected;
  const auto y = noise<float>(n_lengths * 9000);
  const auto render = [&](std::size_t i) {
    const std::size_t length = (i + 1) * 9000, frames = f.frames(length);
    std::vector<std::uint8_t> out(frames * 128);
    f.image({y.data(), length}, out.data(), static_cast<std::ptrdiff_t>(frames));
    return out;
  };
  for (std::size_t i = 0; i < n_lengths; ++i) expected.push_back(render(i));

  std::vector<int> same(n_threads, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < n_threads; ++t)
    threads.emplace_back([&, t] {
      for (std::size_t k = 0; k < 30; ++k) {
        const std::size_t i = (t + k) % n_lengths;
        same[t] += render(i) == expected[i];
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (int count : same) CHECK_EQUAL(count, 30);
  return failures();
}
