// SPDX-License-Identifier: MIT
// Transforms of real sub-sequences whose length is 4 times a product of 3, 4, 5 and 8, in place.
//
// Loading leaves transforms of four samples each, m / 4 apart: a butterfly without a multiplication
// that costs no pass over memory of its own. Each level then joins R transforms into one of R times
// the length. A transform of length L has L rows throughout: first bin 0, then pairs, the real and
// the imaginary part of a bin, and last bin L / 2. Joining leaves the pairs where they come to lie,
// in an order of their own; a pair's bin k runs to L - 1, since the bin k > L / 2 stands for its
// conjugate L - k as well.

template <class T>
class Chain {
 public:
  // Radices for the length m beside the 4 of loading, the innermost first, 0 behind the last.
  struct Radices {
    static constexpr std::size_t kMost = 12;  // 3^12 is more than n_fft may be
    std::size_t count = 0, of[kMost] = {};
  };

  // Whether m has nothing but such factors. (There is no radix 2: m / 4 must not be twice an odd
  // number.)
  static bool possible(std::size_t m) {
    std::size_t rest = m;
    for (const std::size_t f : {2u, 3u, 5u})
      while (rest % f == 0) rest /= f;
    return rest == 1 && m % 4 == 0 && (m % 8 != 0 || m % 16 == 0);
  }

  explicit Chain(std::size_t m) : m_(m), bins_(m / 2 - 1), places_(m / 4) {
    const Radices radices = factors(m / 4);
    count_ = radices.count;
    std::size_t length = 4;
    bins_[0] = 1;
    for (std::size_t i = 0; i < count_; ++i) {
      join_[i].plan(radices.of[i], length, bins_.data());
      length *= radices.of[i];
    }
    // The sample u of a sub-sequence goes where its digits say, the last radix' digit first.
    for (std::size_t u = 0; u < m / 4; ++u) {
      std::size_t rest = u, rows = m, place = 0;
      for (std::size_t i = count_; i-- > 0;) {
        rows /= radices.of[i];
        place += rest % radices.of[i] * rows;
        rest /= radices.of[i];
      }
      places_[u] = place;
    }
  }

  void exec(Row<T>* x) const {
    if (count_ > 0) exec(x, count_ - 1, 1);
  }

  // The bin of each pair.
  const std::size_t* bins() const { return bins_.data(); }
  // The first of the rows for the samples u, u + m / 4, u + m / 2 and u + 3 m / 4.
  const std::size_t* places() const { return places_.data(); }

 private:
  static constexpr std::size_t kFour = 4;  // what loading leaves

  // One level: R transforms of length m.
  struct Join {
    // `bins` are those of one transform, and become those of the joined one.
    void plan(std::size_t radix, std::size_t length, std::size_t* bins) {
      R = radix;
      m = length;
      const std::size_t pairs = m / 2 - 1;
      const MELPIX_POCKETFFT::detail::sincos_2pibyn<T> roots(R * m);
      twiddles.resize(pairs * 2 * (R - 1));
      std::size_t i = 0;
      for (std::size_t pair = 0; pair < pairs; ++pair)
        for (std::size_t r = 1; r < R; ++r) {
          const auto& root = roots[r * bins[pair] % (R * m)];
          twiddles[i++] = root.r;
          twiddles[i++] = -root.i;
        }
      // From the last on, since the first transform's bins are still wanted. In between the
      // transforms lie the pairs of ends().
      for (std::size_t q = R; q-- > 0;) {
        std::size_t* to = bins + q * (pairs + 1);
        for (std::size_t pair = 0; pair < pairs; ++pair) to[pair] = (bins[pair] + q * m) % (R * m);
        if (q > 0) to[-1] = end_bin(q - 1);
      }
    }
    std::size_t end_bin(std::size_t i) const {
      const std::size_t whole = (R - 1) / 2;
      if (i < whole) return real_bin(R, i) * m;
      return R % 2 == 1 ? R * m / 2 + (i - whole + 1) * m : m / 2 + 2 * (i - whole) * m;
    }

    std::size_t R = 0, m = 0;
    Memory<T> twiddles;  // for each pair, W^k ... W^(R - 1)k, each Re, Im; W = exp(-2 pi j / R m)
  };

  static Radices factors(std::size_t n) {
    Radices found;
    const auto take = [&](std::size_t f) {
      found.of[found.count++] = f;
      n /= f;
    };
    // As few as possible; and 16 = 4 x 4, since there is no radix 2.
    while (n % 5 == 0) take(5);
    while (n % 3 == 0) take(3);
    while (n % 8 == 0 && n != 16) take(8);
    while (n % 4 == 0) take(4);
    return found;
  }

  // `times` neighbouring transforms of a level, each with all that goes into it before the next: as
  // long as it lies in the nearest cache.
  void exec(Row<T>* x, std::size_t level, std::size_t times) const {
    const Join& join = join_[level];
    if (level == 0) return join_any<kFour>(x, join, times);
    for (std::size_t i = 0; i < times; ++i, x += join.R * join.m) {
      exec(x, level - 1, join.R);
      join_any<0>(x, join, 1);
    }
  }

  // Makes `times` joins. The length of what is joined is a constant if kLength is not 0.
  template <std::size_t kLength>
  static void join_any(Row<T>* x, const Join& join, std::size_t times) {
    switch (join.R) {
      case 3:
        return join_of<3, kLength>(x, join, times);
      case 4:
        return join_of<4, kLength>(x, join, times);
      case 5:
        return join_of<5, kLength>(x, join, times);
      default:
        return join_of<8, kLength>(x, join, times);
    }
  }

  template <std::size_t R, std::size_t kLength>
  static void join_of(Row<T>* x, const Join& join, std::size_t times) {
    const std::size_t m = kLength > 0 ? kLength : join.m;
    for (std::size_t i = 0; i < times; ++i, x += R * m) {
      ends<R>(x, m);
      const T* w = join.twiddles.data();
      for (Row<T>* pair = x + 1; pair + 1 < x + m; pair += 2, w += 2 * (R - 1)) {
        Complex<T> v[R], V[R];
        unrolled<R>([&](auto r) { v[r] = turned<T>(pair + r * m, r, w); });
        transform<R, T>(v, V);
        unrolled<R>([&](auto q) {
          pair[q * m] = V[q].r;
          pair[q * m + 1] = V[q].i;
        });
      }
    }
  }

  // The first and the last bins of the transforms, which are real. What they become are the first
  // and the last bin of the joined one, and the pairs in between its parts.
  template <std::size_t R>
  MELPIX_INLINE static void ends(Row<T>* x, std::size_t m) {
    constexpr std::size_t whole = (R - 1) / 2;
    Row<T> v[R], u[R], first, last, none;
    Complex<T> V[R];
    unrolled<R>([&](auto r) {
      v[r] = x[r * m];
      u[r] = x[r * m + m - 1];
    });
    if constexpr (R % 2 == 0) {
      real_transform<R, T>(v, first, last, V);
      half_bins<R, T>(u, V + whole);
    } else {
      // exp(-2 pi j r (q + 1/2) / R) is (-1)^r exp(-2 pi j r (q + (R + 1) / 2) / R): a whole bin.
      unrolled<R / 2>([&](auto i) { u[2 * i + 1] = -u[2 * i + 1]; });
      real_transform<R, T>(v, first, none, V);
      real_transform<R, T>(u, last, none, V + whole);
    }
    x[0] = first;
    x[R * m - 1] = last;
    unrolled<R - 1>([&](auto i) {
      x[(i + 1) * m - 1] = V[i].r;
      x[(i + 1) * m] = V[i].i;
    });
  }

  std::size_t m_, count_;
  Join join_[Radices::kMost];
  Memory<std::size_t> bins_, places_;
};
