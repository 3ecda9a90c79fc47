// SPDX-License-Identifier: MIT
// What programs put before, between and behind frames of MPEG audio that is no sound.
#pragma once

#include <cstdint>

#include "decode/ahead.h"

namespace melpix::decode {

class MpegTags {
 public:
  explicit MpegTags(Ahead& ahead) : ahead_(ahead) {}

  // The length of the ID3v2 tag at a place, of which at least the header is there; 0 if none is.
  std::uint64_t id3(std::uint64_t at);
  // The length of a tag that decoders know at a place, and pass over: ID3v2, ID3v1 or APE; 0 if
  // there is none that ends within the source.
  std::uint64_t known(std::uint64_t at);
  // The length of a Lyrics3 tag at a place; 0 if there is none.
  std::uint64_t lyrics(std::uint64_t at);
  // The number of zeros at a place.
  std::uint64_t zeros(std::uint64_t at);

 private:
  std::uint64_t find_end_of_lyrics(std::uint64_t at);

  Ahead& ahead_;
  // Found, or looked for in vain, so that no byte is looked at twice: the end of the first lyrics
  // that end behind `searched_from_`.
  std::uint64_t lyrics_end_ = 0, searched_from_ = 0;
};

}  // namespace melpix::decode
