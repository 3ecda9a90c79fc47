// SPDX-License-Identifier: MIT
// The hot loops, as a table of functions that exists once per instruction set and precision.
//
// The unit of work is a block: `lanes` frames side by side. A block's arrays have one row per
// sample, bin or band and one column per frame, so each row is one vector register, and no
// operation ever crosses lanes: a frame's result depends on nothing but that frame. All block
// arrays are aligned to kAlignment bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "melpix/signal.h"

namespace melpix {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kMaxLanes = 16;

// Running minimum and maximum of each lane. `poison` stays 0 until a value is NaN or infinite.
template <class T>
struct Extremes {
  alignas(kAlignment) T lo[kMaxLanes];
  alignas(kAlignment) T hi[kMaxLanes];
  alignas(kAlignment) T poison[kMaxLanes];
};

// What becomes of a mel value x, with f = max(x, floor).
template <class T>
struct Compression {
  enum class Kind { kNone, kLog, kPower, kPcen } kind = Kind::kNone;
  T floor = 0;
  // kLog: unit * ln(f + offset) - shift
  T offset = 0, unit = 1, shift = 0;
  T exponent = 1;  // kPower: f^exponent, with f = max(|x|, floor)
  // kPcen: with M = M' + smoothing * (f - M'), M' that of the frame before,
  // (f * (eps + M)^-gain + bias)^power - bias^power
  T gain = 0, bias = 0, power = 0, smoothing = 0, eps = 0;
};

// How compressed values become features: (max(x, least) - shift) / scale, then clipped to lo ...
// hi.
template <class T>
struct Normalisation {
  T least, shift, scale, lo, hi;
};

// How features become grey values: (x - lo) / range * (all bits set), range > 0.
template <class T>
struct Greys {
  T lo, range;
  enum class Rounding { kTruncate, kNearest, kCeil } rounding;
  bool invert;  // all bits set minus that
};

template <class T>
struct Kernels {
  std::size_t lanes;

  // The largest |x[i * stride]|; something that is not finite if one is.
  T (*peak)(const T* x, std::size_t count, std::ptrdiff_t stride);

  // The samples [begin, begin + count) of a signal as mono values of type T. Channels are summed in
  // their order, as NumPy does up to 7 of them, and what is wider than T is rounded after the sum.
  void (*mix)(const Signal& y, std::size_t begin, std::size_t count, T* out);

  // `least` and `greatest`, or those of the samples where they lie beyond them.
  void (*extremes)(const T* x, std::size_t count, T* least, T* greatest);

  // ((x - lo) / width - 0.5) * 2; `out` may be `x`.
  void (*rescale)(const T* x, std::size_t count, T lo, T width, T* out);

  // Samples clipped to -1 ... 1 and rounded towards 0 to multiples of 1 / scale, scale < 2^31.
  void (*to_steps)(const T* x, std::size_t count, float scale, float* out);

  // The `count` samples of a frame, minus their mean if `remove_dc`; then each minus `preemphasis`
  // times the one before it, the first minus that of itself. Returns the sum of x^2.
  double (*prepare)(const T* x, std::size_t count, bool remove_dc, double preemphasis, T* out);

  // A plan for the spectra of frames of n_fft samples; null if memory ran out. Any thread may
  // use it.
  void* (*fft_create)(std::size_t n_fft);
  void (*fft_destroy)(void* plan);
  // Standard deviation of the rounding error of each real component of the spectrum, for a frame
  // of energy 1.
  double (*fft_error)(const void* plan);

  // Rows that a block takes.
  std::size_t (*fft_rows)(const void* plan);

  // Brings samples[lane * stride + n] * window[n] to the block, one row for each n, where the plan
  // wants it; energy[lane] is the sum of their squares. The window is 0 from `count` on. Meanwhile,
  // `ahead` bytes from `next` on are brought near, since the next block will want them: the
  // processor's own prefetching does not see that far.
  void (*load)(const void* plan, const T* samples, std::ptrdiff_t stride, const T* window,
               std::size_t count, std::size_t n_fft, T* block, T* energy, const void* next,
               std::size_t ahead);

  // bins[k] = (|X[k]|^2 + bin_offset)^(power / 2) for the bins begin ... end - 1; others may be
  // written as well. The block is used up. May throw std::bad_alloc.
  void (*spectrum)(const void* plan, T* block, T power, T bin_offset, std::size_t begin,
                   std::size_t end, T* bins);

  // bins[k] = Re X[k], for all bins. The block is used up. May throw std::bad_alloc.
  void (*real_spectrum)(const void* plan, T* block, T* bins);

  // bands[m] = sum of weights[offset[m] + i] * bins[first[m] + i]
  void (*mel)(const T* bins, const T* weights, const std::size_t* first, const std::size_t* offset,
              std::size_t n_mels, T* bands);

  // Bit `lane` is set if some band of that frame has, with b = max(band, floor[m] * n^(power / 2))
  // and n the energy of the lane,
  //   (max(b, least) + offset)^2 < noise_factor * n * reach[m] * b^(2 - 2 / power): see doubt.h.
  // reach[n_mels] is the largest of them.
  unsigned (*doubt)(const T* bands, const T* reach, const T* floor, std::size_t n_mels, T least,
                    T offset, T power, const T* energy, T noise_factor);

  // Of each lane, with b and n as above: the greatest band, and the greatest reach[m] * b. NaN
  // where a band is not finite.
  void (*loudest)(const T* bands, const T* reach, const T* floor, std::size_t n_mels, T power,
                  const T* energy, T* loudest, T* reached);

  // In place, over whole rows; the first `frames` columns follow each other, and `smooth` has M' of
  // each band for kPcen, before and after.
  void (*compress)(T* bands, std::size_t n_mels, std::size_t frames, const Compression<T>& rule,
                   T* smooth);

  // Copies the first `frames` columns to an image of values, clipped to least ... most (NaN stays),
  // and keeps the extremes of what was not clipped yet. The remaining columns must repeat valid
  // ones.
  void (*store)(const T* bands, std::size_t n_mels, std::size_t frames, T* out,
                std::ptrdiff_t row_stride, T least, T most, Extremes<T>* extremes);

  // In place; extremes[0] and [1] become the least and the greatest value before clipping.
  void (*normalise)(T* values, std::size_t count, const Normalisation<T>& rule, T* extremes);

  // Sum of x - from, and of its square.
  void (*moments)(const T* values, std::size_t count, double from, double* sums);

  // No value lies outside of lo ... lo + range.
  void (*pixels8)(const T* values, std::size_t count, const Greys<T>& rule, std::uint8_t* out);
  void (*pixels16)(const T* values, std::size_t count, const Greys<T>& rule, std::uint16_t* out);
};

// What an instruction set offers.
struct Isa {
  const char* name;
  bool (*supported)();
  const Kernels<float>* single_kernels;
  const Kernels<double>* double_kernels;
};

// The one of this name, or the default for an empty name. Throws std::invalid_argument if it is
// unknown or cannot run here.
const Isa& find_isa(const char* name);

template <class T>
const Kernels<T>& kernels(const Isa& isa);
template <>
inline const Kernels<float>& kernels<float>(const Isa& isa) {
  return *isa.single_kernels;
}
template <>
inline const Kernels<double>& kernels<double>(const Isa& isa) {
  return *isa.double_kernels;
}

}  // namespace melpix
