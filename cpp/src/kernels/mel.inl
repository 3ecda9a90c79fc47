// SPDX-License-Identifier: MIT
// Sums the bins that each filter covers.

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
