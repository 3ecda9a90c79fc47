// SPDX-License-Identifier: MIT
// Real FFTs of all frames of a block at once, and their power spectrum.

// pocketfft's own pocketfft_r would choose between the two algorithms too, but does not tell which
// it took, and Bluestein's is the less exact one.
template <class T>
class RealFft {
  using Direct = MELPIX_POCKETFFT::detail::rfftp<T>;
  using Bluestein = MELPIX_POCKETFFT::detail::fftblue<T>;

 public:
  explicit RealFft(std::size_t n) : n_(n) {
    using util = MELPIX_POCKETFFT::detail::util;
    // pocketfft's rule: Bluestein where its two complex transforms, which also cost more memory
    // traffic, are cheaper than the direct one.
    const bool small_factors = n < 50 || [n] {
      const std::size_t p = util::largest_prime_factor(n);
      return p * p <= n;
    }();
    if (small_factors ||
        3 * util::cost_guess(util::good_size_cmplx(2 * n - 1)) >= 0.5 * util::cost_guess(n))
      direct_ = std::make_unique<Direct>(n);
    else
      bluestein_ = std::make_unique<Bluestein>(n);
  }

  void exec(Row<T>* x) const {
    if (direct_)
      direct_->exec(x, T(1), true);
    else
      bluestein_->exec_r(x, T(1), true);
  }

  // Rounding adds something like white noise to the spectrum. Its standard deviation in each real
  // component, in units of the last place of the root of the frame's energy, grows with the root of
  // the number of passes; the factors bound what tests/cpp/test_kernels.cpp measures.
  double error() const {
    const double passes = std::sqrt(std::log2(static_cast<double>(n_)) + 1);
    return (direct_ ? 0.5 : 1.0) * passes * std::numeric_limits<T>::epsilon() / 2;
  }

 private:
  std::size_t n_;
  std::unique_ptr<Direct> direct_;
  std::unique_ptr<Bluestein> bluestein_;
};

template <class T>
void* fft_create(std::size_t n_fft) {
  try {
    return new RealFft<T>(n_fft);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

template <class T>
void fft_destroy(void* plan) {
  delete static_cast<RealFft<T>*>(plan);
}

template <class T>
void fft(const void* plan, T* block) {
  static_cast<const RealFft<T>*>(plan)->exec(rows(block));
}

template <class T>
double fft_error(const void* plan) {
  return static_cast<const RealFft<T>*>(plan)->error();
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
