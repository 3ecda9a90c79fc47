// SPDX-License-Identifier: MIT
// The checks of FLAC's frames (RFC 9639, section 9) and of Ogg's pages (RFC 3533, section 6).
#pragma once

#include <cstddef>
#include <cstdint>

namespace melpix::decode {

// Of a frame's header; the polynomial is 0x07.
std::uint8_t crc8(const unsigned char* data, std::size_t size);
// Of a whole frame; 0x8005.
std::uint16_t crc16(const unsigned char* data, std::size_t size);
// Of a page, or of its parts: that of the parts before goes in; 0x04c11db7.
std::uint32_t crc32(const unsigned char* data, std::size_t size, std::uint32_t before);

}  // namespace melpix::decode
