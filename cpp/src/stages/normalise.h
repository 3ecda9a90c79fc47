// SPDX-License-Identifier: MIT
// Compressed values become features: the steps that need the whole signal.
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "kernels/kernels.h"
#include "melpix/config.h"

namespace melpix {

// Ends of a range in the precision of the arithmetic; from -infinity to infinity if there is none.
template <class T>
struct Limits {
  static constexpr T kInfinity = std::numeric_limits<T>::infinity();
  T lo = -kInfinity, hi = kInfinity;
};

// A matrix of one row for each band, the first `frames` of whose columns hold values.
template <class T>
struct Matrix {
  T* values;
  std::size_t rows, frames, columns, stride;
};

template <class T>
class Normaliser {
 public:
  Normaliser(const Config& config, const Kernels<T>& kernels);

  // Whether compressed values are not the features yet.
  bool needed() const { return relative() || normalise_.kind != Normalise::Kind::kNone; }

  // In place, and clipped at last; the columns behind the frames become those of values of 0.
  // `seen` has the least and the greatest of the compressed values, and then of the features before
  // they are clipped. Throws std::overflow_error if a feature is not finite.
  void run(const Matrix<T>& x, const Limits<T>& clip, Limits<T>* seen) const;

 private:
  struct Statistics {
    double mean, deviation;
  };

  // Whether features depend on the signal's greatest.
  bool relative() const { return to_greatest_ || depth_ < Limits<T>::kInfinity; }
  // Of the values in all rows of x.
  Statistics statistics(const Matrix<T>& x) const;
  void normalise(const Matrix<T>& x, const Limits<T>& clip, Limits<T>* seen) const;

  const Kernels<T>& kernels_;
  bool to_greatest_;  // the greatest becomes 0
  T depth_;           // how far below the greatest others may lie
  const Normalise& normalise_;
};

}  // namespace melpix
