// SPDX-License-Identifier: MIT
// Real FFTs of all frames of a block at once, and their power spectrum.

template <class T>
void* fft_create(std::size_t n_fft) {
  try {
    return new MELPIX_POCKETFFT::detail::pocketfft_r<T>(n_fft);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

template <class T>
void fft_destroy(void* plan) {
  delete static_cast<MELPIX_POCKETFFT::detail::pocketfft_r<T>*>(plan);
}

template <class T>
void fft(const void* plan, T* block) {
  static_cast<const MELPIX_POCKETFFT::detail::pocketfft_r<T>*>(plan)->exec(rows(block), T(1), true);
}

// |X|^2 to |X|^power
template <class T>
inline void raise(T* bins, std::size_t count, T power) {
  if (power == 2) return;
  if (power == 1) {
    for (std::size_t i = 0; i < count; ++i) bins[i] = std::sqrt(bins[i]);
  } else {
    for (std::size_t i = 0; i < count; ++i) bins[i] = std::pow(bins[i], power / 2);
  }
}

template <class T>
void power(const T* spectrum, std::size_t n_fft, std::size_t bin_begin, std::size_t bin_end,
           T power, T* bins) {
  const Row<T>* x = rows(spectrum);
  Row<T>* p = rows(bins);
  const std::size_t complex_end = std::min(bin_end, (n_fft + 1) / 2);
  std::size_t k = bin_begin;
  if (k == 0 && k < bin_end) p[k++] = x[0] * x[0];
  for (; k < complex_end; ++k) p[k] = x[2 * k - 1] * x[2 * k - 1] + x[2 * k] * x[2 * k];
  for (; k < bin_end; ++k) p[k] = x[n_fft - 1] * x[n_fft - 1];  // Nyquist
  raise(bins + bin_begin * kLanes<T>, (bin_end - bin_begin) * kLanes<T>, power);
}
