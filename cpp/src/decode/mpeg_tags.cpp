// SPDX-License-Identifier: MIT
#include "decode/mpeg_tags.h"

#include <cstddef>

#include "decode/bytes.h"

namespace melpix::decode {

namespace {

constexpr std::size_t kId3 = 10;  // bytes of a header, and of a footer
constexpr std::size_t kId3v1 = 128;
constexpr std::size_t kApe = 32;          // bytes of a header, and of a footer
constexpr std::size_t kLyricsStart = 11;  // bytes of "LYRICSBEGIN"
constexpr std::size_t kLyricsEnd = 9;     // bytes of "LYRICS200" and "LYRICSEND"

// Three letters alone say little: behind an ID3v1 tag comes a frame, another tag, zeros, or
// nothing.
bool may_follow(Bytes b) {
  return b.size == 0 || b.data[0] == 0xff || std::memchr("IAL", b.data[0], 4) != nullptr;
}

}  // namespace

std::uint64_t MpegTags::id3(std::uint64_t at) {
  const Bytes b = ahead_.from(at);
  if (b.size < kId3 || !is(b.data, "ID3")) return 0;
  std::uint64_t size = 0;
  for (std::size_t i = 6; i < kId3; ++i) size = size << 7 | (b.data[i] & 127u);  // seven bits each
  const bool footer = (b.data[5] & 16) != 0;
  return kId3 * (footer ? 2 : 1) + size;
}

std::uint64_t MpegTags::known(std::uint64_t at) {
  const Bytes b = ahead_.from(at);
  std::uint64_t length = 0;
  if (b.size >= kId3 && is(b.data, "ID3")) {
    const bool sane = b.data[3] != 0xff && b.data[4] != 0xff &&
                      ((b.data[6] | b.data[7] | b.data[8] | b.data[9]) & 128) == 0;
    if (sane) length = id3(at);
  } else if (b.size >= kId3v1 && is(b.data, "TAG") &&
             may_follow({b.data + kId3v1, b.size - kId3v1})) {
    length = kId3v1;
  } else if (b.size >= kApe && is(b.data, "APETAGEX")) {
    const bool header = (kLittle.u32(b.data + 20) & 1u << 29) != 0;
    length = kApe + (header ? std::uint64_t{kLittle.u32(b.data + 12)} : 0);
  }
  return length <= ahead_.stop() - at ? length : 0;
}

std::uint64_t MpegTags::lyrics(std::uint64_t at) {
  const Bytes b = ahead_.from(at);
  if (b.size < kLyricsStart || !is(b.data, "LYRICSBEGIN")) return 0;
  if (at < searched_from_ || at + kLyricsStart > lyrics_end_) {
    searched_from_ = at;
    lyrics_end_ = find_end_of_lyrics(at + kLyricsStart);
  }
  return lyrics_end_ > ahead_.stop() ? 0 : lyrics_end_ - at;
}

// Beyond the source's end if there is none.
std::uint64_t MpegTags::find_end_of_lyrics(std::uint64_t at) {
  for (Bytes b = ahead_.from(at); b.size >= kLyricsEnd; b = ahead_.from(at)) {
    const std::size_t places = b.size - kLyricsEnd + 1;
    for (std::size_t i = 0; i < places; ++i)
      if (is(b.data + i, "LYRICS200") || is(b.data + i, "LYRICSEND")) return at + i + kLyricsEnd;
    at += places;
  }
  return UINT64_MAX;
}

std::uint64_t MpegTags::zeros(std::uint64_t at) {
  std::uint64_t n = 0;
  for (Bytes b = ahead_.from(at); b.size > 0; b = ahead_.from(at + n)) {
    std::size_t i = 0;
    while (i < b.size && b.data[i] == 0) ++i;
    n += i;
    if (i < b.size) break;
  }
  return n;
}

}  // namespace melpix::decode
