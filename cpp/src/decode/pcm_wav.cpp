// SPDX-License-Identifier: MIT
// RIFF (little-endian) and RIFX (big-endian): Microsoft and IBM, Multimedia Programming Interface
// and Data Specifications 1.0. RF64: EBU Tech 3306. BW64: ITU-R BS.2088.
#include "decode/pcm_chunks.h"
#include "decode/pcm_fmt.h"

namespace melpix::decode {

namespace {

constexpr std::uint64_t kForm = 12;  // bytes before the first chunk

struct Sizes {
  std::uint64_t riff = kUnknown, data = kUnknown;
};

// What is told by the chunk that has the sizes of more than 32 bits.
Sizes read_ds64(Header& header, const Chunk& chunk) {
  const unsigned char* p = chunk.size < 16 ? nullptr : header.at(chunk.start, 16);
  if (p == nullptr) return {};
  return {kLittle.u64(p), kLittle.u64(p + 8)};
}

// libsndfile refuses to take these for samples: files of other formats behind a WAV header.
bool is_foreign(Header& header, std::uint64_t start) {
  const unsigned char* p = header.at(start, 4);
  return p != nullptr && (is(p, "wvpk") || is(p, "OggS"));
}

}  // namespace

std::optional<PcmLayout> wav_layout(Header& header) {
  const unsigned char* p = header.at(0, kForm);
  if (p == nullptr || !is(p + 8, "WAVE")) return std::nullopt;
  const bool big = is(p, "RIFX");
  const bool long_sizes = is(p, "RF64") || is(p, "BW64");
  if (!big && !long_sizes && !is(p, "RIFF")) return std::nullopt;
  const ChunkKind kind{Order(big), false, true};
  Sizes sizes;
  if (!long_sizes) sizes.riff = kind.order.u32(p + 4);

  std::optional<Fmt> fmt;
  std::uint64_t place = kForm;
  for (int i = 0; i < kMostChunks; ++i) {
    const auto chunk = chunk_at(header, place, kind);
    if (!chunk) return std::nullopt;
    if (is(chunk->name, "data")) {
      if (!fmt || is_foreign(header, chunk->start)) return std::nullopt;
      const Encoding encoding = fmt->ambiguous ? settle(header) : fmt->encoding;
      const bool elsewhere = long_sizes && chunk->size == 0xffffffff;
      const std::uint64_t declared = elsewhere ? sizes.data : chunk->size;
      const std::uint64_t outer = sizes.riff > kUnknown - 8 ? kUnknown : sizes.riff + 8;
      const Sound sound{chunk->start, declared, outer, fmt->channels * bytes_of(encoding)};
      const Extent extent = extent_of_chunk(header, sound, kind);
      const char* format = long_sizes ? "RF64" : fmt->extensible ? "WAVEX" : "WAV";
      return PcmLayout{format, encoding, big, fmt->sr, fmt->channels, chunk->start, extent};
    }
    if (is(chunk->name, "ds64")) sizes = read_ds64(header, *chunk);
    if (is(chunk->name, "fmt ") && !fmt) {
      fmt = read_fmt(header, chunk->start, chunk->size, kind.order);
      if (!fmt || fmt->channels == 0) return std::nullopt;
    }
    if (chunk->size > header.size() - chunk->start) return std::nullopt;
    place = behind(header, *chunk, kind);
  }
  return std::nullopt;
}

}  // namespace melpix::decode
