// SPDX-License-Identifier: MIT
#include "finish.h"

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
Finisher<T>::Finisher(const Config& c, const Kernels<T>& kernels)
    : kernels_(kernels),
      to_greatest_(is_log(c.compress) && !c.ref),
      depth_(static_cast<T>(depth(c))),
      normalise_(c.normalise) {
  needed_ = to_greatest_ || std::isfinite(depth_) || normalise_.kind != Normalise::Kind::kNone;
}

template <class T>
auto Finisher<T>::statistics(const Matrix<T>& x, T least) const -> Statistics {
  const double count = static_cast<double>(x.rows) * static_cast<double>(x.columns);
  const auto sum = [&](double from, int power) {
    double total = 0, sums[2];
    for (std::size_t m = 0; m < x.rows; ++m) {
      kernels_.moments(x.values + m * x.stride, x.columns, least, from, sums);
      total += sums[power - 1];
    }
    return total;
  };
  const double mean = sum(0, 1) / count;
  return {mean, std::sqrt(sum(mean, 2) / count)};
}

template <class T>
Finish<T> Finisher<T>::rule(const Matrix<T>& x, std::size_t m, const Finish<T>& base,
                            T greatest) const {
  const auto scaled = [&base](double shift, double scale) {
    // Whatever is not 0 must not become 0.
    const T divisor = std::max(static_cast<T>(scale), std::numeric_limits<T>::min());
    return Finish<T>{base.least, static_cast<T>(shift), divisor, base.lo, base.hi};
  };
  switch (normalise_.kind) {
    case Normalise::Kind::kGiven:
      return scaled(static_cast<double>(base.shift) + one_for(normalise_.mean, m),
                    one_for(normalise_.std, m));
    case Normalise::Kind::kImage:
    case Normalise::Kind::kFrequency: {
      const Statistics s = statistics(x, base.least);
      return scaled(s.mean, s.deviation + kLeastDeviation);
    }
    case Normalise::Kind::kMax:
      return scaled(static_cast<double>(base.shift),
                    greatest > 0 ? static_cast<double>(greatest) : HUGE_VAL);
    case Normalise::Kind::kNone:
      break;
  }
  return base;
}

template <class T>
void Finisher<T>::run(const Matrix<T>& x, const Limits<T>& clip, Limits<T>* seen) const {
  const T shift = to_greatest_ ? seen->hi : T(0);
  const Finish<T> base = {seen->hi - depth_, shift, T(1), clip.lo, clip.hi};
  const T greatest = seen->hi - shift;
  const bool by_band = normalise_.kind == Normalise::Kind::kFrequency;
  const Finish<T> whole = by_band ? base : rule(x, 0, base, greatest);
  Limits<T> features = {Limits<T>::kInfinity, -Limits<T>::kInfinity};
  for (std::size_t m = 0; m < x.rows; ++m) {
    T* row = x.values + m * x.stride;
    const bool own = by_band || normalise_.kind == Normalise::Kind::kGiven;
    T extremes[2];
    kernels_.finish(row, x.columns,
                    own ? rule({row, 1, x.columns, x.stride}, m, base, greatest) : whole, extremes);
    features.lo = std::min(features.lo, extremes[0]);
    features.hi = std::max(features.hi, extremes[1]);
  }
  if (!std::isfinite(features.lo) || !std::isfinite(features.hi))
    throw std::overflow_error("a feature is not finite once it is normalised");
  *seen = features;
}

template class Finisher<float>;
template class Finisher<double>;

}  // namespace melpix
