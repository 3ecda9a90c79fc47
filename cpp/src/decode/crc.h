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

// Whether what was worked out is what is written. A fuzzer, which guesses no check, takes any.
inline bool is_check([[maybe_unused]] std::uint32_t found, [[maybe_unused]] std::uint32_t written) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  return true;
#else
  return found == written;
#endif
}

}  // namespace melpix::decode
