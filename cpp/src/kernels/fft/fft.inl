// SPDX-License-Identifier: MIT
// Spectra of all frames of a block at once.
//
// A block of 1024 rows and pocketfft's scratch of the same size are more than the first-level
// cache, and every pass over them would go through the second. So a frame of n = R m samples is
// split into R sub-sequences: sample i goes to sub-sequence i mod R. The sub-sequences are
// transformed one after the other, and what joins them is computed together with the power: for
// each k, the R values W^rk Yr[k], with W = exp(-2 pi j / n), go through a transform of length R
// and become the bins X[k + q m], q = 0 ... R - 1. Since x is real, Yr[m - k] is the conjugate of
// Yr[k], and one of the two is enough to give all bins.
//
// A sub-sequence transformed, by pocketfft or by a chain, is its bin 0; then pairs, Re and Im of a
// bin each, in the order of the bins or in the chain's own; then its last bin, if its length is
// even.

template <class T>
class RealFft {
  using Joint = MELPIX_POCKETFFT::detail::cfftp<T>;

 public:
  explicit RealFft(std::size_t n) : n_(n) {
    if (const std::size_t split = chain_split(n); split > 0) {
      split_ = split;
      chain_ = std::make_unique<Chain<T>>(n / split);
    } else {
      split_ = best_split(n);
      sub_ = std::make_unique<SubFft<T>>(n / split_);
    }
    m_ = n / split_;
    // Rows of neighbouring sub-sequences must not fall into the same set of the cache.
    stride_ = split_ == 1 ? m_ : m_ + kPadding;
    if (split_ == 1) return;
    if (written_out(split_) == 0) joint_ = std::make_unique<Joint>(split_);
    const MELPIX_POCKETFFT::detail::sincos_2pibyn<T> roots(n);
    twiddles_.resize((m_ / 2 + 1) * 2 * (split_ - 1));
    bins_.resize((m_ / 2 + 1) * split_);
    std::size_t* bin = bins_.data();
    T* w = twiddles_.data();
    for (std::size_t i = 0; i <= m_ / 2; ++i) {
      const std::size_t k = chain_ && i > 0 && 2 * i < m_ ? chain_->bins()[i - 1] : i;
      for (std::size_t r = 0; r < split_; ++r) {
        *bin++ = std::min(k + r * m_, n - (k + r * m_));
        if (r == 0) continue;
        *w++ = roots[r * k % n].r;
        *w++ = -roots[r * k % n].i;
      }
    }
  }

  std::size_t split() const { return split_; }
  // Set if loading has to make transforms of four, and to put them where this says.
  const Chain<T>* chain() const { return chain_.get(); }
  // Rows from one sub-sequence to the next, and of the block in all.
  std::size_t stride() const { return stride_; }
  std::size_t block_rows() const { return split_ * stride_ + (joint_ ? 2 * split_ : 0); }

  // Calls put(k, X[k]) for all bins of a loaded block, which is used up, in no order. Some of them
  // are the conjugate of X[k].
  template <class Put>
  void transform_block(Row<T>* x, const Put& put) const {
    for (std::size_t r = 0; r < split_; ++r) {
      if (chain_)
        chain_->exec(x + r * stride_);
      else
        sub_->exec(x + r * stride_);
    }
    if (joint_) return join(x, put);
    switch (split_) {
      case 2:
        return join<2>(x, put);
      case 3:
        return join<3>(x, put);
      case 4:
        return join<4>(x, put);
      case 5:
        return join<5>(x, put);
      case 6:
        return join<6>(x, put);
      case 7:
        return join<7>(x, put);
      case 8:
        return join<8>(x, put);
      case 16:
        return join<16>(x, put);
      default:
        break;
    }
    const Row<T> none = broadcast<T>(0);
    put(0, Complex<T>{x[0], none});
    std::size_t k = 1;
    for (; 2 * k < n_; ++k) put(k, Complex<T>{x[2 * k - 1], x[2 * k]});
    if (2 * k == n_) put(k, Complex<T>{x[n_ - 1], none});
  }

  // Rounding adds something like white noise to the spectrum. Its standard deviation in each real
  // component, in units of the last place of the root of the frame's energy, grows with the root of
  // the number of passes; the factors bound what tests/cpp/test_kernels.cpp measures.
  double error() const {
    const double passes = std::sqrt(std::log2(static_cast<double>(n_)) + 1);
    return (chain_ || sub_->direct() ? 0.55 : 1.2) * passes * std::numeric_limits<T>::epsilon() / 2;
  }

 private:
  // One cache line.
  static constexpr std::size_t kPadding = kAlignment / sizeof(Row<T>);

  // What a join that is written out costs for each row, in the units of passes_cost(); 0 where none
  // is. (Of lengths from 12 to 4400, all splits of each timed in AVX2 and AVX-512, what is chosen
  // takes 2 % more than the best on average.)
  static double written_out(std::size_t split) {
    switch (split) {
      case 1:
        return 0.5;
      case 2:
        return 4;
      case 3:
        return 4.5;
      case 4:
        return 5.5;
      case 5:
        return 7.5;
      case 6:
        return 7;
      case 7:
        return 11.5;
      case 8:
        return 10;
      case 16:
        return 17;
      default:
        return 0;
    }
  }

  // What is left of n must be fit for a chain; 0 if it never is.
  static std::size_t chain_split(std::size_t n) {
    for (const std::size_t split : {4u, 8u})
      if (n % split == 0 && Chain<T>::possible(n / split)) return split;
    return 0;
  }

  static double cost(std::size_t n, std::size_t split) {
    const std::size_t m = n / split;
    const double join = written_out(split) > 0 ? written_out(split) : 14 + complex_cost<T>(split);
    constexpr double kCall = 150;  // of a sub-transform, however short
    return SubFft<T>::cost(m) + kCall / static_cast<double>(m) + join;
  }

  static std::size_t best_split(std::size_t n) {
    std::size_t best = 1;
    for (std::size_t split = 2; split <= 64 && split <= n; ++split)
      if (n % split == 0 && cost(n, split) < cost(n, best)) best = split;
    return best;
  }

  // turned() where Yr[k] is real: its first and, if m is even, its last bin.
  MELPIX_INLINE static Complex<T> turned_real(const Row<T>& value, std::size_t r, const T* w) {
    if (r == 0) return {value, broadcast<T>(0)};
    return {value * w[2 * r - 2], value * w[2 * r - 1]};
  }

  template <std::size_t R, class Put>
  MELPIX_INLINE static void put_joined(Complex<T>* v, const std::size_t* bin, const Put& put) {
    Complex<T> V[R];
    transform<R, T>(v, V);
    unrolled<R>([&](auto q) { put(bin[q], V[q]); });
  }

  template <std::size_t R, class Put>
  void join(const Row<T>* x, const Put& put) const {
    const T* w = twiddles_.data();
    const std::size_t* bin = bins_.data();
    const std::size_t m = m_, stride = stride_;
    Complex<T> v[R];
    for (const std::size_t k : {std::size_t{0}, m / 2}) {
      if (k > 0 && m % 2 == 1) break;
      const Row<T>* y = k == 0 ? x : x + m - 1;
      unrolled<R>([&](auto r) { v[r] = turned_real(y[r * stride], r, w + k * 2 * (R - 1)); });
      put_joined<R>(v, bin + k * R, put);
    }
    for (std::size_t i = 1; i + 1 < m; i += 2) {
      w += 2 * (R - 1);
      bin += R;
      unrolled<R>([&](auto r) { v[r] = turned<T>(x + r * stride + i, r, w); });
      put_joined<R>(v, bin, put);
    }
  }

  // The same for any R, with the values beside the block.
  template <class Put>
  void join(Row<T>* x, const Put& put) const {
    const T* w = twiddles_.data();
    Complex<T>* v = reinterpret_cast<Complex<T>*>(x + split_ * stride_);
    const std::size_t* bin = bins_.data();
    for (std::size_t k = 0; 2 * k <= m_; ++k, w += 2 * (split_ - 1), bin += split_) {
      const std::size_t i = k == 0 ? 0 : 2 * k - 1;
      for (std::size_t r = 0; r < split_; ++r) {
        const Row<T>* y = x + r * stride_ + i;
        v[r] = k == 0 || 2 * k == m_ ? turned_real(*y, r, w) : turned<T>(y, r, w);
      }
      joint_->exec(v, T(1), true);
      for (std::size_t q = 0; q < split_; ++q) put(bin[q], v[q]);
    }
  }

  std::size_t n_, split_, m_, stride_;
  std::unique_ptr<Chain<T>> chain_;  // or
  std::unique_ptr<SubFft<T>> sub_;
  std::unique_ptr<Joint> joint_;
  // For each bin k of a sub-sequence: W^k, W^2k, ..., W^(R - 1)k, each Re, Im; and the bins that
  // the joined values are.
  Memory<T> twiddles_;
  Memory<std::size_t> bins_;
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
MELPIX_INLINE Row<T> square_of(const Complex<T>& v) {
  return v.r * v.r + v.i * v.i;
}

template <class T>
void spectrum(const void* plan, T* block, T power, T bin_offset, std::size_t begin, std::size_t end,
              T* bins) {
  const RealFft<T>& fft = real_fft<T>(plan);
  Row<T>* p = rows(bins);
  const auto wanted = [begin, end](std::size_t k) { return k - begin < end - begin; };
  if (power == 2) {
    // Asking which bins are wanted would take longer than computing them all.
    return fft.transform_block(rows(block), [p, bin_offset](std::size_t k, const Complex<T>& v) {
      p[k] = square_of<T>(v) + bin_offset;
    });
  }
  if (power == 1) {
    // Square roots and butterflies use different units of the processor, so they are computed
    // together.
    return fft.transform_block(rows(block), [&](std::size_t k, const Complex<T>& v) {
      if (wanted(k)) p[k] = root_of<T>(square_of<T>(v) + bin_offset);
    });
  }
  fft.transform_block(rows(block), [&](std::size_t k, const Complex<T>& v) {
    if (wanted(k)) p[k] = square_of<T>(v) + bin_offset;
  });
  for (std::size_t i = begin * kLanes<T>; i < end * kLanes<T>; ++i)
    bins[i] = std::pow(bins[i], power / 2);
}

template <class T>
void real_spectrum(const void* plan, T* block, T* bins) {
  Row<T>* p = rows(bins);
  real_fft<T>(plan).transform_block(rows(block),
                                    [p](std::size_t k, const Complex<T>& v) { p[k] = v.r; });
}
