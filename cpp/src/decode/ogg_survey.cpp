// SPDX-License-Identifier: MIT
#include "decode/ogg_survey.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "decode/ahead.h"
#include "decode/bytes.h"

namespace melpix::decode {

namespace {

constexpr std::size_t kHeader = 27;  // bytes of a page's header, before the table of its segments
constexpr std::size_t kFlags = 5, kGranule = 6, kSerial = 14, kChecksum = 22, kSegments = 26;
constexpr unsigned char kFirst = 2, kLast = 4;       // flags
constexpr std::uint64_t kNoPacketEnds = UINT64_MAX;  // in place of a position
constexpr std::size_t kMostStreams = 64;             // side by side in a link, that are told apart

struct Page {
  std::uint64_t start, stop;
  std::uint64_t granule;
  std::uint32_t serial;
  unsigned char flags;
  bool vorbis, opus;
};

std::optional<Page> page_at(Ahead& ahead, std::uint64_t at) {
  const Bytes b = ahead.from(at);
  if (b.size < kHeader || !is(b.data, "OggS") || b.data[4] != 0 || b.data[kFlags] > 7)
    return std::nullopt;
  const std::size_t segments = b.data[kSegments], body = kHeader + segments;
  if (b.size < body) return std::nullopt;
  std::uint64_t length = body;
  for (std::size_t i = kHeader; i < body; ++i) length += b.data[i];
  if (length > ahead.stop() - at) return std::nullopt;  // cut short
  const auto begins = [&](const char (&word)[8]) {
    return length - body >= 7 && b.size - body >= 7 && is(b.data + body, word);
  };
  return Page{at,
              at + length,
              kLittle.u64(b.data + kGranule),
              kLittle.u32(b.data + kSerial),
              b.data[kFlags],
              begins("\1vorbis"),
              begins("OpusHea")};
}

std::uint32_t checksum(const std::vector<unsigned char>& bytes) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> t{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t r = i << 24;
      for (int bit = 0; bit < 8; ++bit) r = r << 1 ^ ((r & 0x80000000u) != 0 ? 0x04c11db7u : 0u);
      t[i] = r;
    }
    return t;
  }();
  std::uint32_t r = 0;
  for (const unsigned char byte : bytes) r = r << 8 ^ table[(r >> 24 ^ byte) & 255];
  return r;
}

class Surveyor {
 public:
  explicit Surveyor(Source& source)
      : source_(source), ahead_(source, source.size()), beyond_(source, source.size()) {}

  std::vector<OggLink> survey() {
    std::uint64_t at = 0;
    for (std::optional<Page> page = page_at(ahead_, at); page; page = next(at)) {
      take(*page);
      at = page->stop;
    }
    finish();
    // What follows the last page may be the rest of it, for libsndfile to judge.
    if (!links_.empty()) links_.back().stop = ahead_.stop();
    return std::move(links_);
  }

 private:
  bool is_followed(const Page& page) {
    return page.stop == ahead_.stop() || page_at(beyond_, page.stop);
  }

  // The first page within from .. end that another follows, or nothing.
  std::optional<Page> find(std::uint64_t from, std::uint64_t end) {
    while (from < end) {
      const Bytes b = ahead_.from(from);
      const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(b.size, end - from));
      const void* found = n > 0 ? std::memchr(b.data, 'O', n) : nullptr;
      if (found == nullptr) {
        from += std::max<std::size_t>(n, 1);
        continue;
      }
      from += static_cast<std::size_t>(static_cast<const unsigned char*>(found) - b.data);
      const std::optional<Page> page = page_at(ahead_, from);
      if (page && is_followed(*page)) return page;
      ++from;
    }
    return std::nullopt;
  }

  // The page at a place, or the next one. A page that was cut short where files were joined seems
  // to reach into the pages behind it: then it is none.
  std::optional<Page> next(std::uint64_t at) {
    const std::optional<Page> page = page_at(ahead_, at);
    if (page && is_followed(*page)) return page;
    const std::optional<Page> other = find(at + 1, page ? page->stop : ahead_.stop());
    if (page && !other) return page;
    const Bytes b = ahead_.from(at);
    if (b.size >= 4 && is(b.data, "OggS")) links_.back().lost = true;
    return other;
  }

  void take(const Page& page) {
    const bool first = (page.flags & kFirst) != 0;
    if (links_.empty() || (first && !heads_)) {
      finish();
      links_.push_back({});
      links_.back().start = page.start;
      serials_.clear();
      sound_.reset();
      last_.reset();
    }
    heads_ = first;
    OggLink& link = links_.back();
    link.stop = page.stop;
    if (first) {
      if (serials_.size() < kMostStreams) serials_.push_back(page.serial);
      if (!sound_ && (page.vorbis || page.opus)) {
        sound_ = page.serial;
        link.opus = page.opus;
      }
    } else if (serials_.size() < kMostStreams &&
               std::find(serials_.begin(), serials_.end(), page.serial) == serials_.end()) {
      link.lost = true;
    }
    if (sound_ != page.serial) return;
    link.lost = link.lost || link.ended;
    link.ended = link.ended || (page.flags & kLast) != 0;
    if (page.granule != kNoPacketEnds) last_ = page;
  }

  // Finds out what would end the last link.
  void finish() {
    if (links_.empty() || links_.back().ended || !links_.back().opus || !last_) return;
    std::vector<unsigned char> bytes(static_cast<std::size_t>(last_->stop - last_->start));
    if (source_.read(last_->start, bytes.data(), bytes.size()) != bytes.size()) return;
    bytes[kFlags] = static_cast<unsigned char>(bytes[kFlags] | kLast);
    std::fill_n(bytes.begin() + kChecksum, 4, static_cast<unsigned char>(0));
    links_.back().end = OggEnd{last_->start, bytes[kFlags], checksum(bytes)};
  }

  Source& source_;
  Ahead ahead_;
  Ahead beyond_;  // looks as far as the next page, so that `ahead_` need not go back
  std::vector<OggLink> links_;
  // Of the last link:
  bool heads_ = false;                  // the last page was the first one of a stream
  std::vector<std::uint32_t> serials_;  // of its streams
  std::optional<std::uint32_t> sound_;  // of the first one that is sound
  std::optional<Page> last_;            // of that, the last page on which a packet ends
};

}  // namespace

std::vector<OggLink> survey_ogg(Source& source) { return Surveyor(source).survey(); }

}  // namespace melpix::decode
