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
#include "stages/refine.h"

namespace melpix {

// Stands for a stop watch where nobody wants to know the time.
struct NoWatch {
  void lap(Stage) {}
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
  // carries from block to block: n_mels values, 1 ahead of the first frame. `greatest` is what
  // doubt about mel values carries: one number, 0 ahead of the first frame.
  Pass(const Plan<T>& plan, bool compressed, T* smooth, double* greatest)
      : plan_(plan),
        compressed_(compressed),
        smooth_(smooth),
        greatest_(greatest),
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
        doubtful = block_.mel_doubt(greatest_);
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
  double* greatest_;
  Block<T> block_;
  std::optional<Refiner> refiner_;
  Extremes<T> extremes_;
};

}  // namespace melpix
