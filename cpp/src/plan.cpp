// SPDX-License-Identifier: MIT
#include "plan.h"

#include <algorithm>
#include <cmath>

namespace melpix {
namespace {

template <class T>
Limits<T> limits_of(const Config& c) {
  if (!c.range) return {};
  const T lo = static_cast<T>(c.range->lo);
  // In T, a narrow range may have two equal ends: then `hi` is the next number above `lo`.
  return {lo, std::max(static_cast<T>(c.range->hi), std::nextafter(lo, Limits<T>::kInfinity))};
}

const Config& validated(const Config& c) {
  validate(c);
  return c;
}

}  // namespace

template <class T>
Plan<T>::Plan(const Config& c, const std::string& isa_wanted)
    : config(validated(c)),
      isa(find_isa(isa_wanted.c_str())),
      isa_name(isa.name),
      limits(limits_of<T>(config)),
      block(config, isa),
      normaliser(config, block.kernels) {
  if (sizeof(T) == sizeof(float)) precise = std::make_unique<const BlockPlan<double>>(config, isa);
}

template <class T>
Greys<T> Plan<T>::greys(T lo, T range) const {
  using Rule = typename Greys<T>::Rounding;
  const Rule rounding = config.rounding == Rounding::kTruncate  ? Rule::kTruncate
                        : config.rounding == Rounding::kNearest ? Rule::kNearest
                                                                : Rule::kCeil;
  return {lo, range, rounding, config.invert};
}

template struct Plan<float>;
template struct Plan<double>;

}  // namespace melpix
