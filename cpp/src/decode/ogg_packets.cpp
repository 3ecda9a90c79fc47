// SPDX-License-Identifier: MIT
#include "decode/ogg_packets.h"

#include <algorithm>
#include <cstring>

#include "decode/bytes.h"
#include "decode/crc.h"
#include "decode/decoder.h"

namespace melpix::decode {

namespace {

constexpr std::size_t kHead = 27;                           // bytes of a page before its lengths
constexpr std::size_t kMostPage = kHead + 255 + 255 * 255;  // bytes
constexpr std::size_t kMostPacket = 1 << 24;                // bytes
constexpr unsigned char kWhole = 255;  // a packet goes on as long as its pieces have that length
constexpr unsigned kContinues = 1, kBegins = 2, kEnds = 4;  // a page's flags

[[noreturn]] void fail(const char* what) { throw DecodeError("decode_failed", what); }

// The check of a page, in whose own place it takes zeros.
bool is_right(const unsigned char* page, std::size_t size) {
  constexpr unsigned char zeros[4] = {};
  std::uint32_t crc = crc32(page, 22, 0);
  crc = crc32(zeros, 4, crc);
  crc = crc32(page + 26, size - 26, crc);
  return is_check(crc, kLittle.u32(page + 22));
}

// Of the page at the beginning of so many bytes, at least those of its head; 0 if they are too few.
std::size_t size_of_page(const unsigned char* page, std::size_t bytes) {
  const std::size_t lengths = page[26];
  std::size_t size = kHead + lengths;
  if (size > bytes) return 0;
  for (std::size_t i = 0; i < lengths; ++i) size += page[kHead + i];
  return size > bytes ? 0 : size;
}

}  // namespace

bool OggPackets::next_page() {
  const Span bytes = window_.at(place_, kMostPage);
  if (bytes.size == 0) return false;
  if (bytes.size < kHead || !is(bytes.data, "OggS")) {
    if (ended_) return false;  // a tag or the like
    fail("what follows a page of its Ogg stream is none");
  }
  const std::size_t size = size_of_page(bytes.data, bytes.size);
  if (size == 0) fail("it is cut short within a page of its Ogg stream");
  if (!is_right(bytes.data, size)) fail("a page of its Ogg stream is broken");
  place_ += size;
  const unsigned flags = bytes.data[5];
  const unsigned char* body = bytes.data + kHead + bytes.data[26];
  lengths_.assign(bytes.data + kHead, body);
  body_.assign(body, bytes.data + size);
  length_at_ = body_at_ = 0;
  if (!accept(kLittle.u32(bytes.data + 14), (flags & kBegins) != 0)) {
    lengths_.clear();
    return true;
  }
  continues_ = (flags & kContinues) != 0;
  ended_ = (flags & kEnds) != 0;
  return true;
}

bool OggPackets::accept(std::uint32_t serial, bool begins) {
  if (!begins) {
    only_begins_ = false;
    return found_ && serial == serial_;
  }
  // All streams that go on at the same time begin before one goes on.
  if (found_ && only_begins_) return false;
  if (body_.size() < mark_.size() || std::memcmp(body_.data(), mark_.data(), mark_.size()) != 0)
    return false;
  found_ = only_begins_ = began_ = true;
  serial_ = serial;
  return true;
}

bool OggPackets::next() {
  packet_.clear();
  bool begun = false;
  for (bool whole = false; !whole;) {
    if (length_at_ == lengths_.size()) {
      if (!next_page()) {
        if (begun) fail("its Ogg stream ends within a packet");
        return false;
      }
      if (lengths_.empty() || continues_ == begun) continue;
      if (begun) fail("its Ogg stream lacks the rest of a packet");
      pass_rest();
      continue;
    }
    const std::size_t length = lengths_[length_at_++];
    if (packet_.size() + length > kMostPacket) fail("a packet of its Ogg stream is too large");
    packet_.insert(packet_.end(), body_.data() + body_at_, body_.data() + body_at_ + length);
    body_at_ += length;
    begun = true;
    whole = length < kWhole;
  }
  first_ = began_;
  began_ = false;
  return true;
}

// Passes over the rest of a packet whose beginning nobody has.
void OggPackets::pass_rest() {
  for (bool whole = false; !whole && length_at_ < lengths_.size(); ++length_at_) {
    whole = lengths_[length_at_] < kWhole;
    body_at_ += lengths_[length_at_];
  }
}

bool OggPackets::one_stream() {
  const std::uint64_t from = window_.size() - std::min<std::uint64_t>(window_.size(), kMostPage);
  const Span bytes = window_.at(from, kMostPage);
  int tries = 16;  // sound looks like a page once in 4 GiB
  for (std::size_t left = kHead; left <= bytes.size && tries > 0; ++left) {
    const unsigned char* page = bytes.data + bytes.size - left;
    if (!is(page, "OggS")) continue;
    const std::size_t size = size_of_page(page, left);
    if (size != 0 && is_right(page, size)) return kLittle.u32(page + 14) == serial_;
    --tries;
  }
  return true;
}

void OggPackets::rewind() {
  place_ = 0;
  lengths_.clear();
  body_at_ = length_at_ = 0;
  ended_ = found_ = began_ = false;
  only_begins_ = true;
}

}  // namespace melpix::decode
