// SPDX-License-Identifier: MIT
// Apple's Core Audio Format, version 1.
#include <cmath>
#include <cstring>

#include "decode/pcm_chunks.h"
#include "decode/pcm_layout.h"

namespace melpix::decode {

namespace {

constexpr ChunkKind kKind{kBig, true, false};

struct Desc {
  Encoding encoding;
  bool big;
  std::uint64_t sr, channels;
};

std::optional<Desc> read_desc(Header& header, const Chunk& chunk) {
  constexpr std::size_t kSize = 32;
  const unsigned char* p = header.at(chunk.start, kSize);
  if (p == nullptr || chunk.size < kSize) return std::nullopt;
  double rate;
  const std::uint64_t rate_bits = kBig.u64(p);
  std::memcpy(&rate, &rate_bits, sizeof(rate));
  if (!(rate >= 1 && rate < 2147483647)) return std::nullopt;
  const std::uint32_t flags = kBig.u32(p + 12);
  const std::uint64_t packet = kBig.u32(p + 16), channels = kBig.u32(p + 24),
                      bits = kBig.u32(p + 28);
  const bool is_float = flags & 1, little = flags & 2;
  std::optional<Encoding> encoding;
  if (is(p + 8, "lpcm")) {
    if (is_float && bits == 32) encoding = Encoding::kFloat;
    if (is_float && bits == 64) encoding = Encoding::kDouble;
    if (!is_float && bits % 8 == 0) encoding = integers(bits / 8, false);
    if (encoding && packet != channels * bytes_of(*encoding)) encoding.reset();
  } else if (!is_float && bits == 8) {
    if (is(p + 8, "alaw")) encoding = Encoding::kAlaw;
    if (is(p + 8, "ulaw")) encoding = Encoding::kUlaw;
  }
  if (!encoding || channels == 0) return std::nullopt;
  return Desc{*encoding, !little, static_cast<std::uint64_t>(std::llrint(rate)), channels};
}

}  // namespace

std::optional<PcmLayout> caf_layout(Header& header) {
  constexpr std::uint64_t kForm = 8;     // bytes before the first chunk
  constexpr std::uint64_t kEdition = 4;  // bytes of a number before the sound
  const unsigned char* p = header.at(0, kForm);
  if (p == nullptr || !is(p, "caff") || kBig.u16(p + 4) != 1) return std::nullopt;
  std::optional<Desc> desc;
  std::uint64_t place = kForm;
  for (int i = 0; i < kMostChunks; ++i) {
    const auto chunk = chunk_at(header, place, kKind);
    if (!chunk) return std::nullopt;
    const std::uint64_t there = header.size() - chunk->start;
    if (is(chunk->name, "data")) {
      if (!desc || there < kEdition) return std::nullopt;
      // The size of a last chunk may be -1; smaller than the edition's it was never written.
      const bool told = chunk->size >= kEdition && chunk->size <= kUnknown / 2;
      const std::uint64_t start = chunk->start + kEdition;
      const std::uint64_t declared = told ? chunk->size - kEdition : kUnknown;
      const Sound sound{start, declared, 0, desc->channels * bytes_of(desc->encoding)};
      const Extent extent = extent_of_chunk(header, sound, kKind);
      return PcmLayout{"CAF", desc->encoding, desc->big, desc->sr, desc->channels, start, extent};
    }
    if (is(chunk->name, "desc") && !desc) {
      desc = read_desc(header, *chunk);
      if (!desc) return std::nullopt;
    }
    if (chunk->size > there) return std::nullopt;
    place = behind(header, *chunk, kKind);
  }
  return std::nullopt;
}

}  // namespace melpix::decode
