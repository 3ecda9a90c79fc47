// SPDX-License-Identifier: MIT
#include "decode/pcm_fmt.h"

#include <cstring>

namespace melpix::decode {

namespace {

constexpr std::uint64_t kShortest = 16, kExtensible = 40;  // bytes of the chunk

// Codes of Microsoft's mmreg.h.
enum : unsigned { kPcm = 1, kIeeeFloat = 3, kAlawCode = 6, kUlawCode = 7, kExtended = 0xfffe };

// What follows the code in the identifiers of an extensible one: Microsoft's, and those of
// Ambisonic B format.
constexpr unsigned char kMicrosoft[] = {0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71};
constexpr unsigned char kAmbisonic[] = {0,    0,    0x21, 0x07, 0xd3, 0x11, 0x86,
                                        0x44, 0xc8, 0xc1, 0xca, 0,    0,    0};

std::optional<Encoding> encoding_of(unsigned code, unsigned bits) {
  const unsigned bytes = (bits + 7) / 8;
  switch (code) {
    case kPcm:
      return integers(bytes, true);
    case kIeeeFloat:
      if (bytes == 4) return Encoding::kFloat;
      if (bytes == 8) return Encoding::kDouble;
      return std::nullopt;
    case kAlawCode:
      return Encoding::kAlaw;
    case kUlawCode:
      return Encoding::kUlaw;
    default:
      return std::nullopt;
  }
}

// The code in an extensible one's identifier; 0 if it is another's.
unsigned code_in(const unsigned char* id, Order order) {
  // Its first three numbers are written in the file's byte order.
  unsigned char rest[sizeof(kMicrosoft)];
  const std::uint32_t first = order.u32(id);
  const std::uint16_t second = order.u16(id + 4), third = order.u16(id + 6);
  rest[0] = static_cast<unsigned char>(first >> 16);
  rest[1] = static_cast<unsigned char>(first >> 24);
  rest[2] = static_cast<unsigned char>(second);
  rest[3] = static_cast<unsigned char>(second >> 8);
  rest[4] = static_cast<unsigned char>(third);
  rest[5] = static_cast<unsigned char>(third >> 8);
  std::memcpy(rest + 6, id + 8, 8);
  const unsigned code = first & 0xffff;
  if (std::memcmp(rest, kMicrosoft, sizeof(rest)) == 0) return code;
  const bool ambisonic = std::memcmp(rest, kAmbisonic, sizeof(rest)) == 0;
  return ambisonic && (code == kPcm || code == kIeeeFloat) ? code : 0;
}

}  // namespace

std::optional<Fmt> read_fmt(Header& header, std::uint64_t start, std::uint64_t size, Order order) {
  if (size < kShortest) return std::nullopt;
  const unsigned char* p = header.at(start, kShortest);
  if (p == nullptr) return std::nullopt;
  unsigned code = order.u16(p);
  const unsigned channels = order.u16(p + 2), frame = order.u16(p + 12), bits = order.u16(p + 14);
  const std::uint64_t sr = order.u32(p + 4);
  const bool extensible = code == kExtended;
  if (extensible) {
    p = size < kExtensible ? nullptr : header.at(start, kExtensible);
    if (p == nullptr) return std::nullopt;
    code = code_in(p + 24, order);
  }
  const auto encoding = encoding_of(code, bits);
  if (!encoding) return std::nullopt;
  const bool ambiguous = !extensible && code == kPcm && bits == 24 && frame == 4 * channels;
  return Fmt{*encoding, sr, channels, extensible, ambiguous};
}

Encoding settle(Header& header) {
  constexpr std::uint64_t kFirst = 600;                // the byte where libsndfile begins
  constexpr std::size_t kBlock = 4096;                 // bytes that it looks at together
  constexpr std::size_t kEnough = 3 * kBlock / 4 / 4;  // numbers of them that look alike
  for (std::uint64_t place = kFirst;; place += kBlock) {
    const unsigned char* p = header.at(place, kBlock);
    if (p == nullptr) return Encoding::k24;
    std::size_t floats = 0, integers = 0;
    for (std::size_t i = 0; i < kBlock; i += 4) {
      // libsndfile asks the block's first number again and again.
      if (p[i] == 0 && p[i + 1] != 0) ++integers;
      if (p[2] != 0 && p[3] == 0) ++integers;
      if (p[0] != 0 && p[3] > 0x43 && p[3] < 0x4b) ++floats;
    }
    if (floats > kEnough) return Encoding::kFloat;
    if (integers > kEnough) return Encoding::k32;
  }
}

}  // namespace melpix::decode
