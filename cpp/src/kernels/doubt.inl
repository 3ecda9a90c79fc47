// SPDX-License-Identifier: MIT
// Tells which bands rounding in single precision may have spoilt: see stages/doubt.h.

template <class T>
unsigned doubt(const T* bands, const T* reach, const T* floor, std::size_t n_mels, T least,
               T offset, T power, const T* energy, T noise_factor) {
  const Row<T> noise = *rows(energy) * noise_factor;
  if (power == 2) {
    // (max(b, least) + offset)^2 >= 4 b offset, and >= b least. Mostly these bounds alone show that
    // no band of the block is in doubt.
    T loudest = 0, odd = 0;
    for (std::size_t lane = 0; lane < kLanes<T>; ++lane) {
      loudest = std::max(loudest, noise[lane]);
      odd += noise[lane] * T(0);  // not 0 if one is infinite or NaN, which max would lose
    }
    // A little less than 4 and 1: rounding must not clear a band that the test below would not.
    const T sure = std::max(T(3.99) * offset, T(0.99) * least);
    if (odd == 0 && loudest * reach[n_mels] <= sure) return 0;
  }
  Row<T> level = *rows(energy);
  if (power != 2)
    for (std::size_t lane = 0; lane < kLanes<T>; ++lane)
      level[lane] = std::pow(level[lane], power / 2);
  const Row<T> bottom = broadcast(least);
  Row<T> doubts = noise * reach[n_mels] * T(0);  // NaN if that is infinite, else 0
  for (std::size_t m = 0; m < n_mels; ++m) {
    const Row<T> b = larger<T>(rows(bands)[m], level * floor[m]);
    const Row<T> sum = larger<T>(b, bottom) + offset;
    Row<T> left;
    if (power == 2) {
      left = sum * (sum / b);  // divided first: the square of what is small may vanish
    } else {
      left = sum * sum;
      if (power != 1)
        for (std::size_t lane = 0; lane < kLanes<T>; ++lane)
          left[lane] *= std::pow(b[lane], 2 / power - 2);
    }
    // b T(0) is NaN where |X|^2 has overflowed.
    doubts += unless<T>(left, noise * reach[m]) + b * T(0);
  }
  unsigned lanes = 0;
  for (std::size_t lane = 0; lane < kLanes<T>; ++lane)
    if (doubts[lane] != 0) lanes |= 1u << lane;
  return lanes;
}
