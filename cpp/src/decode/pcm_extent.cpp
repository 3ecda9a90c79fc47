// SPDX-License-Identifier: MIT
#include <algorithm>

#include "decode/pcm_chunks.h"
#include "decode/pcm_layout.h"

namespace melpix::decode {

namespace {

constexpr std::uint64_t kWrap = std::uint64_t{1} << 32;  // where sizes of 32 bits begin again

constexpr std::uint64_t kScrap = 4096;  // bytes behind a file of which nothing is told: no sound

constexpr int kProbes = 16;  // places where a long stretch is looked at for anything but zeros

bool is_zero(Header& header, std::uint64_t place, std::uint64_t count) {
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(count, Header::kWindow));
  const unsigned char* bytes = header.at(place, n);
  return bytes != nullptr && std::all_of(bytes, bytes + n, [](unsigned char b) { return b == 0; });
}

// Whether a file that has been told of up to `end` goes on with what is no sound: a scrap of
// anything, or the zeros of a disk that was laid out in advance.
bool is_padding(Header& header, std::uint64_t end) {
  const std::uint64_t rest = header.size() - end;
  if (rest < kScrap) return true;
  for (std::uint64_t i = 0; i <= kProbes; ++i)
    if (!is_zero(header, end + (rest - kScrap) / kProbes * i, kScrap)) return false;
  return is_zero(header, header.size() - kScrap, kScrap);
}

// Whether a tag begins at a place: they are put behind files of any kind.
bool is_tag(Header& header, std::uint64_t place) {
  if (const unsigned char* p = header.at(place, 11))
    if (is(p, "APETAGEX") || is(p, "LYRICSBEGIN") || is(p, "ID3")) return true;
  const unsigned char* p = header.at(place, 3);
  return p != nullptr && is(p, "TAG") && header.size() - place == 128;
}

// Chunks that programs put behind the sound. One of them is known by its name, though it be cut.
bool is_known(const unsigned char* name) {
  static constexpr char kNames[][5] = {
      "LIST", "id3 ", "ID3 ", "bext", "fact", "cue ", "smpl", "JUNK", "junk", "PAD ", "FLLR",
      "iXML", "axml", "_PMX", "afsp", "acid", "inst", "PEAK", "DISP", "cart", "levl", "plst",
      "note", "labl", "umid", "chna", "COMT", "ANNO", "NAME", "AUTH", "(c) ", "MARK", "INST",
      "APPL", "MIDI", "SAXL", "info", "free", "uuid", "strg", "mark", "peak"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [name](const char (&known)[5]) { return is(name, known); });
}

enum class Behind { kNothing, kChunks, kMoreSound, kElse };

// What follows at a place: chunks, one behind the other to the end, or something else. By chance,
// sound looks like one chunk in fifty places of a file of 4 GiB, but not like several.
Behind what_follows(Header& header, std::uint64_t place, const ChunkKind& kind) {
  constexpr std::uint64_t kHead = 8;
  if (place >= header.size()) return Behind::kNothing;
  if (is_tag(header, place)) return Behind::kChunks;
  for (int i = 0; i < kMostChunks; ++i) {
    if (place >= header.size() || (i > 0 && header.size() - place < kHead)) return Behind::kChunks;
    const auto chunk = chunk_at(header, place, kind);
    if (!chunk) return is_tag(header, place) ? Behind::kChunks : Behind::kElse;
    if (is_known(chunk->name)) return Behind::kChunks;
    // Files that were joined, and a second stretch of sound.
    if (is(chunk->name, "RIFF") || is(chunk->name, "RIFX") || is(chunk->name, "RF64") ||
        is(chunk->name, "FORM") || is(chunk->name, "caff") || is(chunk->name, "data") ||
        is(chunk->name, "SSND"))
      return Behind::kMoreSound;
    if (chunk->size > header.size() - chunk->start) return Behind::kElse;
    place = behind(header, *chunk, kind);
  }
  return Behind::kElse;
}

}  // namespace

std::optional<Encoding> integers(std::uint64_t bytes, bool unsigned8) {
  switch (bytes) {
    case 1:
      return unsigned8 ? Encoding::kU8 : Encoding::kS8;
    case 2:
      return Encoding::k16;
    case 3:
      return Encoding::k24;
    case 4:
      return Encoding::k32;
    default:
      return std::nullopt;
  }
}

bool is_placeholder(std::uint64_t size) {
  constexpr std::uint64_t kHeaders = 0x200;  // what is counted for them, at most
  const auto near = [size](std::uint64_t from, std::uint64_t to) {
    return from - kHeaders <= size && size <= to + kHeaders && size < kWrap;
  };
  return near(0x7f000000, 0x7f000000) || near(0x7ffff000, 0x80000000) || near(kWrap, kWrap);
}

Extent extent_to_end(Header& header, std::uint64_t start, std::uint64_t declared,
                     std::uint64_t frame) {
  const std::uint64_t there = header.size() - start;
  if (declared / frame == there / frame) return {declared, there};
  if (declared == kUnknown || declared == 0) return {declared, there, false, there > 0};
  if (declared > there) return {declared, there, true};
  if (is_tag(header, start + declared)) return {declared, declared};
  return {declared, there, false, true};
}

std::optional<Chunk> chunk_at(Header& header, std::uint64_t place, const ChunkKind& kind) {
  const std::size_t head = kind.wide ? 12 : 8;
  const unsigned char* p = header.at(place, head);
  if (p == nullptr) return std::nullopt;
  for (int i = 0; i < 4; ++i)
    if (p[i] < 0x20 || p[i] > 0x7e) return std::nullopt;
  const std::uint64_t size = kind.wide ? kind.order.u64(p + 4) : kind.order.u32(p + 4);
  return Chunk{p, place + head, size};
}

std::uint64_t behind(Header& header, const Chunk& chunk, const ChunkKind& kind) {
  const std::uint64_t left = header.size() - chunk.start;
  const std::uint64_t end = chunk.start + std::min(chunk.size, left);
  if (chunk.size % 2 == 0) return end;
  const std::uint64_t usual = end + (kind.padded ? 1 : 0), other = end + (kind.padded ? 0 : 1);
  return !chunk_at(header, usual, kind) && chunk_at(header, other, kind) ? other : usual;
}

Extent extent_of_chunk(Header& header, const Sound& sound, const ChunkKind& kind) {
  const std::uint64_t start = sound.start, declared = sound.declared;
  const std::uint64_t there = header.size() - start;
  if (declared / sound.frame == there / sound.frame) return {declared, there};
  if (declared == kUnknown || (!kind.wide && is_placeholder(declared) && declared > there))
    return {declared, there, false, there > 0};
  if (declared > there) return {declared, there, true};
  // Its size may have wrapped, and so be one of several. The first one is as it was told.
  for (std::uint64_t size = declared; size <= there; size += kWrap) {
    const std::uint64_t pad = size % 2;
    Behind what = what_follows(header, start + size + pad, kind);
    const bool more = pad != 0 && what == Behind::kNothing && size % sound.frame != 0 &&
                      (size + pad) % sound.frame == 0;
    if (more)
      return {declared, size + pad, false, true};  // no padding, but the last byte of a frame
    if (pad != 0 && what == Behind::kElse) what = what_follows(header, start + size, kind);
    if (what != Behind::kElse)
      return {declared, size, what == Behind::kMoreSound, size != declared};
    if (kind.wide) break;
  }
  const std::uint64_t end = start + declared;
  const bool told = declared > 0 && !is_placeholder(declared);
  if (told && sound.outer >= end && sound.outer - end <= 1 && is_padding(header, end))
    return {declared, declared};
  return {declared, there, false, true};
}

}  // namespace melpix::decode
