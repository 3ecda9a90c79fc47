// SPDX-License-Identifier: MIT
// Transforms of a few values, written out.

template <class T>
using Complex = MELPIX_POCKETFFT::detail::cmplx<Row<T>>;

// W^rk Yr[k] for the pair Yr[k] at `y`; w points to W^k, W^2k, ...
template <class T>
MELPIX_INLINE Complex<T> turned(const Row<T>* y, std::size_t r, const T* w) {
  if (r == 0) return {y[0], y[1]};
  const T c = w[2 * r - 2], s = w[2 * r - 1];
  return {y[0] * c - y[1] * s, y[1] * c + y[0] * s};
}

// Calls f with the constants 0 ... count - 1.
template <class F, std::size_t... i>
MELPIX_INLINE void unrolled(const F& f, std::index_sequence<i...>) {
  (f(std::integral_constant<std::size_t, i>()), ...);
}
template <std::size_t count, class F>
MELPIX_INLINE void unrolled(const F& f) {
  unrolled(f, std::make_index_sequence<count>());
}

// cos(2 pi i / n) for n = 3, 5, 7, 16
template <std::size_t n>
constexpr double cosine(std::size_t i) {
  constexpr double kThird[] = {1, -0.5};
  constexpr double kFifth[] = {1, 0.30901699437494742410, -0.80901699437494742410};
  constexpr double kSeventh[] = {1, 0.62348980185873353053, -0.22252093395631440429,
                                 -0.90096886790241912624};
  constexpr double kSixteenth[] = {1, 0.92387953251128675613, 0.70710678118654752440,
                                   0.38268343236508977173, 0};
  i = i % n > n / 2 ? n - i % n : i % n;
  if constexpr (n == 3) return kThird[i];
  if constexpr (n == 5) return kFifth[i];
  if constexpr (n == 7) return kSeventh[i];
  return i <= 4 ? kSixteenth[i] : -kSixteenth[8 - i];
}
// sin(2 pi i / n)
template <std::size_t n>
constexpr double sine(std::size_t i) {
  constexpr double kThird[] = {0, 0.86602540378443864676};
  constexpr double kFifth[] = {0, 0.95105651629515357212, 0.58778525229247312917};
  constexpr double kSeventh[] = {0, 0.78183148246802980871, 0.97492791218182360702,
                                 0.43388373911755812048};
  if constexpr (n == 16) return cosine<16>(i + 12);  // sin x = cos(x - pi / 2)
  const bool negative = i % n > n / 2;
  i = negative ? n - i % n : i % n;
  const double value = n == 3 ? kThird[i] : n == 5 ? kFifth[i] : kSeventh[i];
  return negative ? -value : value;
}

// v exp(-2 pi j k / R), for R a power of two up to 16
template <std::size_t k, std::size_t R, class T>
MELPIX_INLINE Complex<T> rotated(const Complex<T>& v) {
  constexpr std::size_t angle = k * (16 / R) % 16;
  if constexpr (angle == 0) {
    return v;
  } else if constexpr (angle == 4) {
    return {v.i, -v.r};
  } else if constexpr (angle == 2) {
    constexpr T c = T(cosine<16>(2));
    return {(v.r + v.i) * c, (v.i - v.r) * c};
  } else if constexpr (angle == 6) {
    constexpr T c = T(cosine<16>(2));
    return {(v.i - v.r) * c, (v.r + v.i) * -c};
  } else {
    constexpr T c = T(cosine<16>(angle)), s = T(sine<16>(angle));
    return {v.r * c + v.i * s, v.i * c - v.r * s};
  }
}

// What the bins q and R - q of an odd length R, 0 < q < R / 2, are made of: even and -j odd, whose
// sum and difference they are. V is a row or a complex one.
template <std::size_t R, std::size_t q, class T, class V>
MELPIX_INLINE void odd_length(const V* v, V& even, V& odd) {
  even = v[0] + (v[1] + v[R - 1]) * T(cosine<R>(q));
  odd = (v[1] - v[R - 1]) * T(sine<R>(q));
  unrolled<R / 2 - 1>([&](auto i) {
    constexpr std::size_t j = i + 2;
    even = even + (v[j] + v[R - j]) * T(cosine<R>(j * q));
    odd = odd + (v[j] - v[R - j]) * T(sine<R>(j * q));
  });
}

// V[q] = sum of v[r] exp(-2 pi j r q / R), for R = 1 ... 8 and 16; v is used up. For powers of two
// from 4 on, the sum over r = a + (R / 4) b goes over b first. 6 = 2 x 3 has coprime factors: with
// r = 2 a + 3 b, the sum is a transform of length 3 over a, and one of length 2 over b, without a
// factor in between (I. J. Good, J. R. Stat. Soc. B 20, 1958).
template <std::size_t R, class T>
MELPIX_INLINE void transform(Complex<T>* v, Complex<T>* V) {
  if constexpr (R == 1) {
    V[0] = v[0];
  } else if constexpr (R == 2) {
    V[0] = v[0] + v[1];
    V[1] = v[0] - v[1];
  } else if constexpr (R % 2 == 1) {
    V[0] = v[0];
    unrolled<R - 1>([&](auto i) { V[0] = V[0] + v[i + 1]; });
    unrolled<R / 2>([&](auto i) {
      Complex<T> even, odd;
      odd_length<R, i + 1, T>(v, even, odd);
      V[i + 1] = {even.r + odd.i, even.i - odd.r};
      V[R - 1 - i] = {even.r - odd.i, even.i + odd.r};
    });
  } else if constexpr (R == 6) {
    unrolled<3>([&](auto a) {
      const Complex<T> even = v[2 * a], odd = v[(2 * a + 3) % 6];
      v[2 * a] = even + odd;
      v[(2 * a + 3) % 6] = even - odd;
    });
    unrolled<2>([&](auto b) {
      Complex<T> in[3] = {v[3 * b], v[(3 * b + 2) % 6], v[(3 * b + 4) % 6]}, out[3];
      transform<3, T>(in, out);
      unrolled<3>([&](auto q) { V[q % 2 == b ? q : q + 3] = out[q]; });
    });
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

// The same for real values: the first and, for an even R, the last of its bins are real, and of
// the others every second one is the conjugate of its opposite. V gets one of each pair of them, in
// the order that real_bin() tells.
template <std::size_t R, class T>
MELPIX_INLINE void real_transform(const Row<T>* v, Row<T>& first, Row<T>& last, Complex<T>* V);

// V[k] = sum of v[r] exp(-2 pi j r (k' + 1/2) / R) for an even R, k' = 2 k, k < R / 2: in between
// the bins of the transform of length R. The others are their conjugates.
template <std::size_t R, class T>
MELPIX_INLINE void half_bins(const Row<T>* v, Complex<T>* V) {
  Complex<T> z[R / 2];
  unrolled<R / 2>([&](auto i) { z[i] = rotated<i, 2 * R, T>({v[i], -v[i + R / 2]}); });
  transform<R / 2, T>(z, V);
}

template <std::size_t R, class T>
MELPIX_INLINE void real_transform(const Row<T>* v, Row<T>& first, Row<T>& last, Complex<T>* V) {
  if constexpr (R == 2) {
    first = v[0] + v[1];
    last = v[0] - v[1];
  } else if constexpr (R % 2 == 1) {
    first = v[0];
    unrolled<R - 1>([&](auto i) { first = first + v[i + 1]; });
    unrolled<R / 2>([&](auto i) {
      Row<T> even, odd;
      odd_length<R, i + 1, T>(v, even, odd);
      V[i] = {even, -odd};
    });
  } else {
    // Odd bins are those in between of half the length.
    Row<T> sums[R / 2], differences[R / 2];
    unrolled<R / 2>([&](auto i) {
      sums[i] = v[i] + v[i + R / 2];
      differences[i] = v[i] - v[i + R / 2];
    });
    half_bins<R / 2, T>(differences, V);
    real_transform<R / 2, T>(sums, first, last, V + R / 4);
  }
}

// The number of the bin that real_transform() leaves in V[i].
constexpr std::size_t real_bin(std::size_t R, std::size_t i) {
  if (R % 2 == 1) return i + 1;
  return i < R / 4 ? 4 * i + 1 : 2 * real_bin(R / 2, i - R / 4);
}
