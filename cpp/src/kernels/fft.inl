// SPDX-License-Identifier: MIT
// Power spectra of all frames of a block at once.
//
// A block of 1024 rows and pocketfft's scratch of the same size are more than the first-level
// cache, and every pass over them would go through the second. So a frame of n = R m samples is
// split into R sub-sequences: sample i goes to sub-sequence i mod R. The sub-sequences are
// transformed one after the other, and what joins them is computed together with the power: for
// each k, the R values W^rk Yr[k], with W = exp(-2 pi j / n), go through a transform of length R
// and become the bins X[k + q m], q = 0 ... R - 1. Since x is real, Yr[m - k] is the conjugate of
// Yr[k], and k = 0 ... m / 2 give all bins.

template <class T>
using Complex = MELPIX_POCKETFFT::detail::cmplx<Row<T>>;
// pocketfft's array, since it has this namespace.
template <class T>
using Memory = MELPIX_POCKETFFT::detail::arr<T>;
using MelpixUtil = MELPIX_POCKETFFT::detail::util;

// Calls f with the constants 0 ... count - 1.
template <class F, std::size_t... i>
MELPIX_INLINE void unrolled(const F& f, std::index_sequence<i...>) {
  (f(std::integral_constant<std::size_t, i>()), ...);
}
template <std::size_t count, class F>
MELPIX_INLINE void unrolled(const F& f) {
  unrolled(f, std::make_index_sequence<count>());
}

// cos(2 pi i / 16)
constexpr double cosine(std::size_t i) {
  constexpr double kFirst[] = {1, 0.92387953251128675613, 0.70710678118654752440,
                               0.38268343236508977173, 0};
  i = i % 16 > 8 ? 16 - i % 16 : i % 16;
  return i <= 4 ? kFirst[i] : -kFirst[8 - i];
}

// v exp(-2 pi j k / R), for R up to 16
template <std::size_t k, std::size_t R, class T>
MELPIX_INLINE Complex<T> rotated(const Complex<T>& v) {
  constexpr std::size_t angle = k * (16 / R) % 16;
  if constexpr (angle == 0) {
    return v;
  } else if constexpr (angle == 4) {
    return {v.i, -v.r};
  } else if constexpr (angle == 2) {
    constexpr T c = T(cosine(2));
    return {(v.r + v.i) * c, (v.i - v.r) * c};
  } else if constexpr (angle == 6) {
    constexpr T c = T(cosine(2));
    return {(v.i - v.r) * c, (v.r + v.i) * -c};
  } else {
    constexpr T c = T(cosine(angle)), s = T(cosine(angle + 12));  // sin x = cos(x - pi / 2)
    return {v.r * c + v.i * s, v.i * c - v.r * s};
  }
}

// V[q] = sum of v[r] exp(-2 pi j r q / R), for R = 1, 2, 4, 8, 16; v is used up. The sum over
// r = a + (R / 4) b goes over b first.
template <std::size_t R, class T>
MELPIX_INLINE void transform(Complex<T>* v, Complex<T>* V) {
  if constexpr (R == 1) {
    V[0] = v[0];
  } else if constexpr (R == 2) {
    V[0] = v[0] + v[1];
    V[1] = v[0] - v[1];
  } else {
    constexpr std::size_t A = R / 4;
    Complex<T> u[4][A];
    unrolled<A>([&](auto a) {
      const Complex<T> sum = v[a] + v[a + 2 * A], difference = v[a] - v[a + 2 * A];
      const Complex<T> odd = v[a + A] + v[a + 3 * A], turn = v[a + A] - v[a + 3 * A];
      u[0][a] = sum + odd;
      u[1][a] = rotated<a, R, T>({difference.r + turn.i, difference.i - turn.r});
      u[2][a] = rotated<2 * a, R, T>(sum - odd);
      u[3][a] = rotated<3 * a, R, T>({difference.r - turn.i, difference.i + turn.r});
    });
    unrolled<4>([&](auto b) {
      Complex<T> out[A];
      transform<A, T>(u[b], out);
      unrolled<A>([&](auto a) { V[b + 4 * a] = out[a]; });
    });
  }
}

// What a transform of n rows costs for each, in units that pass for time in comparisons alone: a
// pass of radix f costs f, more where pocketfft has none written out for that radix, and more again
// where `footprint` rows and as many of scratch do not stay in the first-level cache beside tables
// and stack. (Measured on Zen 3 and Zen 4.)
template <class T>
double radices(std::size_t n, std::size_t footprint, std::size_t most_written_out, double others) {
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
double real_radices(std::size_t n) {
  return radices<T>(n, n, 5, 1.8);
}
template <class T>
double complex_radices(std::size_t n) {
  return radices<T>(n, 2 * n, 11, 3);
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
    return static_cast<double>(length) * real_radices<T>(length);
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
    Choice best = {kDirect, real_radices<T>(n)};
    if (n < 50) return best;
    // Two complex transforms of twice the length.
    const std::size_t length = MelpixUtil::good_size_cmplx(2 * n - 1);
    const double bluestein =
        4 * complex_radices<T>(length) * static_cast<double>(length) / static_cast<double>(n);
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

template <class T>
class RealFft {
  using Joint = MELPIX_POCKETFFT::detail::cfftp<T>;

 public:
  explicit RealFft(std::size_t n) : n_(n), split_(best_split(n)), m_(n / split_), sub_(m_) {
    // Rows of neighbouring sub-sequences must not fall into the same set of the cache.
    stride_ = split_ == 1 ? m_ : m_ + kPadding;
    if (split_ == 1) return;
    if (!written_out(split_)) joint_ = std::make_unique<Joint>(split_);
    const MELPIX_POCKETFFT::detail::sincos_2pibyn<T> roots(n);
    twiddles_.resize((m_ / 2 + 1) * 2 * (split_ - 1));
    std::size_t i = 0;
    for (std::size_t k = 0; k <= m_ / 2; ++k)
      for (std::size_t r = 1; r < split_; ++r) {
        twiddles_[i++] = roots[r * k].r;
        twiddles_[i++] = -roots[r * k].i;
      }
  }

  std::size_t split() const { return split_; }
  // Rows from one sub-sequence to the next, and of the block in all.
  std::size_t stride() const { return stride_; }
  std::size_t block_rows() const { return split_ * stride_ + (joint_ ? 2 * split_ : 0); }

  // Calls put(k, |X[k]|^2) for all bins of a loaded block, which is used up, in no order.
  template <class Put>
  void power(Row<T>* x, const Put& put) const {
    for (std::size_t r = 0; r < split_; ++r) sub_.exec(x + r * stride_);
    if (joint_) return join(x, put);
    switch (split_) {
      case 4:
        return join<4>(x, put);
      case 8:
        return join<8>(x, put);
      case 16:
        return join<16>(x, put);
      default:
        break;
    }
    // pocketfft leaves Re 0, Re 1, Im 1, Re 2, Im 2, ... and, for an even length, Re of the last.
    put(0, x[0] * x[0]);
    std::size_t k = 1;
    for (; 2 * k < n_; ++k) put(k, x[2 * k - 1] * x[2 * k - 1] + x[2 * k] * x[2 * k]);
    if (2 * k == n_) put(k, x[n_ - 1] * x[n_ - 1]);
  }

  // Rounding adds something like white noise to the spectrum. Its standard deviation in each real
  // component, in units of the last place of the root of the frame's energy, grows with the root of
  // the number of passes; the factors bound what tests/cpp/test_kernels.cpp measures.
  double error() const {
    const double passes = std::sqrt(std::log2(static_cast<double>(n_)) + 1);
    return (sub_.direct() ? 0.55 : 1.2) * passes * std::numeric_limits<T>::epsilon() / 2;
  }

 private:
  // One cache line.
  static constexpr std::size_t kPadding = kAlignment / sizeof(Row<T>);

  static bool written_out(std::size_t split) {
    return split == 1 || split == 4 || split == 8 || split == 16;
  }

  static double cost(std::size_t n, std::size_t split) {
    const std::size_t m = n / split;
    double join = 14 + complex_radices<T>(split);
    if (split == 1) join = 2;
    if (split == 4) join = 5.5;
    if (split == 8) join = 8;
    if (split == 16) join = 9.5;
    constexpr double kCall = 200;  // of a sub-transform, however short
    return SubFft<T>::cost(m) + kCall / static_cast<double>(m) + join;
  }

  static std::size_t best_split(std::size_t n) {
    std::size_t best = 1;
    for (std::size_t split = 2; split <= 64 && split <= n; ++split)
      if (n % split == 0 && cost(n, split) < cost(n, best)) best = split;
    return best;
  }

  // W^rk Yr[k]; w points to W^k, W^2k, ...
  MELPIX_INLINE static Complex<T> turned(const Row<T>* y, std::size_t k, std::size_t r,
                                         const T* w) {
    if (r == 0) return {y[2 * k - 1], y[2 * k]};
    const T c = w[2 * r - 2], s = w[2 * r - 1];
    return {y[2 * k - 1] * c - y[2 * k] * s, y[2 * k] * c + y[2 * k - 1] * s};
  }
  // The same where Yr[k] is real: its first and, if m is even, its last bin.
  MELPIX_INLINE Complex<T> turned_real(const Row<T>* y, std::size_t k, std::size_t r,
                                       const T* w) const {
    const Row<T>& value = y[k == 0 ? 0 : m_ - 1];
    if (r == 0) return {value, broadcast<T>(0)};
    return {value * w[2 * r - 2], value * w[2 * r - 1]};
  }

  template <std::size_t R, class Put>
  void join(const Row<T>* x, const Put& put) const {
    const T* w = twiddles_.data();
    const std::size_t m = m_, stride = stride_;
    const auto one = [&](std::size_t k, const auto& value) {
      Complex<T> v[R], V[R];
      unrolled<R>([&](auto r) { v[r] = value(x + r * stride, k, r, w); });
      transform<R, T>(v, V);
      unrolled<R>([&](auto q) {
        put(2 * q < R ? k + q * m : (R - q) * m - k, V[q].r * V[q].r + V[q].i * V[q].i);
      });
      w += 2 * (R - 1);
    };
    const auto at_end = [&](auto... arguments) { return turned_real(arguments...); };
    const auto between = [](auto... arguments) { return turned(arguments...); };
    one(0, at_end);
    std::size_t k = 1;
    for (; 2 * k < m_; ++k) one(k, between);
    if (2 * k == m_) one(k, at_end);
  }

  // The same for any R, with the values beside the block.
  template <class Put>
  void join(Row<T>* x, const Put& put) const {
    const T* w = twiddles_.data();
    Complex<T>* v = reinterpret_cast<Complex<T>*>(x + split_ * stride_);
    for (std::size_t k = 0; 2 * k <= m_; ++k, w += 2 * (split_ - 1)) {
      const bool real = k == 0 || 2 * k == m_;
      for (std::size_t r = 0; r < split_; ++r)
        v[r] = real ? turned_real(x + r * stride_, k, r, w) : turned(x + r * stride_, k, r, w);
      joint_->exec(v, T(1), true);
      for (std::size_t q = 0; q < split_; ++q)
        put(2 * q < split_ ? k + q * m_ : (split_ - q) * m_ - k, v[q].r * v[q].r + v[q].i * v[q].i);
    }
  }

  std::size_t n_, split_, m_, stride_;
  SubFft<T> sub_;
  std::unique_ptr<Joint> joint_;
  // For each k of 0 ... m / 2: W^k, W^2k, ..., W^(R - 1)k, each Re, Im.
  Memory<T> twiddles_;
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
std::size_t fft_rows(const void* plan) {
  return real_fft<T>(plan).block_rows();
}

template <class T>
void spectrum(const void* plan, T* block, T power, T bin_offset, std::size_t begin, std::size_t end,
              T* bins) {
  const RealFft<T>& fft = real_fft<T>(plan);
  Row<T>* p = rows(bins);
  const auto wanted = [begin, end](std::size_t k) { return k - begin < end - begin; };
  if (power == 2) {
    // Here a question would take longer than what it saves.
    return fft.power(rows(block),
                     [p, bin_offset](std::size_t k, const Row<T>& v) { p[k] = v + bin_offset; });
  }
  if (power == 1) {
    // Roots keep another unit of the processor busy than butterflies do: side by side they cost
    // least.
    return fft.power(rows(block), [&](std::size_t k, const Row<T>& v) {
      if (wanted(k)) p[k] = root_of<T>(v + bin_offset);
    });
  }
  fft.power(rows(block), [&](std::size_t k, const Row<T>& v) {
    if (wanted(k)) p[k] = v + bin_offset;
  });
  for (std::size_t i = begin * kLanes<T>; i < end * kLanes<T>; ++i)
    bins[i] = std::pow(bins[i], power / 2);
}
