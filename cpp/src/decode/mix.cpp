// SPDX-License-Identifier: MIT
#include "decode/mix.h"

namespace melpix::decode {

namespace {

constexpr std::size_t kLanes = 8;    // sums that numpy keeps side by side
constexpr std::size_t kBlock = 128;  // samples that it adds up in them; it halves what is longer

// numpy adds up what lies side by side in this order (its pairwise summation).
template <class T>
T pairwise(const T* x, std::size_t n) {
  if (n > kBlock) {
    const std::size_t half = n / 2 - n / 2 % kLanes;
    return pairwise(x, half) + pairwise(x + half, n - half);
  }
  T sums[kLanes];
  for (std::size_t i = 0; i < kLanes; ++i) sums[i] = x[i];
  std::size_t at = kLanes;
  for (; at + kLanes <= n; at += kLanes)
    for (std::size_t i = 0; i < kLanes; ++i) sums[i] += x[at + i];
  T sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  for (; at < n; ++at) sum += x[at];
  return sum;
}

// The number of channels is known when compiled, so that the loop vectorises.
template <std::size_t channels, class T>
void mix_few(const T* x, std::size_t frames, T* out) {
  for (std::size_t i = 0; i < frames; ++i) {
    T sum = x[i * channels] + x[i * channels + 1];
    for (std::size_t c = 2; c < channels; ++c) sum += x[i * channels + c];
    out[i] = sum / static_cast<T>(channels);
  }
}

template <class T>
void mix_any(const T* x, std::size_t channels, std::size_t frames, T* out) {
  switch (channels) {
    case 1:
      for (std::size_t i = 0; i < frames; ++i) out[i] = x[i];
      return;
    case 2:
      return mix_few<2>(x, frames, out);
    case 3:
      return mix_few<3>(x, frames, out);
    case 4:
      return mix_few<4>(x, frames, out);
    case 5:
      return mix_few<5>(x, frames, out);
    case 6:
      return mix_few<6>(x, frames, out);
    case 7:
      return mix_few<7>(x, frames, out);
    default:
      for (std::size_t i = 0; i < frames; ++i)
        out[i] = pairwise(x + i * channels, channels) / static_cast<T>(channels);
  }
}

}  // namespace

void mix(const float* samples, std::size_t channels, std::size_t frames, float* out) {
  mix_any(samples, channels, frames, out);
}

void mix(const double* samples, std::size_t channels, std::size_t frames, double* out) {
  mix_any(samples, channels, frames, out);
}

}  // namespace melpix::decode
