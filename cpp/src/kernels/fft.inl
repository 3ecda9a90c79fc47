// SPDX-License-Identifier: MIT
// Power spectra of all frames of a block at once.
//
// A block of 1024 rows and pocketfft's scratch of the same size are more than the first-level
// cache, and every pass over them would go through the second. So a frame whose length n is a
// multiple of 4 is split: sample i goes to sub-sequence i mod 4, the four are transformed one after
// the other, and the last radix-4 butterfly is computed together with the power. With
// W = exp(-2 pi j / n), m = n / 4 and a, b, c, d = Y0[k], W^k Y1[k], W^2k Y2[k], W^3k Y3[k]:
//   X[k] = a + b + c + d            X[k + 2m] = a - b + c - d
//   X[k + m] = a - jb - c + jd      X[k + 3m] = a + jb - c - jd
// and since x is real, |X[k + 2m]| = |X[2m - k]| and |X[k + 3m]| = |X[m - k]|: k = 0 ... m / 2 give
// all bins.

// From this length on; below, everything is in the cache anyway.
constexpr std::size_t kSplitFrom = 256;

template <class T>
class RealFft {
  using Direct = MELPIX_POCKETFFT::detail::rfftp<T>;
  using Bluestein = MELPIX_POCKETFFT::detail::fftblue<T>;

 public:
  explicit RealFft(std::size_t n)
      : n_(n), split_(n % 4 == 0 && n >= kSplitFrom ? 4 : 1), m_(n / split_) {
    // pocketfft's own pocketfft_r chooses by the same rule, but does not tell which it took: the
    // direct algorithm, or Bluestein's, which is the less exact one, where its two complex
    // transforms are cheaper even with their memory traffic.
    using util = MELPIX_POCKETFFT::detail::util;
    const std::size_t factor = m_ < 50 ? 1 : util::largest_prime_factor(m_);
    if (factor * factor <= m_ ||
        3 * util::cost_guess(util::good_size_cmplx(2 * m_ - 1)) >= 0.5 * util::cost_guess(m_))
      direct_ = std::make_unique<Direct>(m_);
    else
      bluestein_ = std::make_unique<Bluestein>(m_);

    if (split_ == 1) return;
    const MELPIX_POCKETFFT::detail::sincos_2pibyn<T> roots(n);
    twiddles_.resize(6 * (m_ / 2 + 1));
    for (std::size_t k = 0; k <= m_ / 2; ++k)
      for (std::size_t r = 1; r < 4; ++r) {
        twiddles_[6 * k + 2 * r - 2] = roots[r * k].r;
        twiddles_[6 * k + 2 * r - 1] = -roots[r * k].i;
      }
  }

  std::size_t split() const { return split_; }

  // |X|^2 of a loaded block, which is used up.
  void power(Row<T>* x, Row<T>* p) const {
    for (std::size_t r = 0; r < split_; ++r) {
      if (direct_)
        direct_->exec(x + r * m_, T(1), true);
      else
        bluestein_->exec_r(x + r * m_, T(1), true);
    }
    // pocketfft leaves Re 0, Re 1, Im 1, Re 2, Im 2, ... and, for an even length, Re of the last.
    if (split_ == 4) return butterflies(x, p);
    p[0] = x[0] * x[0];
    std::size_t k = 1;
    for (; 2 * k < n_; ++k) p[k] = x[2 * k - 1] * x[2 * k - 1] + x[2 * k] * x[2 * k];
    if (2 * k == n_) p[k] = x[n_ - 1] * x[n_ - 1];
  }

  // Rounding adds something like white noise to the spectrum. Its standard deviation in each real
  // component, in units of the last place of the root of the frame's energy, grows with the root of
  // the number of passes; the factors bound what tests/cpp/test_kernels.cpp measures.
  double error() const {
    const double passes = std::sqrt(std::log2(static_cast<double>(n_)) + 1);
    return (direct_ ? 0.55 : 1.2) * passes * std::numeric_limits<T>::epsilon() / 2;
  }

 private:
  struct Complex {
    Row<T> re, im;
  };

  // W^rk Yr[k]; w points to W^k, W^2k, W^3k.
  Complex turned(const Row<T>* x, std::size_t r, std::size_t k, const T* w) const {
    const Row<T>* y = x + r * m_;
    if (r == 0) return {y[2 * k - 1], y[2 * k]};
    const T c = w[2 * r - 2], s = w[2 * r - 1];
    return {y[2 * k - 1] * c - y[2 * k] * s, y[2 * k] * c + y[2 * k - 1] * s};
  }
  // The same where Yr[k] is real: its first and, if m is even, its last bin.
  Complex turned_real(const Row<T>* x, std::size_t r, std::size_t k, const T* w) const {
    const Row<T>& y = x[r * m_ + (k == 0 ? 0 : m_ - 1)];
    if (r == 0) return {y, broadcast<T>(0)};
    return {y * w[2 * r - 2], y * w[2 * r - 1]};
  }

  void butterfly(const Complex& a, const Complex& b, const Complex& c, const Complex& d,
                 std::size_t k, Row<T>* p) const {
    const auto square = [](const Row<T>& re, const Row<T>& im) { return re * re + im * im; };
    const Row<T> sum_re = a.re + c.re, sum_im = a.im + c.im;
    const Row<T> difference_re = a.re - c.re, difference_im = a.im - c.im;
    const Row<T> odd_re = b.re + d.re, odd_im = b.im + d.im;
    const Row<T> turn_re = b.im - d.im, turn_im = d.re - b.re;  // -j (b - d)
    p[k] = square(sum_re + odd_re, sum_im + odd_im);
    p[2 * m_ - k] = square(sum_re - odd_re, sum_im - odd_im);
    p[m_ + k] = square(difference_re + turn_re, difference_im + turn_im);
    p[m_ - k] = square(difference_re - turn_re, difference_im - turn_im);
  }

  void butterflies(const Row<T>* x, Row<T>* p) const {
    const T* w = twiddles_.data();
    const auto real = [&](std::size_t k) {
      butterfly(turned_real(x, 0, k, w + 6 * k), turned_real(x, 1, k, w + 6 * k),
                turned_real(x, 2, k, w + 6 * k), turned_real(x, 3, k, w + 6 * k), k, p);
    };
    real(0);
    std::size_t k = 1;
    for (; 2 * k < m_; ++k)
      butterfly(turned(x, 0, k, w + 6 * k), turned(x, 1, k, w + 6 * k), turned(x, 2, k, w + 6 * k),
                turned(x, 3, k, w + 6 * k), k, p);
    if (2 * k == m_) real(k);
  }

  std::size_t n_, split_, m_;
  std::unique_ptr<Direct> direct_;
  std::unique_ptr<Bluestein> bluestein_;
  // W^k, W^2k, W^3k, each Re, Im, of k = 0 ... m / 2. (pocketfft's array: it has this namespace.)
  MELPIX_POCKETFFT::detail::arr<T> twiddles_;
};

template <class T>
const RealFft<T>& real_fft(const void* plan) {
  return *static_cast<const RealFft<T>*>(plan);
}

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
double fft_error(const void* plan) {
  return real_fft<T>(plan).error();
}

template <class T>
void spectrum(const void* plan, T* block, std::size_t n_fft, T power, T* bins) {
  real_fft<T>(plan).power(rows(block), rows(bins));
  const std::size_t count = (n_fft / 2 + 1) * kLanes<T>;
  if (power == 1) {
    for (std::size_t i = 0; i < count; ++i) bins[i] = std::sqrt(bins[i]);
  } else if (power != 2) {
    for (std::size_t i = 0; i < count; ++i) bins[i] = std::pow(bins[i], power / 2);
  }
}
