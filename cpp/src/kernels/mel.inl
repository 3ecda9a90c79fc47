// SPDX-License-Identifier: MIT
// Mel values: sums of the bins that each filter covers.

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
