// SPDX-License-Identifier: MIT
// Features of a whole signal, shifted, scaled and clipped; and the sums that this depends on.

// Several values at a time, with extremes for each place among them: with a single pair of
// extremes, each value would have to wait for the one before.
template <class T>
void normalise(T* values, std::size_t count, const Normalisation<T>& rule, T* extremes) {
  // No structured binding: C++17 lets no lambda capture one.
  const T least = rule.least, shift = rule.shift, scale = rule.scale;
  const T bottom = rule.lo, top = rule.hi;
  T lo[kLanes<T>], hi[kLanes<T>];
  std::fill_n(lo, kLanes<T>, std::numeric_limits<T>::infinity());
  std::fill_n(hi, kLanes<T>, -std::numeric_limits<T>::infinity());
  for (std::size_t begin = 0; begin < count; begin += kLanes<T>) {
    const std::size_t n = std::min(count - begin, kLanes<T>);
    const auto some = [&](std::size_t size) {
      for (std::size_t j = 0; j < size; ++j) {
        const T x = values[begin + j], raised = x < least ? least : x;
        const T feature = (raised - shift) / scale;
        lo[j] = feature < lo[j] ? feature : lo[j];
        hi[j] = feature > hi[j] ? feature : hi[j];
        const T clipped = feature < bottom ? bottom : feature;
        values[begin + j] = clipped > top ? top : clipped;
      }
    };
    // A constant size vectorises.
    n == kLanes<T> ? some(kLanes<T>) : some(n);
  }
  extremes[0] = *std::min_element(lo, lo + kLanes<T>);
  extremes[1] = *std::max_element(hi, hi + kLanes<T>);
}

template <class T>
void moments(const T* values, std::size_t count, double from, double* sums) {
  double first[kLanes<T>] = {}, second[kLanes<T>] = {};
  for (std::size_t begin = 0; begin < count; begin += kLanes<T>) {
    const auto some = [&](std::size_t size) {
      for (std::size_t j = 0; j < size; ++j) {
        const double d = static_cast<double>(values[begin + j]) - from;
        first[j] += d;
        second[j] += d * d;
      }
    };
    count - begin >= kLanes<T> ? some(kLanes<T>) : some(count - begin);
  }
  sums[0] = sums[1] = 0;
  for (std::size_t j = 0; j < kLanes<T>; ++j) {
    sums[0] += first[j];
    sums[1] += second[j];
  }
}
