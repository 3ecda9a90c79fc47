// SPDX-License-Identifier: MIT
// A row of a block: one value per frame, in one register where the compiler has vector types
// (GCC and Clang), in an array of the same size elsewhere.

#if defined(__GNUC__) && !defined(MELPIX_PLAIN_LANES)
#define MELPIX_VECTOR_LANES
#endif

#if defined(__GNUC__)
#define MELPIX_INLINE inline __attribute__((always_inline))
#else
#define MELPIX_INLINE inline
#endif

template <class T>
constexpr std::size_t kLanes = MELPIX_LANE_BYTES / sizeof(T);

#ifdef MELPIX_VECTOR_LANES

template <class T>
struct LanesOf;
template <>
struct LanesOf<float> {
  using Row = float __attribute__((vector_size(MELPIX_LANE_BYTES)));
  using Chunk = float __attribute__((vector_size(16)));
  using Bits = std::uint32_t __attribute__((vector_size(MELPIX_LANE_BYTES)));
};
template <>
struct LanesOf<double> {
  using Row = double __attribute__((vector_size(MELPIX_LANE_BYTES)));
  using Chunk = double __attribute__((vector_size(16)));
  using Bits = std::uint64_t __attribute__((vector_size(MELPIX_LANE_BYTES)));
};
template <class T>
using Row = typename LanesOf<T>::Row;
template <class T>
using Bits = typename LanesOf<T>::Bits;

template <class T>
inline Bits<T> to_bits(Row<T> x) {
  return reinterpret_cast<Bits<T>>(x);
}
template <class T>
inline Row<T> from_bits(Bits<T> x) {
  return reinterpret_cast<Row<T>>(x);
}

// condition ? a : b, lane by lane. Comparing two rows gives all ones or all zeros in a lane.
template <class T, class Condition>
inline Row<T> select(Condition condition, Row<T> a, Row<T> b) {
  const Bits<T> mask = reinterpret_cast<Bits<T>>(condition);
  return from_bits<T>((to_bits<T>(a) & mask) | (to_bits<T>(b) & ~mask));
}

// Plain choices and not select(), since GCC makes a single instruction of each. The result is b if
// either is NaN.
template <class T>
inline Row<T> smaller(Row<T> a, Row<T> b) {
  return a < b ? a : b;
}
template <class T>
inline Row<T> larger(Row<T> a, Row<T> b) {
  return a > b ? a : b;
}
// 0 where a >= b, else 1
template <class T>
inline Row<T> unless(Row<T> a, Row<T> b) {
  const Row<T> zero = {};
  return select<T>(a >= b, zero, zero + 1);
}

#else

// The operators that the kernels and pocketfft use, over N plain values.
template <class T, std::size_t N>
struct Array {
  T v[N];

  template <class F>
  static Array each(F value) {
    Array r;
    for (std::size_t i = 0; i < N; ++i) r.v[i] = value(i);
    return r;
  }
#define MELPIX_OPERATOR(op)                                       \
  friend Array operator op(const Array& a, const Array& b) {      \
    return each([&](std::size_t i) { return a.v[i] op b.v[i]; }); \
  }                                                               \
  friend Array operator op(const Array& a, T b) {                 \
    return each([&](std::size_t i) { return a.v[i] op b; });      \
  }                                                               \
  friend Array operator op(T a, const Array& b) {                 \
    return each([&](std::size_t i) { return a op b.v[i]; });      \
  }                                                               \
  template <class Other>                                          \
  Array& operator op## = (const Other& b) {                       \
    return *this = *this op b;                                    \
  }
  MELPIX_OPERATOR(+)
  MELPIX_OPERATOR(-)
  MELPIX_OPERATOR(*)
  MELPIX_OPERATOR(/)
#undef MELPIX_OPERATOR
  friend Array operator-(const Array& a) {
    return each([&](std::size_t i) { return -a.v[i]; });
  }
  T& operator[](std::size_t i) { return v[i]; }
  const T& operator[](std::size_t i) const { return v[i]; }
};

template <class T>
using Row = Array<T, kLanes<T>>;

template <class T>
inline Row<T> smaller(const Row<T>& a, const Row<T>& b) {
  return Row<T>::each([&](std::size_t i) { return a[i] < b[i] ? a[i] : b[i]; });
}
template <class T>
inline Row<T> larger(const Row<T>& a, const Row<T>& b) {
  return Row<T>::each([&](std::size_t i) { return a[i] > b[i] ? a[i] : b[i]; });
}
template <class T>
inline Row<T> unless(const Row<T>& a, const Row<T>& b) {
  return Row<T>::each([&](std::size_t i) { return a[i] >= b[i] ? T(0) : T(1); });
}

#endif

template <class T>
inline Row<T> broadcast(T value) {
  Row<T> row;
  for (std::size_t i = 0; i < kLanes<T>; ++i) row[i] = value;
  return row;
}

// A block's memory as rows; it is aligned (kernels.h).
template <class T>
inline Row<T>* rows(T* block) {
  return reinterpret_cast<Row<T>*>(block);
}
template <class T>
inline const Row<T>* rows(const T* block) {
  return reinterpret_cast<const Row<T>*>(block);
}

// Square roots. (By an array: of a loop over a vector's elements, GCC makes one root each.)
template <class T>
MELPIX_INLINE Row<T> root_of(const Row<T>& x) {
  alignas(kAlignment) T values[kLanes<T>];
  std::memcpy(values, &x, sizeof(values));
  for (std::size_t lane = 0; lane < kLanes<T>; ++lane) values[lane] = std::sqrt(values[lane]);
  Row<T> roots;
  std::memcpy(&roots, values, sizeof(values));
  return roots;
}
