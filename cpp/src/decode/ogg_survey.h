// SPDX-License-Identifier: MIT
// What an Ogg file holds: its links, each a file of its own, by the pages' headers (RFC 3533).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "decode/source.h"

namespace melpix::decode {

// The page that should have said that it is the last one, and what would say so.
struct OggEnd {
  std::uint64_t page = 0;  // its place in the source, in bytes
  unsigned char flags = 0;
  std::uint32_t checksum = 0;
};

struct OggLink {
  std::uint64_t start = 0, stop = 0;  // its place in the source, in bytes
  bool opus = false;                  // its first sound is Opus
  bool ended = false;         // the last page of its first sound says that it is the last one
  bool lost = false;          // it has pages of a sound whose beginning is missing
  std::optional<OggEnd> end;  // of Opus that is not `ended`
};

// Goes over the pages of a source once; no links if it does not begin with one. Pages that are cut
// short belong to none.
std::vector<OggLink> survey_ogg(Source& source);

}  // namespace melpix::decode
