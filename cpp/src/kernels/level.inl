// SPDX-License-Identifier: MIT
// Samples on their way to another level: condition.cpp says which.

template <class T>
void extremes(const T* x, std::size_t count, T* least, T* greatest) {
  Row<T> lo = broadcast(*least), hi = broadcast(*greatest);
  std::size_t i = 0;
  for (Row<T> row; i + kLanes<T> <= count; i += kLanes<T>) {
    std::memcpy(&row, x + i, sizeof(row));
    lo = smaller<T>(row, lo);
    hi = larger<T>(row, hi);
  }
  for (std::size_t j = 0; i < count; ++i, ++j) {
    lo[j] = std::min<T>(lo[j], x[i]);
    hi[j] = std::max<T>(hi[j], x[i]);
  }
  for (std::size_t j = 0; j < kLanes<T>; ++j) {
    *least = std::min<T>(*least, lo[j]);
    *greatest = std::max<T>(*greatest, hi[j]);
  }
}

template <class T>
void rescale(const T* x, std::size_t count, T lo, T width, T* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = ((x[i] - lo) / width - T(0.5)) * 2;
}

// In float whatever comes: a product that rounds up to a whole number there is another sample, and
// a single one is loud in a band that holds next to nothing. (Scaled and then clipped: to bounds
// that it knows, GCC branches.)
template <class T>
void to_steps(const T* x, std::size_t count, float scale, float* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const float scaled = static_cast<float>(x[i]) * scale;
    const float raised = scaled > -scale ? scaled : -scale;
    const float clipped = raised < scale ? raised : scale;
    out[i] = static_cast<float>(static_cast<std::int32_t>(clipped)) / scale;
  }
}
