// SPDX-License-Identifier: MIT
#include "decode/crc.h"

#include <array>

namespace melpix::decode {

namespace {

constexpr std::size_t kSlices = 8;  // bytes that are taken at once

// The first table holds the check of each byte, the others that of the byte with so many zeros
// behind it.
template <class Bits, std::size_t slices>
constexpr std::array<std::array<Bits, 256>, slices> tables(Bits polynomial) {
  constexpr int top = 8 * sizeof(Bits) - 1;
  std::array<std::array<Bits, 256>, slices> table{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    auto crc = static_cast<Bits>(static_cast<Bits>(byte) << (top - 7));
    for (std::size_t slice = 0; slice < slices; ++slice) {
      for (int bit = 0; bit < 8; ++bit)
        crc = static_cast<Bits>((crc << 1) ^ (crc >> top ? polynomial : 0));
      table[slice][byte] = crc;
    }
  }
  return table;
}

constexpr auto kCrc8 = tables<std::uint8_t, 1>(0x07);
constexpr auto kCrc16 = tables<std::uint16_t, kSlices>(0x8005);
constexpr auto kCrc32 = tables<std::uint32_t, 1>(0x04c11db7);

}  // namespace

std::uint8_t crc8(const unsigned char* data, std::size_t size) {
  std::uint8_t crc = 0;
  for (std::size_t i = 0; i < size; ++i) crc = kCrc8[0][crc ^ data[i]];
  return crc;
}

std::uint16_t crc16(const unsigned char* data, std::size_t size) {
  std::uint16_t crc = 0;
  std::size_t i = 0;
  for (; i + kSlices <= size; i += kSlices) {
    const unsigned char* p = data + i;
    crc = static_cast<std::uint16_t>(kCrc16[7][p[0] ^ crc >> 8] ^ kCrc16[6][p[1] ^ (crc & 0xff)] ^
                                     kCrc16[5][p[2]] ^ kCrc16[4][p[3]] ^ kCrc16[3][p[4]] ^
                                     kCrc16[2][p[5]] ^ kCrc16[1][p[6]] ^ kCrc16[0][p[7]]);
  }
  for (; i < size; ++i)
    crc = static_cast<std::uint16_t>(crc << 8 ^ kCrc16[0][(crc >> 8 ^ data[i]) & 0xff]);
  return crc;
}

std::uint32_t crc32(const unsigned char* data, std::size_t size, std::uint32_t before) {
  std::uint32_t crc = before;
  for (std::size_t i = 0; i < size; ++i) crc = crc << 8 ^ kCrc32[0][(crc >> 24 ^ data[i]) & 0xff];
  return crc;
}

}  // namespace melpix::decode
