// SPDX-License-Identifier: MIT
// From a block to an image: columns go out, extremes are kept, and at last values become pixels.

template <class T>
void store(const T* bands, std::size_t n_mels, std::size_t frames, T* out,
           std::ptrdiff_t row_stride, T least, T most, Extremes<T>* extremes) {
  const Row<T>* x = rows(bands);
  const Row<T> bottom = broadcast(least), top = broadcast(most);
  Row<T> lo = *rows(extremes->lo), hi = *rows(extremes->hi), poison = *rows(extremes->poison);
  for (std::size_t m = 0; m < n_mels; ++m) {
    lo = smaller<T>(x[m], lo);
    hi = larger<T>(x[m], hi);
    poison += x[m] * T(0);  // infinity and NaN give NaN
    // In this order, clipping keeps NaN. It costs no time here, where values are in registers
    // anyway.
    const Row<T> clipped = smaller<T>(top, larger<T>(bottom, x[m]));
    T* to = out + static_cast<std::ptrdiff_t>(m) * row_stride;
    if (frames == kLanes<T>) {
      std::memcpy(to, &clipped, sizeof(Row<T>));
#if defined(__GNUC__)
      // Rows lie far apart, which the processor's own prefetching does not foresee.
      __builtin_prefetch(to + kLanes<T>, 1);
#endif
    } else {
      std::memcpy(to, &clipped, frames * sizeof(T));
    }
  }
  *rows(extremes->lo) = lo;
  *rows(extremes->hi) = hi;
  *rows(extremes->poison) = poison;
}

template <class T, class Pixel>
void pixels(const T* values, std::size_t count, const Greys<T>& rule, Pixel* out) {
  using Rounding = typename Greys<T>::Rounding;
  constexpr std::int32_t kMost = std::numeric_limits<Pixel>::max();
  const T lo = rule.lo, range = rule.range;
  const auto each = [&](const auto& rounded) {
    // Divided and then multiplied, as in the recipe: so `hi` becomes exactly the greatest value.
    const auto grey = [&](std::size_t i) { return rounded((values[i] - lo) / range * T(kMost)); };
    if (rule.invert) {
      for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<Pixel>(kMost - grey(i));
    } else {
      for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<Pixel>(grey(i));
    }
  };
  switch (rule.rounding) {
    case Rounding::kTruncate:
      return each([](T g) { return static_cast<std::int32_t>(g); });
    case Rounding::kNearest:
      return each([](T g) { return static_cast<std::int32_t>(g + T(0.5)); });
    case Rounding::kCeil:
      return each([](T g) {
        const auto whole = static_cast<std::int32_t>(g);
        return whole + (static_cast<T>(whole) < g ? 1 : 0);
      });
  }
}
