// SPDX-License-Identifier: MIT
// Numbers of either byte order, at any address.
#pragma once

#include <cstdint>
#include <cstring>

namespace melpix::decode {

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
constexpr bool kBigHost = true;
#else
constexpr bool kBigHost = false;
#endif

// Compilers know these shapes for what they are, and vectorise them.
constexpr std::uint16_t swapped(std::uint16_t x) {
  return static_cast<std::uint16_t>(x << 8 | x >> 8);
}
constexpr std::uint32_t swapped(std::uint32_t x) {
  return x << 24 | (x & 0xff00u) << 8 | (x >> 8 & 0xff00u) | x >> 24;
}
constexpr std::uint64_t swapped(std::uint64_t x) {
  return std::uint64_t{swapped(static_cast<std::uint32_t>(x))} << 32 |
         swapped(static_cast<std::uint32_t>(x >> 32));
}

template <class Bits, bool big>
Bits load(const unsigned char* p) {
  Bits x;
  std::memcpy(&x, p, sizeof(x));
  return big == kBigHost ? x : swapped(x);
}

// The byte order of a header.
class Order {
 public:
  explicit constexpr Order(bool big) : big_(big) {}
  bool big() const { return big_; }

  std::uint16_t u16(const unsigned char* p) const { return number<std::uint16_t>(p); }
  std::uint32_t u32(const unsigned char* p) const { return number<std::uint32_t>(p); }
  std::uint64_t u64(const unsigned char* p) const { return number<std::uint64_t>(p); }

 private:
  template <class Bits>
  Bits number(const unsigned char* p) const {
    return big_ ? load<Bits, true>(p) : load<Bits, false>(p);
  }

  bool big_;
};

constexpr Order kLittle{false}, kBig{true};

// Whether the bytes are those of a word.
template <std::size_t size>
bool is(const unsigned char* p, const char (&word)[size]) {
  return std::memcmp(p, word, size - 1) == 0;
}

}  // namespace melpix::decode
