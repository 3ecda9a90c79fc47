// SPDX-License-Identifier: MIT
#include "stages/signal.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "base/check.h"

namespace melpix {
namespace {

constexpr float kClapScale = 32767;   // CLAP's full scale of int16
constexpr double kBirdnetEps = 1e-6;  // BirdNET's
constexpr std::size_t kTile = 1024;   // samples that are levelled at a time, in the nearest cache

// Calls f with a value of the type of the samples.
template <class F>
void with_type(SampleType type, const F& f) {
  switch (type) {
    case SampleType::kInt16:
      return f(std::int16_t());
    case SampleType::kFloat32:
      return f(float());
    case SampleType::kFloat64:
      return f(double());
  }
}

// The first `count` samples of each channel, interleaved.
template <class S>
void copy(const Signal& y, std::size_t count, S* out) {
  const S* x = static_cast<const S*>(y.data);
  if (y.channels == 1 && y.stride == 1) {
    std::copy_n(x, count, out);
    return;
  }
  for (std::size_t i = 0; i < count; ++i, x += y.stride)
    for (std::size_t c = 0; c < y.channels; ++c)
      *out++ = x[static_cast<std::ptrdiff_t>(c) * y.channel_stride];
}

// The samples [begin, begin + count) as values of type W. The mean of channels is rounded once: it
// is taken in double.
template <class W>
void mean(const Signal& y, const Isa& isa, std::size_t begin, std::size_t count, W* out) {
  if (y.channels == 1) return kernels<W>(isa).mix(y, begin, count, out);
  double exact[kTile];
  kernels<double>(isa).mix(y, begin, count, exact);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<W>(exact[i]);
}

// Calls f(values, begin, count) for the first `total` samples, a tile at a time.
template <class W, class F>
void each_tile(const Signal& y, const Isa& isa, std::size_t total, const F& f) {
  W tile[kTile];
  for (std::size_t begin = 0; begin < total; begin += kTile) {
    const std::size_t count = std::min(kTile, total - begin);
    mean(y, isa, begin, count, tile);
    f(tile, begin, count);
  }
}

// As CLAP does.
void through_int16(const Signal& y, const Isa& isa, const Look& look, std::size_t total,
                   float* out) {
  each_tile<float>(y, isa, total, [&](const float* x, std::size_t begin, std::size_t count) {
    look(begin + count);
    kernels<float>(isa).to_steps(x, count, kClapScale, out + begin);
  });
}

struct Extent {
  double least, greatest;
};

template <class W>
Extent extent(const Signal& y, const Isa& isa, const Look& look, std::size_t total) {
  W least = std::numeric_limits<W>::infinity(), greatest = -least;
  each_tile<W>(y, isa, total, [&](const W* x, std::size_t begin, std::size_t count) {
    look(begin + count);
    kernels<W>(isa).extremes(x, count, &least, &greatest);
  });
  return {least, greatest};
}

// Shifts and scales samples so that they run from -1 to (nearly) 1, as BirdNET does, and returns
// what that makes of 0, which is one of them where `zeros` fill the signal up. What is large in
// double may be too large for float until it is scaled: that happens in type W.
template <class W, class T>
T to_extremes(const Signal& y, const Isa& isa, const Look& look, std::size_t total, bool zeros,
              T* out) {
  const auto rescale = kernels<W>(isa).rescale;
  const bool narrow = y.channels == 1 && y.type != SampleType::kFloat64;  // float holds them all
  Extent own = narrow ? extent<float>(y, isa, look, total) : extent<W>(y, isa, look, total);
  if (zeros) own = {std::min(own.least, 0.0), std::max(own.greatest, 0.0)};
  const W least = static_cast<W>(own.least);
  const W width = static_cast<W>(own.greatest) - least + static_cast<W>(kBirdnetEps);
  each_tile<W>(y, isa, total, [&](W* x, std::size_t begin, std::size_t count) {
    if constexpr (std::is_same_v<W, T>) {
      rescale(x, count, least, width, out + begin);
    } else {
      rescale(x, count, least, width, x);
      for (std::size_t i = 0; i < count; ++i) out[begin + i] = static_cast<T>(x[i]);
    }
  });
  W zero = 0;
  rescale(&zero, 1, least, width, &zero);
  return static_cast<T>(zero);
}

// Ends of the parts of a fitted signal: its own values, repetitions of them, what fills it up to
// its duration, and zeros.
struct Ends {
  std::size_t kept, repeated, fitted, all;
};

template <class S>
void fill_up(const Ends& end, S silence, S* x) {
  for (std::size_t done = end.kept; done < end.repeated; done *= 2)
    std::copy_n(x, std::min(done, end.repeated - done), x + done);
  std::fill(x + end.repeated, x + end.fitted, silence);
  std::fill(x + end.fitted, x + end.all, S(0));
}

}  // namespace

std::size_t fitted_length(const Config& c, std::size_t length) {
  if (!c.duration || length == 0) return length;
  return static_cast<std::size_t>(std::nearbyint(*c.duration * c.mel.sr));  // half to even
}

template <class T>
template <class S>
S* FittedSignal<T>::own(std::size_t length, std::size_t channels) {
  memory_.emplace(checked_mul(checked_mul(length, channels), sizeof(S)));
  S* values = reinterpret_cast<S*>(static_cast<std::byte*>(*memory_));
  signal_ = Signal(values, length);
  signal_.channels = channels;
  signal_.stride = static_cast<std::ptrdiff_t>(channels);
  signal_.channel_stride = 1;
  return values;
}

template <class T>
FittedSignal<T>::FittedSignal(const Config& c, const Isa& isa, const Signal& y, std::size_t length,
                              const Look& look)
    : signal_(y) {
  const std::size_t fitted = fitted_length(c, y.length), kept = std::min(y.length, fitted);
  signal_.length = kept;
  if (kept == 0 || (kept == length && c.level == Level::kNone)) return;
  const std::size_t repeated = c.fit == Fit::kRepeat      ? fitted
                               : c.fit == Fit::kRepeatPad ? fitted / kept * kept
                                                          : kept;
  if (c.level == Level::kNone) {
    with_type(y.type, [&](auto zero) {
      const std::size_t n = y.channels;
      auto* x = own<decltype(zero)>(length, n);
      copy(y, kept, x);
      fill_up({kept * n, repeated * n, fitted * n, length * n}, zero, x);
    });
    return;
  }
  const Ends end = {kept, repeated, fitted, length};
  if (c.level == Level::kInt16) {
    float* x = own<float>(length, 1);
    through_int16(y, isa, look, kept, x);
    fill_up(end, 0.0f, x);
  } else {
    T* x = own<T>(length, 1);
    const bool zeros = repeated < fitted;
    const T silence = y.type == SampleType::kFloat64
                          ? to_extremes<double>(y, isa, look, kept, zeros, x)
                          : to_extremes<T>(y, isa, look, kept, zeros, x);
    fill_up(end, silence, x);
  }
  look(y.length);  // those that are cut off, too
}

template class FittedSignal<float>;
template class FittedSignal<double>;

}  // namespace melpix
