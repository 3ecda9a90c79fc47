// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

// Noise between -1 and 1, the same on every machine.
template <class S>
std::vector<S> noise(std::size_t n, unsigned seed = 1) {
  std::mt19937 bits(seed);  // its numbers are fixed by the standard, those of distributions are not
  std::vector<S> y(n);
  for (S& x : y) x = static_cast<S>(static_cast<double>(bits()) / 2147483648.0 - 1.0);
  return y;
}
