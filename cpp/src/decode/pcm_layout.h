// SPDX-License-Identifier: MIT
// Where a file of plain samples has them, and of what kind they are.
//
// There is one parser a container. It returns nothing where the file is not of that container, or
// holds something else than plain samples; libsndfile says what of such a file.
//
// How much sound there is, a header may tell wrongly: the program that wrote it wrote to a pipe,
// or died, or counted in 32 bits. So the bytes behind the sound are looked at as well.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "decode/header.h"

namespace melpix::decode {

enum class Encoding { kS8, kU8, k16, k24, k32, kFloat, kDouble, kUlaw, kAlaw };

constexpr std::size_t bytes_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::k16:
      return 2;
    case Encoding::k24:
      return 3;
    case Encoding::k32:
    case Encoding::kFloat:
      return 4;
    case Encoding::kDouble:
      return 8;
    default:
      return 1;
  }
}

constexpr std::uint64_t kUnknown = ~std::uint64_t{0};  // the size that a header does not tell

// Bytes of sound.
struct Extent {
  std::uint64_t declared = kUnknown;  // by the header
  std::uint64_t size = 0;             // that there are
  bool truncated = false;             // fewer than declared, or a second stretch is not read
  bool estimated = false;             // none are declared, or fewer than there are
};

struct PcmLayout {
  std::string_view format;  // in libsndfile's words
  Encoding encoding = Encoding::k16;
  bool big = false;  // of the samples' byte order
  std::uint64_t sr = 0;
  std::uint64_t channels = 0;
  std::uint64_t start = 0;  // in bytes
  Extent extent;
};

std::optional<PcmLayout> wav_layout(Header& header);  // RIFF, RIFX, RF64, BW64
std::optional<PcmLayout> w64_layout(Header& header);
std::optional<PcmLayout> aiff_layout(Header& header);  // AIFF-C as well
std::optional<PcmLayout> au_layout(Header& header);
std::optional<PcmLayout> caf_layout(Header& header);
std::optional<PcmLayout> nist_layout(Header& header);

// The encoding of signed or unsigned integers that take so many whole bytes, 1 to 4.
std::optional<Encoding> integers(std::uint64_t bytes, bool unsigned8);

// Whether a size of 32 bits is what programs write that cannot seek back: 2^32 - 1 (ffmpeg), 2^31
// (arecord), 2^31 - 4096 or 127 * 2^24 (SoX), less or more by what they count for their headers.
bool is_placeholder(std::uint64_t size);

// The extent of sound that is declared to take `declared` bytes from `start` on, in frames of so
// many bytes, in a file where nothing but a tag may follow it.
Extent extent_to_end(Header& header, std::uint64_t start, std::uint64_t declared,
                     std::uint64_t frame);

}  // namespace melpix::decode
