// SPDX-License-Identifier: MIT
// Signals brought to the length and the level that a model was trained with.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>

#include "base/scratch.h"
#include "kernels/kernels.h"
#include "melpix/config.h"
#include "melpix/signal.h"

namespace melpix {

// How many samples the configured duration makes of `length`: of none, none.
std::size_t fitted_length(const Config& config, std::size_t length);

// Sees samples before they are levelled, since levelling hides their peak and what is not finite.
// It is called with the end of each run of samples, in order, up to the last. It may throw.
using Look = std::function<void(std::size_t)>;

// A signal whose samples are those of another one, cut or filled up to its fitted length and
// levelled, and then zeros up to `length`, which is no less than that. A view where that changes
// nothing but the end; else it has samples of its own: of the same type and as many channels, or,
// where they are levelled, of the mean of its channels, in the precision of the arithmetic.
template <class T>
class FittedSignal {
 public:
  FittedSignal(const Config& config, const Isa& isa, const Signal& y, std::size_t length,
               const Look& look);

  const Signal& signal() const { return signal_; }

 private:
  template <class S>
  S* own(std::size_t length, std::size_t channels);

  std::optional<Scratch<std::byte>> memory_;
  Signal signal_;
};

}  // namespace melpix
