// SPDX-License-Identifier: MIT
// All that a front-end knows before it gets a signal: immutable, shared with its streams.
#pragma once

#include <memory>
#include <string>

#include "kernels/kernels.h"
#include "melpix/config.h"
#include "stages/block.h"
#include "stages/normalise.h"

namespace melpix {

template <class T>
struct Plan {
  Plan(const Config& c, const std::string& isa_wanted);

  // How features become pixels where no energy is `lo`, and the most `range` above it.
  Greys<T> greys(T lo, T range) const;

  Config config;
  const Isa& isa;
  std::string isa_name;
  Limits<T> limits;  // of the configured range
  BlockPlan<T> block;
  Normaliser<T> normaliser;
  std::unique_ptr<const BlockPlan<double>> precise;  // for frames in doubt, of float's
};

}  // namespace melpix
