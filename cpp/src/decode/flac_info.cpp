// SPDX-License-Identifier: MIT
#include "decode/flac_info.h"

#include "decode/bytes.h"

namespace melpix::decode {

FlacBlock flac_block(const unsigned char* header) {
  const std::uint32_t x = kBig.u32(header);
  return {(x >> 31) != 0, x >> 24 & 127, x & 0xffffff};
}

std::optional<FlacInfo> flac_info(const unsigned char* block) {
  const std::uint64_t packed = kBig.u64(block + 10);
  FlacInfo info;
  info.least_block = kBig.u16(block);
  info.most_block = kBig.u16(block + 2);
  info.sr = static_cast<std::uint32_t>(packed >> 44);
  info.channels = (packed >> 41 & 7) + 1;
  info.bits = static_cast<unsigned>(packed >> 36 & 31) + 1;
  info.frames = packed & 0xfffffffff;
  if (info.sr == 0 || info.bits < 4) return std::nullopt;
  return info;
}

}  // namespace melpix::decode
