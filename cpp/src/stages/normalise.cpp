// SPDX-License-Identifier: MIT
#include "stages/normalise.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>

namespace melpix {
namespace {

// Keeps silence finite.
constexpr double kLeastDeviation = 1e-6;

// top_db in the unit of the features.
double depth(const Config& c) {
  constexpr double kLn10 = 2.302585092994045684;
  if (!is_log(c.compress) || !c.top_db) return HUGE_VAL;
  const double bels = *c.top_db / 10;
  return c.compress == Compress::kLn      ? bels * kLn10
         : c.compress == Compress::kLog10 ? bels
                                          : *c.top_db;
}

double one_for(const std::vector<double>& values, std::size_t m) {
  return values[values.size() == 1 ? 0 : m];
}

}  // namespace

template <class T>
Normaliser<T>::Normaliser(const Config& c, const Kernels<T>& kernels)
    : kernels_(kernels),
      to_greatest_(is_log(c.compress) && !c.ref),
      depth_(static_cast<T>(depth(c))),
      normalise_(c.normalise) {}

template <class T>
auto Normaliser<T>::statistics(const Matrix<T>& x) const -> Statistics {
  const double count = static_cast<double>(x.rows) * static_cast<double>(x.columns);
  const auto sum = [&](double from, int power) {
    double total = 0, sums[2];
    for (std::size_t m = 0; m < x.rows; ++m) {
      kernels_.moments(x.values + m * x.stride, x.columns, from, sums);
      total += sums[power - 1];
    }
    return total;
  };
  // Sums the distances from the first value: so the mean of equal values is that value, to the last
  // bit.
  const double first = static_cast<double>(*x.values);
  const double mean = first + sum(first, 1) / count;
  return {mean, std::sqrt(sum(mean, 2) / count)};
}

template <class T>
void Normaliser<T>::normalise(const Matrix<T>& x, const Limits<T>& clip, Limits<T>* seen) const {
  using Kind = Normalise::Kind;
  const auto rule = [&clip](double shift, double scale) {
    // A divisor above 0 must not become 0 in T.
    const T divisor = std::max(static_cast<T>(scale), std::numeric_limits<T>::min());
    return Normalisation<T>{-Limits<T>::kInfinity, static_cast<T>(shift), divisor, clip.lo,
                            clip.hi};
  };
  Normalisation<T> all = rule(0, 1);
  if (normalise_.kind == Kind::kMax)
    all = rule(0, seen->hi > 0 ? static_cast<double>(seen->hi) : HUGE_VAL);
  if (normalise_.kind == Kind::kImage) {
    const Statistics s = statistics(x);
    all = rule(s.mean, s.deviation + kLeastDeviation);
  }
  *seen = {Limits<T>::kInfinity, -Limits<T>::kInfinity};
  for (std::size_t m = 0; m < x.rows; ++m) {
    T* row = x.values + m * x.stride;
    if (normalise_.kind == Kind::kGiven)
      all = rule(one_for(normalise_.mean, m), one_for(normalise_.std, m));
    if (normalise_.kind == Kind::kFrequency) {
      const Statistics s = statistics({row, 1, x.frames, x.columns, x.stride});
      all = rule(s.mean, s.deviation + kLeastDeviation);
    }
    T extremes[2];
    kernels_.normalise(row, x.columns, all, extremes);
    *seen = {std::min(seen->lo, extremes[0]), std::max(seen->hi, extremes[1])};
  }
  if (!std::isfinite(seen->lo) || !std::isfinite(seen->hi))
    throw std::overflow_error("a feature is not finite once it is normalised");
}

template <class T>
void Normaliser<T>::run(const Matrix<T>& x, const Limits<T>& clip, Limits<T>* seen) const {
  const bool last = normalise_.kind == Normalise::Kind::kNone;  // nothing follows
  const Limits<T> now = last ? clip : Limits<T>();
  if (relative()) {
    const T shift = to_greatest_ ? seen->hi : T(0), least = seen->hi - depth_;
    const Normalisation<T> rule = {least, shift, T(1), now.lo, now.hi};
    T extremes[2];
    for (std::size_t m = 0; m < x.rows; ++m)
      kernels_.normalise(x.values + m * x.stride, x.frames, rule, extremes);
    *seen = {std::max(seen->lo, least) - shift, seen->hi - shift};
  }
  if (x.frames < x.columns) {
    for (std::size_t m = 0; m < x.rows; ++m) {
      T* row = x.values + m * x.stride;
      std::fill(row + x.frames, row + x.columns, std::min(std::max(now.lo, T(0)), now.hi));
    }
    *seen = {std::min(seen->lo, T(0)), std::max(seen->hi, T(0))};
  }
  if (!last) normalise(x, clip, seen);
}

template class Normaliser<float>;
template class Normaliser<double>;

}  // namespace melpix
