// SPDX-License-Identifier: MIT
// Sony Wave64: chunks as those of WAV, with names of 16 bytes and sizes of 8, which count both, at
// places that are multiples of 8.
#include <algorithm>
#include <cstring>

#include "decode/bytes.h"
#include "decode/pcm_fmt.h"
#include "decode/pcm_layout.h"

namespace melpix::decode {

namespace {

constexpr std::uint64_t kHead = 24;  // bytes of a name and a size
constexpr int kMostChunks = 4096;

constexpr unsigned char kRiff[] = {'r',  'i',  'f',  'f',  0x2e, 0x91, 0xcf, 0x11,
                                   0xa5, 0xd6, 0x28, 0xdb, 0x04, 0xc1, 0,    0};
constexpr unsigned char kList[] = {'l',  'i',  's',  't',  0x2f, 0x91, 0xcf, 0x11,
                                   0xa5, 0xd6, 0x28, 0xdb, 0x04, 0xc1, 0,    0};
// Behind the four letters of other names.
constexpr unsigned char kTail[] = {0xf3, 0xac, 0xd3, 0x11, 0x8c, 0xd1,
                                   0,    0xc0, 0x4f, 0x8e, 0xdb, 0x8a};

bool is_named(const unsigned char* p) {
  return std::memcmp(p + 4, kTail, sizeof(kTail)) == 0 || std::memcmp(p, kList, sizeof(kList)) == 0;
}

std::uint64_t aligned(std::uint64_t place) { return place + (8 - place % 8) % 8; }

Extent extent_of(Header& header, std::uint64_t start, std::uint64_t size, std::uint64_t frame) {
  const std::uint64_t there = header.size() - start;
  if (size > kHead && size - kHead < there) {
    const std::uint64_t end = aligned(start + size - kHead);
    if (end >= header.size()) return {size - kHead, size - kHead};
    const unsigned char* p = header.at(end, kHead);
    if (p != nullptr && is_named(p)) return {size - kHead, size - kHead};
  }
  const bool told = size > kHead && size <= kUnknown / 2;
  return extent_to_end(header, start, told ? size - kHead : kUnknown, frame);
}

}  // namespace

std::optional<PcmLayout> w64_layout(Header& header) {
  const unsigned char* p = header.at(0, kHead + 16);
  if (p == nullptr || std::memcmp(p, kRiff, sizeof(kRiff)) != 0 || !is(p + kHead, "wave") ||
      !is_named(p + kHead))
    return std::nullopt;
  std::optional<Fmt> fmt;
  std::uint64_t place = kHead + 16;
  for (int i = 0; i < kMostChunks; ++i) {
    p = header.at(place, kHead);
    if (p == nullptr) return std::nullopt;
    const std::uint64_t size = kLittle.u64(p + 16), start = place + kHead;
    if (is_named(p) && is(p, "data")) {
      if (!fmt) return std::nullopt;
      const Encoding encoding = fmt->ambiguous ? settle(header) : fmt->encoding;
      const std::uint64_t frame = fmt->channels * bytes_of(encoding);
      const Extent extent = extent_of(header, start, size, frame);
      return PcmLayout{"W64", encoding, false, fmt->sr, fmt->channels, start, extent};
    }
    if (size < kHead || size - kHead > header.size() - start) return std::nullopt;
    if (is_named(p) && is(p, "fmt ") && !fmt) {
      fmt = read_fmt(header, start, size - kHead, kLittle);
      if (!fmt || fmt->channels == 0) return std::nullopt;
    }
    place = aligned(start + size - kHead);
  }
  return std::nullopt;
}

}  // namespace melpix::decode
