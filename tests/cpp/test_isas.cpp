// SPDX-License-Identifier: MIT
// The instruction sets agree within the rounding of the precision, whatever the shape.
#include <vector>

#include "check.h"
#include "melpix/melpix.h"
#include "signals.h"

template <class T>
void compare(std::size_t n_fft, std::size_t hop_length, std::size_t length, double tolerance) {
  melpix::Config c;
  c.mel.n_fft = n_fft;
  c.mel.n_mels = 40;
  c.hop_length = hop_length;
  const auto y = noise<T>(length);
  std::vector<T> reference;
  for (const std::string& isa : melpix::available_isas()) {
    const melpix::Frontend<T> f(c, isa);
    CHECK(f.isa() == isa);
    const std::size_t frames = f.frames(length);
    std::vector<T> out(frames * 40);
    f.features({y.data(), y.size()}, out.data(), static_cast<std::ptrdiff_t>(frames));
    if (reference.empty()) reference = out;
    for (std::size_t i = 0; i < out.size(); ++i)
      CHECK_NEAR(double(out[i]), double(reference[i]), tolerance);
  }
}

int main() {
  for (std::size_t n_fft : {256u, 400u, 509u, 1024u, 1102u})
    for (std::size_t hop_length : {64u, 300u, 2000u})
      for (std::size_t length : {0u, 1u, 5000u}) {
        if (n_fft % 2 == 1 && length == 0) continue;
        compare<float>(n_fft, hop_length, length, 2e-4);
        compare<double>(n_fft, hop_length, length, 1e-11);
      }
  return failures();
}
