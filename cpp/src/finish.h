// SPDX-License-Identifier: MIT
// Compressed values become features: what needs the whole signal before it can be said.
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

// A matrix of one row for each band.
template <class T>
struct Matrix {
  T* values;
  std::size_t rows, columns, stride;
};

template <class T>
class Finisher {
 public:
  Finisher(const Config& config, const Kernels<T>& kernels);

  // Whether compressed values are not the features yet.
  bool needed() const { return needed_; }

  // In place. `seen` has the least and the greatest of the compressed values, and then of the
  // features before they are clipped. Throws std::overflow_error if a feature is not finite.
  void run(const Matrix<T>& x, const Limits<T>& clip, Limits<T>* seen) const;

 private:
  struct Statistics {
    double mean, deviation;
  };
  Statistics statistics(const Matrix<T>& x, T least) const;
  // `m` is the band.
  Finish<T> rule(const Matrix<T>& x, std::size_t m, const Finish<T>& base, T greatest) const;

  const Kernels<T>& kernels_;
  bool needed_;
  bool to_greatest_;  // features are relative to the greatest
  T depth_;           // how far below it they may lie
  const Normalise& normalise_;
};

}  // namespace melpix
