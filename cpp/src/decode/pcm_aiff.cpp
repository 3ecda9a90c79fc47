// SPDX-License-Identifier: MIT
// Apple's Audio Interchange File Format 1.3, and AIFF-C (draft of 1991).
#include <algorithm>

#include "decode/pcm_chunks.h"
#include "decode/pcm_layout.h"

namespace melpix::decode {

namespace {

constexpr ChunkKind kKind{kBig, false, true};

struct Comm {
  Encoding encoding;
  bool big;
  std::uint64_t sr, channels, frames;
};

struct Ssnd {
  std::uint64_t start, declared;
};

// The whole number in an 80-bit floating-point one; 0 where libsndfile takes it for another.
std::uint64_t rate_of(const unsigned char* p) {
  constexpr unsigned kBias = 16383, kGreatest = 0x401c;  // of the exponent
  const unsigned exponent = kBig.u16(p);
  if (exponent < kBias || exponent > kGreatest) return 0;
  return kBig.u32(p + 2) >> (31 - (exponent - kBias));
}

std::optional<Comm> read_comm(Header& header, const Chunk& chunk) {
  constexpr std::size_t kPlain = 18, kCompressed = 22;  // bytes
  const unsigned char* p = header.at(chunk.start, kPlain);
  if (p == nullptr || chunk.size < kPlain) return std::nullopt;
  const std::uint64_t channels = kBig.u16(p), frames = kBig.u32(p + 2), bits = kBig.u16(p + 6);
  const std::uint64_t sr = rate_of(p + 8);
  const auto comm = [&](std::optional<Encoding> encoding, bool big) -> std::optional<Comm> {
    if (!encoding || sr == 0 || channels == 0) return std::nullopt;
    return Comm{*encoding, big, sr, channels, frames};
  };
  const auto whole = bits < 8 ? std::nullopt : integers((bits + 7) / 8, false);
  if (chunk.size < kCompressed) return comm(whole, true);
  p = header.at(chunk.start + kPlain, 4);
  if (p == nullptr) return std::nullopt;
  if (is(p, "NONE") || is(p, "twos") || is(p, "in24") || is(p, "in32")) return comm(whole, true);
  if (is(p, "sowt") || is(p, "23ni") || is(p, "42ni") || is(p, "42n1")) return comm(whole, false);
  if (is(p, "fl32") || is(p, "FL32")) return comm(Encoding::kFloat, true);
  if (is(p, "fl64") || is(p, "FL64")) return comm(Encoding::kDouble, true);
  if (is(p, "ulaw") || is(p, "ULAW")) return comm(Encoding::kUlaw, true);
  if (is(p, "alaw") || is(p, "ALAW")) return comm(Encoding::kAlaw, true);
  if (is(p, "raw ") && bits == 8) return comm(Encoding::kU8, true);
  return std::nullopt;
}

// The sound begins behind two numbers: an offset, and the size of blocks that it was aligned to.
std::optional<Ssnd> read_ssnd(Header& header, const Chunk& chunk) {
  constexpr std::uint64_t kHead = 8;
  const unsigned char* p = header.at(chunk.start, kHead);
  if (p == nullptr) return std::nullopt;
  const std::uint64_t skipped = kHead + kBig.u32(p);
  if (skipped > header.size() - chunk.start) return std::nullopt;
  // A size that is smaller was never written.
  const bool told = chunk.size >= skipped && chunk.size > kHead;
  const bool guessed = is_placeholder(chunk.size) && chunk.size > header.size() - chunk.start;
  return Ssnd{chunk.start + skipped, told && !guessed ? chunk.size - skipped : kUnknown};
}

PcmLayout layout_of(Header& header, const Comm& comm, const Ssnd& ssnd, std::uint64_t outer) {
  const std::uint64_t frame = comm.channels * bytes_of(comm.encoding);
  Extent extent = extent_of_chunk(header, {ssnd.start, ssnd.declared, outer, frame}, kKind);
  // The number of frames is told as well.
  const std::uint64_t frames = extent.size / frame;
  if (comm.frames > frames && !is_placeholder(comm.frames) && !extent.estimated)
    extent.truncated = true;
  else if (comm.frames != frames)
    extent.estimated = true;
  return {"AIFF", comm.encoding, comm.big, comm.sr, comm.channels, ssnd.start, extent};
}

}  // namespace

std::optional<PcmLayout> aiff_layout(Header& header) {
  constexpr std::uint64_t kForm = 12;  // bytes before the first chunk
  const unsigned char* p = header.at(0, kForm);
  if (p == nullptr || !is(p, "FORM") || !(is(p + 8, "AIFF") || is(p + 8, "AIFC")))
    return std::nullopt;
  const std::uint64_t outer = 8 + std::uint64_t{kBig.u32(p + 4)};
  std::optional<Comm> comm;
  std::optional<Ssnd> ssnd;
  std::uint64_t place = kForm;
  for (int i = 0; i < kMostChunks; ++i) {
    const auto chunk = chunk_at(header, place, kKind);
    if (!chunk) return std::nullopt;
    if (is(chunk->name, "COMM") && !comm) {
      comm = read_comm(header, *chunk);
      if (!comm) return std::nullopt;
    } else if (is(chunk->name, "SSND") && !ssnd) {
      ssnd = read_ssnd(header, *chunk);
      if (!ssnd) return std::nullopt;
    }
    if (comm && ssnd) return layout_of(header, *comm, *ssnd, outer);
    if (chunk->size > header.size() - chunk->start) return std::nullopt;
    place = behind(header, *chunk, kKind);
  }
  return std::nullopt;
}

}  // namespace melpix::decode
