// SPDX-License-Identifier: MIT
// Samples as they come from the caller: their peak, their mean over channels, and their level
// (stages/signal.cpp).

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

// Multiplies in float, whatever the type: where float rounds a product up to a whole number, double
// would give another sample, and a single one is loud in a band that holds next to nothing. (Scales
// first and clips then: where the bounds are constants, GCC makes branches.)
template <class T>
void to_steps(const T* x, std::size_t count, float scale, float* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const float scaled = static_cast<float>(x[i]) * scale;
    const float raised = scaled > -scale ? scaled : -scale;
    const float clipped = raised < scale ? raised : scale;
    out[i] = static_cast<float>(static_cast<std::int32_t>(clipped)) / scale;
  }
}

// The order of floats of one sign is that of their bits as integers, with infinity and NaN above
// all others: so one integer maximum finds the peak and whether all is finite.
template <class T>
T peak(const T* x, std::size_t count, std::ptrdiff_t stride) {
  using Int = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  Int most = 0;
  const auto look = [&](const T* at) {
    Int bits;
    std::memcpy(&bits, at, sizeof(T));
    bits &= std::numeric_limits<Int>::max();
    most = most < bits ? bits : most;
  };
  if (stride == 1) {
    for (std::size_t i = 0; i < count; ++i) look(x + i);
  } else {
    for (std::size_t i = 0; i < count; ++i) look(x + static_cast<std::ptrdiff_t>(i) * stride);
  }
  T magnitude;
  std::memcpy(&magnitude, &most, sizeof(T));
  return magnitude;
}

template <class T, class S>
void mix_from(const S* x, const Signal& y, std::size_t count, T* out) {
  constexpr bool kInt16 = std::is_same_v<S, std::int16_t>;
  // The types of a sum of two channels, of a sum of many, and of their mean. Sums of integers are
  // exact. Samples that are wider than T are summed as they are, since channels may cancel.
  using Wide = std::conditional_t<!kInt16 && (sizeof(S) > sizeof(T)), S, T>;
  using Two = std::conditional_t<kInt16, std::int32_t, Wide>;
  using Many = std::conditional_t<kInt16, std::int64_t, Wide>;
  constexpr Wide kUnit = kInt16 ? Wide(0x1p-15) : Wide(1);

  // The layouts that files have get loops with constant strides, which vectorise.
  if (y.channels == 1 && y.stride == 1) {
    for (std::size_t i = 0; i < count; ++i)
      out[i] = static_cast<T>(static_cast<Wide>(x[i]) * kUnit);
  } else if (y.channels == 2 && y.stride == 2 && y.channel_stride == 1) {
    for (std::size_t i = 0; i < count; ++i) {
      const Two sum = static_cast<Two>(x[2 * i]) + static_cast<Two>(x[2 * i + 1]);
      out[i] = static_cast<T>(static_cast<Wide>(sum) * (kUnit / 2));
    }
  } else {
    const Wide channels = static_cast<Wide>(y.channels);
    for (std::size_t i = 0; i < count; ++i) {
      const S* first = x + static_cast<std::ptrdiff_t>(i) * y.stride;
      Many sum = 0;
      for (std::size_t c = 0; c < y.channels; ++c)
        sum += static_cast<Many>(first[static_cast<std::ptrdiff_t>(c) * y.channel_stride]);
      out[i] = static_cast<T>(static_cast<Wide>(sum) * kUnit / channels);
    }
  }
}

template <class T>
void mix(const Signal& y, std::size_t begin, std::size_t count, T* out) {
  const std::ptrdiff_t skip = static_cast<std::ptrdiff_t>(begin) * y.stride;
  switch (y.type) {
    case SampleType::kInt16:
      return mix_from(static_cast<const std::int16_t*>(y.data) + skip, y, count, out);
    case SampleType::kFloat32:
      return mix_from(static_cast<const float*>(y.data) + skip, y, count, out);
    case SampleType::kFloat64:
      return mix_from(static_cast<const double*>(y.data) + skip, y, count, out);
  }
}
