// SPDX-License-Identifier: MIT
// Exponential function and what is made of it and the logarithm.

#ifdef MELPIX_VECTOR_LANES

// exp x = 2^n exp r, with n the integer next to x / ln 2 and |r| <= ln(2) / 2, where the series of
// exp r ends after r^kTerms / kTerms! with less than a tenth of an ulp missing.
template <class T>
struct ExpConstants;
template <>
struct ExpConstants<float> {
  static constexpr int kTerms = 7;
  // Beyond these, the result is 0 or infinite.
  static constexpr float kLeast = -104, kMost = 89;
  static constexpr float kMagic =
      0x1.8p23f;  // x + kMagic has the integer next to x in its last bits
};
template <>
struct ExpConstants<double> {
  static constexpr int kTerms = 13;
  static constexpr double kLeast = -746, kMost = 710;
  static constexpr double kMagic = 0x1.8p52;
};

template <class T>
MELPIX_INLINE Row<T> exp_of(Row<T> x) {
  using C = ExpConstants<T>;
  using L = LogConstants<T>;
  const Row<T> magic = broadcast<T>(C::kMagic);
  const Row<T> held = larger<T>(broadcast<T>(C::kLeast), smaller<T>(broadcast<T>(C::kMost), x));
  const Row<T> integer = held * T(1.4426950408889634) + magic;
  const Row<T> n = integer - magic;
  const Row<T> r = (held - n * L::kLn2High) - n * L::kLn2Low;
  Row<T> p = broadcast<T>(1);
  for (int k = C::kTerms; k >= 1; --k) p = p * (r * (T(1) / static_cast<T>(k))) + 1;
  // 2^n as two factors, since it may be subnormal, or twice the largest number.
  const Bits<T> biased = to_bits<T>(integer) - to_bits<T>(magic) +
                         2 * (to_bits<T>(broadcast<T>(1)) >> L::kMantissaBits);
  const Bits<T> half = biased >> 1;
  const Row<T> result = p * from_bits<T>(half << L::kMantissaBits) *
                        from_bits<T>((biased - half) << L::kMantissaBits);
  return select<T>(x == x, result, x);  // NaN stays
}

// w == 1 ? t : a / b * t
template <class T>
MELPIX_INLINE Row<T> unless_one(Row<T> w, Row<T> t, Row<T> a, Row<T> b) {
  return select<T>(w == 1, t, a / b * t);
}

#else

template <class T>
inline Row<T> exp_of(const Row<T>& x) {
  return Row<T>::each([&](std::size_t lane) { return std::exp(x[lane]); });
}

template <class T>
inline Row<T> unless_one(const Row<T>& w, const Row<T>& t, const Row<T>& a, const Row<T>& b) {
  return Row<T>::each([&](std::size_t i) { return w[i] == 1 ? t[i] : a[i] / b[i] * t[i]; });
}

#endif

// ln(1 + x) for x >= 0 and exp(x) - 1 for x >= 0, near 0 too: the rounding of 1 + x and of exp(x)
// cancels in the quotient (W. Kahan; N. Higham, Accuracy and Stability of Numerical Algorithms,
// section 1.14.1).
template <class T>
MELPIX_INLINE Row<T> log1p_of(Row<T> x) {
  const Row<T> w = x + 1;
  return unless_one<T>(w, x, log_of_any<T>(w), w - 1);
}
template <class T>
MELPIX_INLINE Row<T> expm1_of(Row<T> x) {
  const Row<T> w = exp_of<T>(x);
  return unless_one<T>(w, x, w - 1, log_of_any<T>(w));
}
