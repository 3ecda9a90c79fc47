// SPDX-License-Identifier: MIT
#include "decode/pcm_samples.h"

#include <array>
#include <type_traits>

#include "decode/bytes.h"

namespace melpix::decode {

namespace {

// A sample of at most 16 bits as int16, or as a fraction of full scale.
template <class T>
T scaled(std::int16_t x) {
  if constexpr (std::is_same_v<T, std::int16_t>)
    return x;
  else
    return static_cast<T>(x) * static_cast<T>(1.0 / 32768);
}

// One of more bits, in the high bits of 32.
template <class T>
T scaled(std::int32_t x) {
  return static_cast<T>(x) * static_cast<T>(1.0 / 2147483648);
}

template <class T, bool is_unsigned>
void from8(const unsigned char* in, T* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto sign = static_cast<unsigned char>(is_unsigned ? 0x80 : 0);
    const auto x = static_cast<signed char>(in[i] ^ sign);
    out[i] = scaled<T>(static_cast<std::int16_t>(x * 256));
  }
}

template <class T, bool big>
void from16(const unsigned char* in, T* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    out[i] = scaled<T>(static_cast<std::int16_t>(load<std::uint16_t, big>(in + 2 * i)));
}

// Of four bytes that are read at once, one belongs to a neighbour: the one before it, so that none
// is read behind the end, if the bytes are in the order of significance; else the one after it.
template <class T, bool big>
void from24(const unsigned char* in, T* out, std::size_t count) {
  if (count == 0) return;
  const auto one = [in](std::size_t i) {
    const unsigned char* p = in + 3 * i;
    const std::uint32_t low = p[big ? 2 : 0], middle = p[1], high = p[big ? 0 : 2];
    return scaled<T>(static_cast<std::int32_t>(high << 24 | middle << 16 | low << 8));
  };
  const std::size_t first = big ? 0 : 1, end = big ? count - 1 : count;
  out[0] = one(0);
  for (std::size_t i = first; i < end; ++i) {
    const std::uint32_t x = load<std::uint32_t, big>(in + 3 * i - first);
    out[i] = scaled<T>(static_cast<std::int32_t>(x & 0xffffff00));
  }
  out[count - 1] = one(count - 1);
}

template <class T, bool big>
void from32(const unsigned char* in, T* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    out[i] = scaled<T>(static_cast<std::int32_t>(load<std::uint32_t, big>(in + 4 * i)));
}

// Bits is as wide as Float, the type of the file's samples.
template <class T, class Float, class Bits, bool big>
void from_float(const unsigned char* in, T* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const Bits bits = load<Bits, big>(in + sizeof(Bits) * i);
    Float x;
    std::memcpy(&x, &bits, sizeof(x));
    out[i] = static_cast<T>(x);
  }
}

constexpr std::int16_t ulaw(unsigned code) {
  const unsigned inverted = ~code & 0xff, exponent = inverted >> 4 & 7;
  const int magnitude = static_cast<int>((((inverted & 15) << 3) + 132) << exponent) - 132;
  return static_cast<std::int16_t>(inverted & 0x80 ? -magnitude : magnitude);
}

constexpr std::int16_t alaw(unsigned code) {
  const unsigned toggled = code ^ 0x55, exponent = toggled >> 4 & 7;
  unsigned magnitude = (toggled & 15) << 4 | 8;
  if (exponent > 0) magnitude = (magnitude | 0x100) << (exponent - 1);
  const int value = static_cast<int>(magnitude);
  return static_cast<std::int16_t>(toggled & 0x80 ? value : -value);
}

template <class T, bool is_ulaw>
void from_law(const unsigned char* in, T* out, std::size_t count) {
  static const std::array<T, 256> table = [] {
    std::array<T, 256> values{};
    for (unsigned code = 0; code < 256; ++code)
      values[code] = scaled<T>(is_ulaw ? ulaw(code) : alaw(code));
    return values;
  }();
  const T* values = table.data();
  for (std::size_t i = 0; i < count; ++i) out[i] = values[in[i]];
}

template <class T, bool big>
Convert<T> convert(Encoding encoding) {
  switch (encoding) {
    case Encoding::kS8:
      return from8<T, false>;
    case Encoding::kU8:
      return from8<T, true>;
    case Encoding::k16:
      return from16<T, big>;
    case Encoding::kUlaw:
      return from_law<T, true>;
    case Encoding::kAlaw:
      return from_law<T, false>;
    default:
      break;
  }
  if constexpr (!std::is_same_v<T, std::int16_t>) {
    switch (encoding) {
      case Encoding::k24:
        return from24<T, big>;
      case Encoding::k32:
        return from32<T, big>;
      case Encoding::kFloat:
        return from_float<T, float, std::uint32_t, big>;
      case Encoding::kDouble:
        return from_float<T, double, std::uint64_t, big>;
      default:
        break;
    }
  }
  return nullptr;
}

}  // namespace

Convert<std::int16_t> to_int16(Encoding encoding, bool big) {
  return big ? convert<std::int16_t, true>(encoding) : convert<std::int16_t, false>(encoding);
}
Convert<float> to_float(Encoding encoding, bool big) {
  return big ? convert<float, true>(encoding) : convert<float, false>(encoding);
}
Convert<double> to_double(Encoding encoding, bool big) {
  return big ? convert<double, true>(encoding) : convert<double, false>(encoding);
}

}  // namespace melpix::decode
