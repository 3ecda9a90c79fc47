// SPDX-License-Identifier: MIT
#include "decode/flac_samples.h"

#include <algorithm>
#include <type_traits>

#include "decode/mix.h"

namespace melpix::decode {

namespace {

constexpr std::size_t kMixed = 512;    // frames of more channels that are mixed at a time
constexpr std::size_t kMostMixed = 8;  // channels

// Unsigned, since a broken file may overflow.
template <class Side>
void unite_any(Stereo stereo, std::int32_t* first, std::int32_t* second, const Side* side,
               std::size_t count) {
  using Bits = std::make_unsigned_t<Side>;
  const auto narrow = [](Bits x) { return static_cast<std::int32_t>(static_cast<Side>(x)); };
  switch (stereo) {
    case Stereo::kNone:
      return;
    case Stereo::kLeftSide:
      for (std::size_t i = 0; i < count; ++i)
        second[i] = narrow(static_cast<Bits>(first[i]) - static_cast<Bits>(side[i]));
      return;
    case Stereo::kSideRight:
      for (std::size_t i = 0; i < count; ++i)
        first[i] = narrow(static_cast<Bits>(second[i]) + static_cast<Bits>(side[i]));
      return;
    case Stereo::kMidSide:
      for (std::size_t i = 0; i < count; ++i) {
        const auto difference = static_cast<Bits>(side[i]);
        const Bits sum = static_cast<Bits>(first[i]) << 1 | (difference & 1);
        first[i] = static_cast<std::int32_t>(static_cast<Side>(sum + difference) >> 1);
        second[i] = static_cast<std::int32_t>(static_cast<Side>(sum - difference) >> 1);
      }
  }
}

template <class T>
T full_scale(unsigned bits) {
  return T{1} / static_cast<T>(std::uint32_t{1} << (bits - 1));
}

// The number of channels is known when compiled, so that the loop vectorises.
template <std::size_t channels, class T, class F>
void interleave_few(const Rows& rows, std::size_t count, T* to, const F& convert) {
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t c = 0; c < channels; ++c)
      to[i * channels + c] = convert(rows.samples[c * rows.stride + i]);
}

template <class T, class F>
void interleave_any(const Rows& rows, std::size_t count, T* to, const F& convert) {
  if (rows.channels == 1) return interleave_few<1>(rows, count, to, convert);
  if (rows.channels == 2) return interleave_few<2>(rows, count, to, convert);
  for (std::size_t c = 0; c < rows.channels; ++c)
    for (std::size_t i = 0; i < count; ++i)
      to[i * rows.channels + c] = convert(rows.samples[c * rows.stride + i]);
}

template <class T>
void interleave_scaled(const Rows& rows, std::size_t count, T* to) {
  const T scale = full_scale<T>(rows.bits);
  interleave_any(rows, count, to, [scale](std::int32_t x) { return static_cast<T>(x) * scale; });
}

template <std::size_t channels, class T>
void mix_few(const Rows& rows, std::size_t count, T* to) {
  const T scale = full_scale<T>(rows.bits);
  for (std::size_t i = 0; i < count; ++i) {
    T sum = static_cast<T>(rows.samples[i]) * scale;
    for (std::size_t c = 1; c < channels; ++c)
      sum += static_cast<T>(rows.samples[c * rows.stride + i]) * scale;
    to[i] = sum / static_cast<T>(channels);
  }
}

template <class T>
void mix_any(const Rows& rows, std::size_t count, T* to) {
  switch (rows.channels) {
    case 1:
      return mix_few<1>(rows, count, to);
    case 2:
      return mix_few<2>(rows, count, to);
    default:
      break;
  }
  T samples[kMixed * kMostMixed];
  Rows part = rows;
  for (std::size_t done = 0; done < count; done += kMixed) {
    const std::size_t n = std::min(kMixed, count - done);
    part.samples = rows.samples + done;
    interleave(part, n, samples);
    mix(samples, rows.channels, n, to + done);
  }
}

}  // namespace

void unite(Stereo stereo, std::int32_t* first, std::int32_t* second, std::size_t count) {
  unite_any(stereo, first, second, stereo == Stereo::kSideRight ? first : second, count);
}

void unite(Stereo stereo, std::int32_t* first, std::int32_t* second, const std::int64_t* side,
           std::size_t count) {
  unite_any(stereo, first, second, side, count);
}

void interleave(const Rows& rows, std::size_t count, std::int16_t* to) {
  const unsigned shift = 16 - rows.bits;
  interleave_any(rows, count, to, [shift](std::int32_t x) {
    return static_cast<std::int16_t>(static_cast<std::uint32_t>(x) << shift);
  });
}
void interleave(const Rows& rows, std::size_t count, float* to) {
  interleave_scaled(rows, count, to);
}
void interleave(const Rows& rows, std::size_t count, double* to) {
  interleave_scaled(rows, count, to);
}

void mix(const Rows& rows, std::size_t count, float* to) { mix_any(rows, count, to); }
void mix(const Rows& rows, std::size_t count, double* to) { mix_any(rows, count, to); }

}  // namespace melpix::decode
