// SPDX-License-Identifier: MIT
#include "decode/flac_frame.h"

#include "decode/bytes.h"
#include "decode/crc.h"

namespace melpix::decode {

namespace {

// A cursor that stops at the end.
class Bytes {
 public:
  Bytes(const unsigned char* data, std::size_t size) : data_(data), size_(size) {}

  // `count` bytes as a number, the first one highest; empty if there are fewer.
  std::optional<std::uint32_t> number(std::size_t count) {
    if (size_ - at_ < count) return std::nullopt;
    std::uint32_t x = 0;
    for (std::size_t i = 0; i < count; ++i) x = x << 8 | data_[at_++];
    return x;
  }
  std::size_t at() const { return at_; }

 private:
  const unsigned char* data_;
  const std::size_t size_;
  std::size_t at_ = 0;
};

// A number as UTF-8 codes one, in up to seven bytes.
std::optional<std::uint64_t> coded_number(Bytes& bytes) {
  const auto first = bytes.number(1);
  if (!first) return std::nullopt;
  if (*first < 0x80) return *first;
  int more = 0;
  while (more < 7 && (*first << more & 0x40) != 0) ++more;
  if (more == 0 || more == 7) return std::nullopt;
  std::uint64_t x = *first & (0x3fu >> more);
  for (int i = 0; i < more; ++i) {
    const auto next = bytes.number(1);
    if (!next || (*next & 0xc0) != 0x80) return std::nullopt;
    x = x << 6 | (*next & 0x3f);
  }
  return x;
}

std::optional<std::size_t> block_of(std::uint32_t code, Bytes& bytes) {
  if (code == 0) return std::nullopt;
  if (code == 1) return 192;
  if (code <= 5) return std::size_t{144} << code;
  if (code >= 8) return std::size_t{1} << code;
  const auto less_one = bytes.number(code - 5);
  if (!less_one || *less_one == 0xffff) return std::nullopt;
  return *less_one + 1;
}

std::optional<std::uint32_t> rate_of(std::uint32_t code, const FlacInfo& info, Bytes& bytes) {
  constexpr std::uint32_t rates[] = {0,     88200, 176400, 192000, 8000,  16000,
                                     22050, 24000, 32000,  44100,  48000, 96000};
  if (code == 0) return info.sr;
  if (code < 12) return rates[code];
  if (code == 15) return std::nullopt;
  const auto coded = bytes.number(code == 12 ? 1 : 2);
  if (!coded) return std::nullopt;
  return *coded * (code == 12 ? 1000 : code == 14 ? 10 : 1);
}

}  // namespace

std::optional<FlacFrame> flac_frame(const unsigned char* data, std::size_t size,
                                    const FlacInfo& info) {
  constexpr std::uint32_t sync = 0x7ffc;  // and a reserved bit
  Bytes bytes(data, size);
  const auto head = bytes.number(4);
  if (!head || *head >> 17 != sync || (*head & 1) != 0) return std::nullopt;
  FlacFrame frame;
  frame.numbers_samples = (*head >> 16 & 1) != 0;
  const std::uint32_t assignment = *head >> 4 & 15, depth = *head >> 1 & 7;
  if (assignment > 10 || depth == 3) return std::nullopt;
  frame.channels = assignment < 8 ? assignment + 1 : 2;
  if (assignment >= 8) frame.stereo = static_cast<Stereo>(assignment - 7);
  constexpr unsigned depths[] = {0, 8, 12, 0, 16, 20, 24, 32};
  frame.bits = depth == 0 ? info.bits : depths[depth];

  const auto number = coded_number(bytes);
  if (!number) return std::nullopt;
  frame.number = *number;
  const auto block = block_of(*head >> 12 & 15, bytes);
  if (!block) return std::nullopt;
  frame.block = *block;
  const auto sr = rate_of(*head >> 8 & 15, info, bytes);
  if (!sr) return std::nullopt;
  frame.sr = *sr;
  const std::size_t checked = bytes.at();
  const auto check = bytes.number(1);
  if (!check || !is_check(crc8(data, checked), *check)) return std::nullopt;
  frame.size = bytes.at();
  return frame;
}

}  // namespace melpix::decode
