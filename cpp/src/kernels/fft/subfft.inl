// SPDX-License-Identifier: MIT
// Transforms of real sequences of any length by pocketfft's plans.

// pocketfft's array, since it has this namespace.
template <class T>
using Memory = MELPIX_POCKETFFT::detail::arr<T>;
using MelpixUtil = MELPIX_POCKETFFT::detail::util;

// What a transform of n rows by pocketfft costs for each, in units that pass for time in
// comparisons alone: a pass of radix f costs f, more where pocketfft has none written out for that
// radix, and more again where `footprint` rows and as many of scratch do not stay in the
// first-level cache beside tables and stack. (Measured on Zen 3 and Zen 4.)
template <class T>
double passes_cost(std::size_t n, std::size_t footprint, std::size_t most_written_out,
                   double others) {
  const std::size_t bytes = 2 * footprint * sizeof(Row<T>);
  const double misses = bytes < 32 << 10 ? 0 : bytes <= 48 << 10 ? 0.5 : 3;
  double units = 0;
  for (std::size_t f = 4; n > 1;) {
    if (n % f == 0) {
      units += static_cast<double>(f) * (f <= most_written_out ? 1 : others) + misses;
      n /= f;
    } else {
      f = f == 4 ? 2 : f == 2 ? 3 : f * f > n ? n : f + 2;
    }
  }
  return units;
}
template <class T>
double real_cost(std::size_t n) {
  return passes_cost<T>(n, n, 5, 1.8);
}
template <class T>
double complex_cost(std::size_t n) {
  return passes_cost<T>(n, 2 * n, 11, 3);
}

// The transform of real sequences of a prime length, after C. Rader (Proc. IEEE 56, 1968): with a
// generator g of the multiplicative group modulo n, indices are powers of g, and the transform of
// all but x[0] is a cyclic convolution of length n - 1. Here with the kernel cas = cos + sin in the
// place of the complex exponential, so that everything stays real:
//   H[k] = sum of x[t] cas(2 pi k t / n),  Re X[k] = (H[k] + H[-k]) / 2,  Im X[k] = (H[-k] - H[k])
//   / 2.
template <class T>
class Rader {
  using Direct = MELPIX_POCKETFFT::detail::rfftp<T>;

 public:
  explicit Rader(std::size_t n)
      : n_(n), length_(convolution(n)), plan_(length_), powers_(n - 1), kernel_(length_) {
    const std::size_t g = generator(n), length = length_;
    powers_[0] = 1;
    for (std::size_t i = 1; i + 1 < n; ++i)
      powers_[i] = static_cast<std::size_t>(std::uint64_t{powers_[i - 1]} * g % n);

    // cas(2 pi g^-i / n), repeated cyclically if the convolution is longer than n - 1.
    const MELPIX_POCKETFFT::detail::sincos_2pibyn<double> roots(n);
    const MELPIX_POCKETFFT::detail::rfftp<double> exact(length);
    Memory<double> cas(length);
    for (std::size_t i = 0; i < length; ++i) cas[i] = 0;
    for (std::size_t i = 0; i + 1 < n; ++i) {
      const auto& root = roots[powers_[(n - 1 - i) % (n - 1)]];
      cas[i] = root.r + root.i;
      if (i > 0 && length > n - 1) cas[length - (n - 1) + i] = cas[i];
    }
    exact.exec(cas.data(), 1.0 / static_cast<double>(length), true);
    for (std::size_t i = 0; i < length; ++i) kernel_[i] = static_cast<T>(cas[i]);
  }

  static double cost(std::size_t n) {
    const std::size_t length = convolution(n);
    return 2 * transform_cost(length) / static_cast<double>(n) + 15;
  }

  // In place, to pocketfft's order: Re 0, Re 1, Im 1, Re 2, ...
  void exec(Row<T>* x) const {
    const std::size_t length = length_;
    Memory<Row<T>> memory(length);
    Row<T>* a = memory.data();
    for (std::size_t i = 0; i + 1 < n_; ++i) a[i] = x[powers_[i]];
    for (std::size_t i = n_ - 1; i < length; ++i) a[i] = broadcast<T>(0);
    plan_.exec(a, T(1), true);
    const Row<T> first = x[0];
    x[0] = first + a[0];
    const T* c = kernel_.data();
    a[0] = a[0] * c[0];
    std::size_t i = 1;
    for (; i + 1 < length; i += 2) {
      const Row<T> re = a[i], im = a[i + 1];
      a[i] = re * c[i] - im * c[i + 1];
      a[i + 1] = im * c[i] + re * c[i + 1];
    }
    if (i < length) a[i] = a[i] * c[i];
    plan_.exec(a, T(1), false);
    // a[p] + x[0] is H[g^-p], and g^((n - 1) / 2) = -1: the halves hold H[k] and H[-k].
    const std::size_t half = (n_ - 1) / 2;
    for (std::size_t p = 0; p < half; ++p) {
      std::size_t k = powers_[(n_ - 1 - p) % (n_ - 1)];
      const Row<T> even = (a[p] + a[p + half]) * T(0.5), odd = (a[p + half] - a[p]) * T(0.5);
      const bool upper = k > half;  // X[k] is then the conjugate of a bin that is kept
      if (upper) k = n_ - k;
      x[2 * k - 1] = first + even;
      x[2 * k] = upper ? -odd : odd;
    }
  }

 private:
  static double transform_cost(std::size_t length) {
    return static_cast<double>(length) * real_cost<T>(length);
  }
  // Length of the convolution: n - 1, or a longer one that is cheaper.
  static std::size_t convolution(std::size_t n) {
    const std::size_t padded = 2 * MelpixUtil::good_size_cmplx(n - 1);  // even, at least 2 n - 3
    return transform_cost(n - 1) <= transform_cost(padded) ? n - 1 : padded;
  }
  static std::uint64_t power(std::uint64_t base, std::size_t exponent, std::size_t n) {
    std::uint64_t result = 1;
    for (; exponent > 0; exponent >>= 1, base = base * base % n)
      if (exponent & 1) result = result * base % n;
    return result;
  }
  static std::size_t generator(std::size_t n) {
    for (std::size_t g = 2;; ++g) {
      bool generates = true;
      std::size_t rest = n - 1;
      for (std::size_t f = 2; rest > 1; ++f) {
        if (f * f > rest) f = rest;
        if (rest % f != 0) continue;
        while (rest % f == 0) rest /= f;
        generates = generates && power(g, (n - 1) / f, n) != 1;
      }
      if (generates) return g;
    }
  }

  std::size_t n_, length_;
  Direct plan_;
  Memory<std::size_t> powers_;  // of g
  Memory<T> kernel_;            // the transform of cas, divided by the length
};

// The transforms of one real sub-sequence, by the cheapest way for its length.
template <class T>
class SubFft {
  using Direct = MELPIX_POCKETFFT::detail::rfftp<T>;
  using Bluestein = MELPIX_POCKETFFT::detail::fftblue<T>;

 public:
  explicit SubFft(std::size_t n) {
    switch (cheapest(n).way) {
      case kDirect:
        direct_ = std::make_unique<Direct>(n);
        break;
      case kRader:
        rader_ = std::make_unique<Rader<T>>(n);
        break;
      case kBluestein:
        bluestein_ = std::make_unique<Bluestein>(n);
        break;
    }
  }

  void exec(Row<T>* x) const {
    if (direct_) return direct_->exec(x, T(1), true);
    if (rader_) return rader_->exec(x);
    bluestein_->exec_r(x, T(1), true);
  }

  bool direct() const { return direct_ != nullptr; }

  static double cost(std::size_t n) { return cheapest(n).cost; }

 private:
  enum Way { kDirect, kRader, kBluestein };
  struct Choice {
    Way way;
    double cost;
  };

  static Choice cheapest(std::size_t n) {
    Choice best = {kDirect, real_cost<T>(n)};
    if (n < 50) return best;
    // Two complex transforms of twice the length.
    const std::size_t length = MelpixUtil::good_size_cmplx(2 * n - 1);
    const double bluestein =
        4 * complex_cost<T>(length) * static_cast<double>(length) / static_cast<double>(n);
    if (bluestein < best.cost) best = {kBluestein, bluestein};
    if (MelpixUtil::largest_prime_factor(n) == n) {
      const double rader = Rader<T>::cost(n);
      if (rader < best.cost) best = {kRader, rader};
    }
    return best;
  }

  std::unique_ptr<Direct> direct_;
  std::unique_ptr<Rader<T>> rader_;
  std::unique_ptr<Bluestein> bluestein_;
};
