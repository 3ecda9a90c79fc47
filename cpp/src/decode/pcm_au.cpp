// SPDX-License-Identifier: MIT
// Sun's and NeXT's sound files, and those of DEC, which have the other byte order.
#include <algorithm>

#include "decode/bytes.h"
#include "decode/pcm_layout.h"

namespace melpix::decode {

namespace {

std::optional<Encoding> encoding_of(std::uint32_t code) {
  switch (code) {
    case 1:
      return Encoding::kUlaw;
    case 2:
    case 3:
    case 4:
    case 5:
      return integers(code - 1, false);
    case 6:
      return Encoding::kFloat;
    case 7:
      return Encoding::kDouble;
    case 27:
      return Encoding::kAlaw;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<PcmLayout> au_layout(Header& header) {
  constexpr std::size_t kShortest = 24;  // bytes of the header
  const unsigned char* p = header.at(0, kShortest);
  if (p == nullptr || !(is(p, ".snd") || is(p, "dns."))) return std::nullopt;
  const Order order(is(p, ".snd"));
  const std::uint64_t offset = order.u32(p + 4), size = order.u32(p + 8);
  const std::uint64_t start = std::max<std::uint64_t>(offset, kShortest);
  const std::uint64_t sr = order.u32(p + 16), channels = order.u32(p + 20);
  const auto encoding = encoding_of(order.u32(p + 12));
  if (!encoding || channels == 0 || start > header.size()) return std::nullopt;
  const bool guessed = is_placeholder(size) && size > header.size() - start;
  Extent extent =
      extent_to_end(header, start, guessed ? kUnknown : size, channels * bytes_of(*encoding));
  extent.estimated |= offset < start;
  return PcmLayout{"AU", *encoding, order.big(), sr, channels, start, extent};
}

}  // namespace melpix::decode
