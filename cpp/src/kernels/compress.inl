// SPDX-License-Identifier: MIT
// Mel values become features: logarithms, powers, or per-channel energy normalisation.

#ifdef MELPIX_VECTOR_LANES

template <class T>
void logarithms(Row<T>* x, std::size_t n_mels, const Compression<T>& rule) {
  const T offset = rule.offset, unit = rule.unit, shift = rule.shift;
  const Row<T> bottom = broadcast(rule.floor);
  // Zeros, subnormal numbers, infinity and NaN are rare. A block without them takes a shorter loop.
  Row<T> least = larger<T>(bottom, x[0]) + offset, odd = broadcast<T>(0);
  for (std::size_t m = 0; m < n_mels; ++m) {
    const Row<T> value = larger<T>(bottom, x[m]) + offset;
    least = smaller<T>(value, least);
    odd += value * T(0);  // infinity and NaN give NaN
  }
  bool normal = true;
  for (std::size_t lane = 0; lane < kLanes<T>; ++lane)
    normal = normal && least[lane] >= std::numeric_limits<T>::min() && odd[lane] == 0;

  if (normal) {
    for (std::size_t m = 0; m < n_mels; ++m)
      x[m] = log_of_normal<T>(larger<T>(bottom, x[m]) + offset, Row<T>{}) * unit - shift;
  } else {
    for (std::size_t m = 0; m < n_mels; ++m)
      x[m] = log_of_any<T>(larger<T>(bottom, x[m]) + offset) * unit - shift;
  }
}

#else

template <class T>
void logarithms(Row<T>* x, std::size_t n_mels, const Compression<T>& rule) {
  const Row<T> bottom = broadcast(rule.floor);
  for (std::size_t m = 0; m < n_mels; ++m)
    x[m] = log_of_any<T>(larger<T>(bottom, x[m]) + rule.offset) * rule.unit - rule.shift;
}

#endif

template <class T>
MELPIX_INLINE Row<T> power_of(Row<T> x, T exponent) {
  return exp_of<T>(log_of_any<T>(x) * exponent);
}

template <class T>
void powers(Row<T>* x, std::size_t n_mels, const Compression<T>& rule) {
  const T exponent = rule.exponent;
  const Row<T> bottom = broadcast(rule.floor);
  const auto each = [&](const auto& f) {
    for (std::size_t m = 0; m < n_mels; ++m) x[m] = f(larger<T>(bottom, larger<T>(-x[m], x[m])));
  };
  // Roots are exact.
  if (exponent == T(0.5)) {
    each([](const Row<T>& v) { return root_of<T>(v); });
  } else if (exponent == T(0.25)) {
    each([](const Row<T>& v) { return root_of<T>(root_of<T>(v)); });
  } else if (exponent == T(1)) {
    each([](const Row<T>& v) { return v; });
  } else {
    each([exponent](const Row<T>& v) { return power_of<T>(v, exponent); });
  }
}

// The only step in which a frame depends on those before it.
template <class T>
void pcen(Row<T>* x, std::size_t n_mels, std::size_t frames, const Compression<T>& rule,
          T* smooth) {
  const Row<T> bottom = broadcast(rule.floor);
  const T b = rule.smoothing, lift = rule.bias > 0 ? std::pow(rule.bias, rule.power) : T(0);
  for (std::size_t m = 0; m < n_mels; ++m) {
    const Row<T> f = larger<T>(bottom, x[m]);
    Row<T> M = broadcast<T>(smooth[m]);
    T last = smooth[m];
    for (std::size_t lane = 0; lane < frames; ++lane) M[lane] = last = (1 - b) * last + b * f[lane];
    smooth[m] = last;
    const Row<T> r = f * exp_of<T>(log_of_any<T>(M + rule.eps) * -rule.gain);
    // x^0 is ln(1 + r) here, and without a bias nothing is taken off, as librosa has it.
    if (rule.power == 0) {
      x[m] = log1p_of<T>(r);
    } else if (rule.bias == 0) {
      x[m] = power_of<T>(r, rule.power);
    } else {
      x[m] = expm1_of<T>(log1p_of<T>(r / rule.bias) * rule.power) * lift;
    }
    for (std::size_t lane = frames; lane < kLanes<T>; ++lane) x[m][lane] = x[m][frames - 1];
  }
}

template <class T>
void compress(T* bands, std::size_t n_mels, std::size_t frames, const Compression<T>& rule,
              T* smooth) {
  using Kind = typename Compression<T>::Kind;
  Row<T>* x = rows(bands);
  switch (rule.kind) {
    case Kind::kLog:
      return logarithms<T>(x, n_mels, rule);
    case Kind::kPower:
      return powers<T>(x, n_mels, rule);
    case Kind::kPcen:
      return pcen<T>(x, n_mels, frames, rule, smooth);
    case Kind::kNone:
      if (rule.floor == 0) return;
      for (std::size_t m = 0; m < n_mels; ++m) x[m] = larger<T>(broadcast(rule.floor), x[m]);
  }
}
