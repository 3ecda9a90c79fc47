// SPDX-License-Identifier: MIT
// Natural logarithm, within 1 ulp of the exact one over all values >= 0, subnormals included.

#ifdef MELPIX_VECTOR_LANES

// x = 2^e m with sqrt(1/2) <= m < sqrt(2); s = (m - 1) / (m + 1), z = s^2. Then
//   ln m = 2 artanh s = 2 s + s z P(z),
// and with f = m - 1, 2 s = f - s f: only the small correction to f is rounded (the arrangement
// is that of FreeBSD's e_log.c). P is the polynomial with the least maximum of |z (P(z) - exact)|,
// found with the Remez exchange in 60 digits: below 2^-29 for float, 2^-58 for double.
template <class T>
struct LogConstants;
template <>
struct LogConstants<float> {
  static constexpr int kMantissaBits = 23;
  static constexpr std::uint32_t kMantissa = 0x007fffff;
  static constexpr float kExponentBias = 127;
  static constexpr std::uint32_t kRootHalf = 0x3f3504f3;  // the bits of sqrt(1/2)
  static constexpr float kLn2High = 0x1.62ep-1f;          // times any e exact
  static constexpr float kLn2Low = 3.1946184945309415e-05f;
  static constexpr float kP[] = {0.66666776f, 0.39977537f, 0.29871862f};
};
template <>
struct LogConstants<double> {
  static constexpr int kMantissaBits = 52;
  static constexpr std::uint64_t kMantissa = 0x000fffffffffffff;
  static constexpr double kExponentBias = 1023;
  static constexpr std::uint64_t kRootHalf = 0x3fe6a09e667f3bcd;
  static constexpr double kLn2High = 0x1.62e42fefa3p-1;
  static constexpr double kLn2Low = 2.8235290563031577e-13;
  static constexpr double kP[] = {0.666666666666673447, 0.399999999994142963, 0.285714287424792183,
                                  0.222221985631067517, 0.181835648842943113, 0.153140354166940687,
                                  0.147961094312670896};
};

// ln(x) for normal x = 2^e m; 2^-scaled has been multiplied in before, and comes off again.
template <class T>
MELPIX_INLINE Row<T> log_of_normal(Row<T> x, Row<T> scaled) {
  using C = LogConstants<T>;
  constexpr T kTwoToMantissa = T(std::uint64_t{1} << C::kMantissaBits);

  // Shifted by 1 - sqrt(1/2) in terms of bits, the exponent field counts from sqrt(1/2).
  const Bits<T> one = to_bits<T>(broadcast<T>(1));
  const Bits<T> shifted = to_bits<T>(x) + (one - C::kRootHalf);
  const Row<T> m = from_bits<T>((shifted & C::kMantissa) + C::kRootHalf);
  // The integer e as a float: placed in the mantissa of 2^kMantissaBits, which is then subtracted.
  const Bits<T> magic = to_bits<T>(broadcast<T>(kTwoToMantissa));
  const Row<T> e = from_bits<T>((shifted >> C::kMantissaBits) | magic) -
                   (kTwoToMantissa + C::kExponentBias) - scaled;

  const Row<T> f = m - 1;
  const Row<T> s = f / (f + 2);
  const Row<T> z = s * s;
  Row<T> p = broadcast<T>(C::kP[std::size(C::kP) - 1]);
  for (std::size_t i = std::size(C::kP) - 1; i-- > 0;) p = p * z + C::kP[i];
  const Row<T> half_square = f * f * T(0.5);
  return e * C::kLn2High - ((half_square - (s * (half_square + z * p) + e * C::kLn2Low)) - f);
}

// ln(x) for any x >= 0 or NaN
template <class T>
MELPIX_INLINE Row<T> log_of_any(Row<T> x) {
  using C = LogConstants<T>;
  using Limits = std::numeric_limits<T>;
  constexpr T kTwoToMantissa = T(std::uint64_t{1} << C::kMantissaBits);

  // A subnormal value is scaled up first, and the exponent corrected.
  const auto subnormal = x < Limits::min();
  const Row<T> zero = {};
  const Row<T> result = log_of_normal<T>(select<T>(subnormal, x * kTwoToMantissa, x),
                                         select<T>(subnormal, zero + C::kMantissaBits, zero));
  const Row<T> infinity = broadcast<T>(Limits::infinity());
  const Row<T> finite = select<T>(x > 0, result, -infinity);
  return select<T>(x < infinity, finite, x);  // infinity and NaN stay
}

#else

template <class T>
inline Row<T> log_of_any(const Row<T>& x) {
  return Row<T>::each([&](std::size_t lane) { return std::log(x[lane]); });
}

#endif
