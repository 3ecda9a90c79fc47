// SPDX-License-Identifier: MIT
// One pass over a signal, block by block: what a whole signal and a stream have in common.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <stdexcept>

#include "base/check.h"
#include "kernels/kernels.h"
#include "plan.h"
#include "stages/block.h"
#include "stages/frame.h"
#include "stages/normalise.h"

namespace melpix {

// Of the time that stages take: nobody looks.
struct NoWatch {
  void lap(Stage) {}
};

// Computes frames again in double precision and puts their mel values, or their logarithms, into a
// block of floats.
class Refiner {
 public:
  Refiner(const BlockPlan<double>& plan, bool compressed)
      : plan_(plan), compressed_(compressed), block_(plan) {}

  // `doubtful` has a bit for each of the block's frames, [begin, begin + count). Its remaining
  // lanes repeat the last frame, then as before.
  void refine(const SampleReader<double>& reader, unsigned doubtful, std::size_t begin,
              std::size_t count, std::size_t lanes, float* bands) {
    std::size_t frames[kMaxLanes], waiting = 0;
    for (std::size_t lane = 0; lane < count; ++lane) {
      if (doubtful >> lane & 1u) frames[waiting++] = begin + lane;
      if (waiting > 0 && (waiting == plan_.kernels.lanes || lane + 1 == count)) {
        const bool together = frames[waiting - 1] - frames[0] + 1 == waiting;
        block_.load(reader, frames[0], waiting, together ? nullptr : frames);
        block_.spectrum();
        block_.mel();
        if (compressed_) block_.compress();
        for (std::size_t m = 0; m < plan_.config.mel.n_mels; ++m)
          for (std::size_t i = 0; i < waiting; ++i)
            bands[m * lanes + frames[i] - begin] =
                static_cast<float>(block_.bands()[m * plan_.kernels.lanes + i]);
        waiting = 0;
      }
    }
    for (std::size_t m = 0; m < plan_.config.mel.n_mels; ++m)
      std::fill(bands + m * lanes + count, bands + (m + 1) * lanes, bands[m * lanes + count - 1]);
  }

 private:
  const BlockPlan<double>& plan_;
  bool compressed_;
  Block<double> block_;
};

// The signal as both precisions read it; where the arithmetic is double, `precise` is idle.
template <class T>
struct Readers {
  Readers(const Plan<T>& plan, const Signal& y, const Signal& y_precise, const Part& part = {})
      : plain(plan.config, plan.block.kernels, y, part),
        precise(plan.config, kernels<double>(plan.isa), y_precise, part) {}

  SampleReader<T> plain;
  SampleReader<double> precise;
};

template <class T>
class Pass {
 public:
  // To mel values or, `compressed`, to features that are not normalised yet. `smooth` is what PCEN
  // carries from block to block: n_mels values, 1 ahead of the first frame. `loudest` is the like
  // of doubts about mel values: one number, 0.
  Pass(const Plan<T>& plan, bool compressed, T* smooth, double* loudest)
      : plan_(plan),
        compressed_(compressed),
        smooth_(smooth),
        loudest_(loudest),
        block_(plan.block) {
    std::fill_n(extremes_.lo, kMaxLanes, std::numeric_limits<T>::infinity());
    std::fill_n(extremes_.hi, kMaxLanes, -std::numeric_limits<T>::infinity());
    std::fill_n(extremes_.poison, kMaxLanes, T(0));
  }

  // The frames [begin, begin + count), count <= lanes, to columns from `out` on, clipped.
  template <class Watch>
  void block(const Readers<T>& y, std::size_t begin, std::size_t count, const Limits<T>& clip,
             T* out, std::ptrdiff_t stride, Watch& watch) {
    const std::size_t n_mels = plan_.config.mel.n_mels;
    block_.load(y.plain, begin, count);
    watch.lap(kFrame);
    block_.spectrum();
    watch.lap(kSpectrum);
    block_.mel();
    watch.lap(kMel);
    unsigned doubtful = 0;
    if constexpr (sizeof(T) == sizeof(float)) {
      if (!compressed_)
        doubtful = block_.mel_doubt(loudest_);
      else if (is_log(plan_.config.compress))
        doubtful = block_.doubt();
    }
    if (compressed_) block_.compress(smooth_);
    if constexpr (sizeof(T) == sizeof(float)) {
      if (doubtful != 0) {
        if (!refiner_) refiner_.emplace(*plan_.precise, compressed_);
        refiner_->refine(y.precise, doubtful, begin, count, plan_.block.kernels.lanes,
                         block_.bands());
      }
    }
    watch.lap(kCompress);
    plan_.block.kernels.store(block_.bands(), n_mels, count, out, stride, clip.lo, clip.hi,
                              &extremes_);
    watch.lap(kNormalise);
  }

  // The least and the greatest value so far, before clipping.
  Limits<T> seen() const {
    return {*std::min_element(extremes_.lo, extremes_.lo + kMaxLanes),
            *std::max_element(extremes_.hi, extremes_.hi + kMaxLanes)};
  }

  // Throws std::overflow_error if a value was not finite; `peak` is that of the signal.
  void check_finite(double peak) const {
    if (std::all_of(extremes_.poison, extremes_.poison + kMaxLanes, [](T x) { return x == 0; }))
      return;
    throw std::overflow_error(
        text_of("a feature is not finite: y, with a peak of ", peak, ", is too large in ",
                sizeof(T) == sizeof(float) ? "single" : "double", " precision"));
  }

 private:
  const Plan<T>& plan_;
  bool compressed_;
  T* smooth_;
  double* loudest_;
  Block<T> block_;
  std::optional<Refiner> refiner_;
  Extremes<T> extremes_;
};

}  // namespace melpix
