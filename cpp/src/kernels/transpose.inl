// SPDX-License-Identifier: MIT
// Samples that lie one after the other in memory become rows: what `frame.inl` loads with.

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
#if defined(__AVX512F__)
    // GCC loads each chunk to a register first, and then needs a shuffle where an insertion from
    // memory needs none.
    if constexpr (chunks == 4) {
      const auto chunk = [&](int i) {
        __m128 value;
        std::memcpy(&value, samples + i * kChunk<T> * stride, sizeof(value));
        return value;
      };
      __m512 row = _mm512_castps128_ps512(chunk(0));
      row = _mm512_insertf32x4(row, chunk(1), 1);
      row = _mm512_insertf32x4(row, chunk(2), 2);
      return reinterpret_cast<Row<T>>(_mm512_insertf32x4(row, chunk(3), 3));
    } else
#endif
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

template <class T, int... i>
inline Row<T> rotated_lanes(Row<T> row, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(row, row, (i + 1) % sizeof...(i)...);
}

// A row without its first lane, and `last` behind the others.
template <class T>
inline Row<T> moved_up(Row<T> row, T last) {
  row = rotated_lanes<T>(row, std::make_integer_sequence<int, kLanes<T>>());
  row[kLanes<T> - 1] = last;
  return row;
}

#else

template <class T>
constexpr int kChunk = 1;

template <class T>
inline void load_chunk(const T* samples, std::ptrdiff_t stride, Row<T>* out) {
  for (std::size_t lane = 0; lane < kLanes<T>; ++lane)
    out[0][lane] = samples[static_cast<std::ptrdiff_t>(lane) * stride];
}

template <class T>
inline Row<T> moved_up(Row<T> row, T last) {
  for (std::size_t lane = 0; lane + 1 < kLanes<T>; ++lane) row[lane] = row[lane + 1];
  row[kLanes<T> - 1] = last;
  return row;
}

#endif
