// SPDX-License-Identifier: MIT
// The largest sample, and whether all are finite: looked at just before they are used, so that
// they come from memory once.
#pragma once

#include <cstddef>

#include "kernels/kernels.h"
#include "melpix/signal.h"

namespace melpix {

class PeakMeter {
 public:
  // `y` continues a signal of which `before` samples have gone before.
  PeakMeter(const Signal& y, const Isa& isa, std::size_t before = 0)
      : y_(y), isa_(isa), before_(before) {}

  // Looks at the samples before `end` that it has not seen. Throws std::domain_error, naming the
  // first one, if a sample is NaN or infinite.
  void advance(std::size_t end);

  // Largest |sample| so far over all channels; 1, the full scale, for int16.
  double peak() const { return peak_; }

 private:
  template <class S>
  double largest(std::size_t begin, std::size_t end) const;
  template <class S>
  void refuse(std::size_t begin, std::size_t end) const;

  const Signal& y_;
  const Isa& isa_;
  std::size_t before_;
  std::size_t seen_ = 0;
  double peak_ = 0;
};

}  // namespace melpix
