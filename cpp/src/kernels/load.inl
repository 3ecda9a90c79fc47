// SPDX-License-Identifier: MIT
// Frames become columns: a transposition, with the window multiplied in.

#if defined(MELPIX_VECTOR_LANES) && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define MELPIX_SHUFFLES
#endif
#endif

#ifdef MELPIX_SHUFFLES

// Shuffles are cheap within 16 bytes and dear across, so a chunk of 16 bytes is the unit: each row
// register is filled with one chunk from each of several frames, and the frames of neighbouring
// registers are interleaved within the chunks. For float on AVX2, register j starts with samples
// n ... n + 3 of the frames j and j + 4.
template <class T>
constexpr int kChunk = 16 / sizeof(T);

template <class T, int... i>
inline Row<T> interleave_lower(Row<T> a, Row<T> b, std::integer_sequence<int, i...>) {
  constexpr int n = sizeof...(i), c = kChunk<T>;
  return __builtin_shufflevector(a, b, (i / c * c + i % c / 2 + i % 2 * n)...);
}
template <class T, int... i>
inline Row<T> interleave_upper(Row<T> a, Row<T> b, std::integer_sequence<int, i...>) {
  constexpr int n = sizeof...(i), c = kChunk<T>;
  return __builtin_shufflevector(a, b, (i / c * c + c / 2 + i % c / 2 + i % 2 * n)...);
}

template <class V, int... i>
inline auto join(V a, V b, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(a, b, i...);
}

// One chunk of every kChunk-th frame, `chunks` in all.
template <class T, int chunks>
inline auto gather_chunks(const T* samples, std::ptrdiff_t stride) {
  if constexpr (chunks == 1) {
    typename LanesOf<T>::Chunk chunk;
    std::memcpy(&chunk, samples, sizeof(chunk));
    return chunk;
  } else {
    constexpr int half = chunks / 2;
    return join(gather_chunks<T, half>(samples, stride),
                gather_chunks<T, half>(samples + half * kChunk<T> * stride, stride),
                std::make_integer_sequence<int, chunks * kChunk<T>>());
  }
}

// kChunk samples of every frame, transposed into as many rows.
template <class T>
inline void load_chunk(const T* samples, std::ptrdiff_t stride, Row<T>* out) {
  constexpr std::make_integer_sequence<int, kLanes<T>> lanes;
  const auto part = [&](int j) -> Row<T> {
    return gather_chunks<T, MELPIX_LANE_BYTES / 16>(samples + j * stride, stride);
  };
  if constexpr (kChunk<T> == 2) {
    const Row<T> a = part(0), b = part(1);
    out[0] = interleave_lower<T>(a, b, lanes);
    out[1] = interleave_upper<T>(a, b, lanes);
  } else {
    const Row<T> a = part(0), b = part(1), c = part(2), d = part(3);
    const Row<T> ac_lower = interleave_lower<T>(a, c, lanes);
    const Row<T> ac_upper = interleave_upper<T>(a, c, lanes);
    const Row<T> bd_lower = interleave_lower<T>(b, d, lanes);
    const Row<T> bd_upper = interleave_upper<T>(b, d, lanes);
    out[0] = interleave_lower<T>(ac_lower, bd_lower, lanes);
    out[1] = interleave_upper<T>(ac_lower, bd_lower, lanes);
    out[2] = interleave_lower<T>(ac_upper, bd_upper, lanes);
    out[3] = interleave_upper<T>(ac_upper, bd_upper, lanes);
  }
}

#endif

// Sample n of a frame goes to row (n mod split) * n_fft / split + n / split: see fft.inl.
template <class T, std::size_t split>
void load_split(const T* samples, std::ptrdiff_t stride, const T* window, std::size_t n_fft,
                T* block, T* energy) {
  Row<T>* out = rows(block);
  const std::size_t m = n_fft / split;
  Row<T> sum = broadcast<T>(0);
  std::size_t n = 0;
#ifdef MELPIX_SHUFFLES
  for (; n + kChunk<T> <= n_fft; n += kChunk<T>) {
    Row<T> chunk[kChunk<T>];
    load_chunk<T>(samples + n, stride, chunk);
    for (std::size_t i = 0; i < kChunk<T>; ++i) {
      const Row<T> x = chunk[i] * window[n + i];
      out[(n + i) % split * m + (n + i) / split] = x;
      sum += x * x;
    }
  }
#endif
  for (; n < n_fft; ++n) {
    Row<T> x;
    for (std::size_t lane = 0; lane < kLanes<T>; ++lane)
      x[lane] =
          samples[static_cast<std::ptrdiff_t>(lane) * stride + static_cast<std::ptrdiff_t>(n)];
    x = x * window[n];
    out[n % split * m + n / split] = x;
    sum += x * x;
  }
  *rows(energy) = sum;
}

// The order of floats of one sign is that of their bits as integers, with infinity and NaN above
// all others: so one integer maximum finds the peak and whether all is finite.
template <class T>
T peak(const T* x, std::size_t count) {
  using Int = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  Int most = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Int bits;
    std::memcpy(&bits, x + i, sizeof(T));
    bits &= std::numeric_limits<Int>::max();
    most = most < bits ? bits : most;
  }
  T magnitude;
  std::memcpy(&magnitude, &most, sizeof(T));
  return magnitude;
}

template <class T>
void load(const void* plan, const T* samples, std::ptrdiff_t stride, const T* window,
          std::size_t n_fft, T* block, T* energy) {
  const auto load_as = real_fft<T>(plan).split() == 4 ? load_split<T, 4> : load_split<T, 1>;
  load_as(samples, stride, window, n_fft, block, energy);
}
