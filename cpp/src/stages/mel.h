// SPDX-License-Identifier: MIT
// The mel filterbank without its zeros.
#pragma once

#include <cstddef>
#include <vector>

#include "melpix/config.h"

namespace melpix {

// Filter m weighs the bins first[m] ... first[m] + count(m) - 1. Triangles are contiguous, so a
// filter is one run of weights.
template <class T>
struct MelBands {
  std::vector<std::size_t> first;   // n_mels: the first bin
  std::vector<std::size_t> offset;  // n_mels + 1: where the weights start; count = difference
  std::vector<T> weights;
  std::size_t empty_filters = 0;
  std::size_t begin = 0, end = 0;  // all filters' bins lie in begin ... end - 1
};

template <class T>
MelBands<T> mel_bands(const MelConfig& config, bool single_precision_weights);

}  // namespace melpix
