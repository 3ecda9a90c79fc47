// SPDX-License-Identifier: MIT
// Sums the bins that each filter covers, and tells what rounding may have done to them.

template <class T>
void mel(const T* bins, const T* weights, const std::size_t* first, const std::size_t* offset,
         std::size_t n_mels, T* bands) {
  Row<T>* out = rows(bands);
  for (std::size_t m = 0; m < n_mels; ++m) {
    const Row<T>* p = rows(bins) + first[m];
    const T* w = weights + offset[m];
    const std::size_t count = offset[m + 1] - offset[m];
    // Two sums, since one alone would wait for each addition.
    Row<T> even = broadcast<T>(0), odd = broadcast<T>(0);
    std::size_t i = 0;
    for (; i + 2 <= count; i += 2) {
      even += p[i] * w[i];
      odd += p[i + 1] * w[i + 1];
    }
    if (i < count) even += p[i] * w[i];
    out[m] = even + odd;
  }
}

template <class T>
void loudest(const T* bands, const T* reach, const T* floor, std::size_t n_mels, T power,
             const T* energy, T* loudest, T* reached) {
  Row<T> level = *rows(energy);
  if (power != 2)
    for (std::size_t lane = 0; lane < kLanes<T>; ++lane)
      level[lane] = std::pow(level[lane], power / 2);
  Row<T> band = broadcast<T>(0), product = band, odd = band;
  for (std::size_t m = 0; m < n_mels; ++m) {
    const Row<T> value = rows(bands)[m];
    band = larger<T>(band, value);
    product = larger<T>(product, larger<T>(value, level * floor[m]) * reach[m]);
    odd += value * T(0);
  }
  *rows(loudest) = band + odd;
  *rows(reached) = product + odd;
}

template <class T>
unsigned doubt(const T* bands, const T* reach, const T* floor, std::size_t n_mels, T least,
               T offset, T power, const T* energy, T noise_factor) {
  const Row<T> noise = *rows(energy) * noise_factor;
  if (power == 2) {
    // (max(b, least) + offset)^2 >= 4 b offset, and >= b least: mostly this alone says that no band
    // is in doubt.
    T loudest = 0, odd = 0;
    for (std::size_t lane = 0; lane < kLanes<T>; ++lane) {
      loudest = std::max(loudest, noise[lane]);
      odd += noise[lane] * T(0);  // not 0 if one is infinite or NaN, which max would lose
    }
    // Not quite 4 and 1: what the lanes' own test says must not differ by a rounding.
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
