// SPDX-License-Identifier: MIT
// The chunk "fmt " of WAV, RF64 and W64.
#pragma once

#include <cstdint>
#include <optional>

#include "decode/bytes.h"
#include "decode/header.h"
#include "decode/pcm_layout.h"

namespace melpix::decode {

struct Fmt {
  Encoding encoding;
  std::uint64_t sr, channels;
  bool extensible;
  bool ambiguous;  // 24 bits in frames of 32: see settle()
};

std::optional<Fmt> read_fmt(Header& header, std::uint64_t start, std::uint64_t size, Order order);

// Decides what an ambiguous one means: 24-bit samples in 32 bits (ALSA's arecord), float32 (Cool
// Edit), or 24 bits and a wrong size of frames. The samples tell, by the measure of libsndfile.
Encoding settle(Header& header);

}  // namespace melpix::decode
