// SPDX-License-Identifier: MIT
// The front-end: plan once, then turn any number of signals into mel spectrograms or images.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>

#include "melpix/config.h"
#include "melpix/export.h"
#include "melpix/signal.h"

namespace melpix {

// The stages that an image's time goes to, in their order: length, level, framing and window; FFT
// and power; filterbank; logarithm or whatever else compresses; columns out, extremes and
// normalisation; pixels.
enum Stage : std::size_t { kFrame, kSpectrum, kMel, kCompress, kNormalise, kImage };
constexpr const char* kStageNames[] = {"frame",    "spectrum",  "mel",
                                       "compress", "normalise", "image"};
constexpr std::size_t kStages = std::size(kStageNames);
static_assert(kStages == kImage + 1, "a name for each stage");
using StageSeconds = std::array<double, kStages>;

// More would be a mistake.
constexpr std::size_t kMaxThreads = 1024;

template <class T>
struct Plan;
template <class T>
class Stream;

// Immutable after construction; one instance may serve any number of threads. T is the precision
// of the arithmetic: float or double. Its working memory is kept (memory.h).
//
// Every method that takes a signal throws
//   std::invalid_argument  if it is too short for the framing,
//   std::domain_error      if a sample is NaN or infinite,
//   std::length_error      if sizes do not fit the address space,
//   std::bad_alloc         if memory runs out;
// the output is then undefined, the front-end unharmed.
template <class T>
class Frontend {
 public:
  // `isa` is a name from available_isas(), or empty for default_isa().
  MELPIX_API explicit Frontend(const Config& config, const std::string& isa = "");
  MELPIX_API ~Frontend();
  MELPIX_API Frontend(Frontend&&) noexcept;
  MELPIX_API Frontend& operator=(Frontend&&) noexcept;

  // What a pass over a signal has seen.
  struct Summary {
    double min = 0;   // the smallest mel value or feature, before any clipping
    double max = 0;   // the largest
    double peak = 0;  // the largest |sample| of any channel, or of what `level` makes of them
  };

  // Columns that a signal of `length` samples gives once it has its duration and the zeros of its
  // last patch: its frames, or as many as are configured.
  MELPIX_API std::size_t frames(std::size_t length) const;
  MELPIX_API std::size_t mel_frames(std::size_t length) const;  // its frames

  // Mel spectrogram, n_mels rows of mel_frames(y.length) values that start `row_stride` apart. U is
  // float or double. Values that overflow come out infinite or NaN, as the arithmetic has them.
  // Single precision holds 2e-6 of the greatest value so far: frames in which float might not are
  // computed again in double, and with a power below 1 all are. (So far, since a stream cannot
  // look ahead.)
  template <class U>
  MELPIX_API Summary mel(const Signal& y, U* out, std::ptrdiff_t row_stride) const;

  // Features, not clipped to the range: compressed and normalised mel values. U is float or double;
  // rows and columns start `row_stride` and `column_stride` values apart, which may be negative, so
  // that frames can be rows. Throws std::overflow_error if a value is not finite, or not in U.
  template <class U>
  MELPIX_API Summary features(const Signal& y, U* out, std::ptrdiff_t row_stride,
                              std::ptrdiff_t column_stride = 1) const;

  // The image, of 8 or 16 bits: features clipped to the configuration's range and scaled to grey
  // levels, from no energy at its `lo` (white where inverted, as in the recipe) to the most at its
  // `hi`. Without a range, the features' `min` and `max` take its place; where these are equal,
  // every pixel shows no energy. Rows and columns start `row_stride` and `column_stride` pixels
  // apart, which may be negative, so that several mels can be the channels of one image. Throws
  // std::overflow_error as features() does.
  template <class Pixel>
  MELPIX_API Summary image(const Signal& y, Pixel* out, std::ptrdiff_t row_stride,
                           std::ptrdiff_t column_stride = 1) const;

  // One of many signals, where its image goes, and what the pass over it has seen.
  template <class Pixel>
  struct Task {
    Signal y;
    Pixel* out = nullptr;
    std::ptrdiff_t row_stride = 0;
    std::ptrdiff_t column_stride = 1;
    Summary seen{};
  };

  // image() for each task, the longest signals first, on up to `threads` <= kMaxThreads threads:
  // the calling one and others that end with the call. Each has one signal in work. Where the
  // system gives fewer threads, those do it all.
  //
  // Images and errors are those of one call after the other: if tasks fail, what the first of them
  // threw is thrown, `*failed` is its index, and the tasks after it may not have been done.
  // (`*failed` is not written otherwise.)
  template <class Pixel>
  MELPIX_API void images(Task<Pixel>* tasks, std::size_t count, std::size_t threads,
                         std::size_t* failed = nullptr) const;

  // image(), with the time spent in each stage. (Looking at the clock takes time too.)
  MELPIX_API Summary profile(const Signal& y, std::uint8_t* out, std::ptrdiff_t row_stride,
                             StageSeconds* seconds) const;

  MELPIX_API const Config& config() const;
  MELPIX_API const std::string& isa() const;
  // Filters that catch no bin of the FFT.
  MELPIX_API std::size_t empty_filters() const;

 private:
  friend class Stream<T>;
  std::shared_ptr<const Plan<T>> plan_;
};

}  // namespace melpix
