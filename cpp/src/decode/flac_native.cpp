// SPDX-License-Identifier: MIT
// FLAC in a file of its own.
#include <algorithm>
#include <cstring>
#include <string_view>

#include "decode/bytes.h"
#include "decode/decoder.h"
#include "decode/flac_frames.h"
#include "decode/header.h"

namespace melpix::decode {

namespace {

constexpr std::uint64_t kNear =
    1 << 14;                      // bytes: a frame or two, decoded as fast as looked through
constexpr std::size_t kMark = 4;  // bytes that a stream begins with

// Bytes that are looked through for another stream, and frames that are looked at behind them.
constexpr std::uint64_t kLook = std::uint64_t{16} << 20;
constexpr std::uint64_t kProbes = 64;

bool is_mark(const Span& bytes) { return bytes.size >= kMark && is(bytes.data, "fLaC"); }

[[noreturn]] void refuse_header() {
  throw DecodeError("decode_failed", "its FLAC header is broken");
}

class NativeFlac : public FlacFrames {
 public:
  NativeFlac(Source& source, std::uint64_t place) : window_(source) { read_header(place + kMark); }

  const FlacInfo& info() const override { return info_; }
  std::uint64_t frames() const override { return info_.frames; }

  Span peek(std::size_t wanted) override { return window_.at(place_, wanted); }
  bool one_by_one() const override { return false; }
  void pass(std::size_t size) override { place_ += size; }
  bool more() override {
    const Span bytes = peek(kFlacHeader);
    return is_mark(bytes) || header_at(bytes);
  }

  void rewind() override { place_ = start_; }
  std::optional<std::uint64_t> find(std::uint64_t sample) override;

 private:
  struct Found {
    std::uint64_t place;           // in bytes
    std::uint64_t sample, behind;  // the first one of the frame, and of the next
  };

  // Which sample of the stream is the first one of a frame, by its number; empty if that is not
  // sure.
  std::optional<std::uint64_t> place_of(const FlacFrame& frame) const {
    // What streams of frames of different sizes number, other than the bit says, nobody knows.
    if (!first_ || frame.numbers_samples != first_->numbers_samples ||
        (!frame.numbers_samples && info_.least_block != info_.most_block) ||
        frame.number < first_->number)
      return std::nullopt;
    return (frame.number - first_->number) * (frame.numbers_samples ? 1 : first_->block);
  }

  void read_header(std::uint64_t place) {
    for (bool first = true, last = false; !last; first = false) {
      const Span bytes = window_.at(place, kFlacBlock + kFlacInfo);
      if (bytes.size < kFlacBlock) refuse_header();
      const FlacBlock block = flac_block(bytes.data);
      if (block.size > window_.size() - place - kFlacBlock || first != (block.type == 0))
        refuse_header();
      if (first) {
        if (block.size < kFlacInfo || bytes.size < kFlacBlock + kFlacInfo) refuse_header();
        const auto info = flac_info(bytes.data + kFlacBlock);
        if (!info) refuse_header();
        info_ = *info;
      }
      place += kFlacBlock;
      if (!is_filled(window_, place, block)) refuse_header();
      place += block.size;
      last = block.last;
    }
    start_ = place_ = place;
  }

  std::optional<FlacFrame> header_at(const Span& bytes) const {
    auto frame = flac_frame(bytes.data, std::min(bytes.size, kFlacHeader), info_);
    if (frame && !fits(*frame, info_)) frame.reset();
    return frame;
  }

  // The first frame that begins between two places.
  std::optional<Found> search(std::uint64_t from, std::uint64_t to);
  bool ends_as_declared();
  bool is_joined(const Found& frame);

  Window window_;
  FlacInfo info_;
  std::uint64_t start_ = 0, place_ = 0;  // of the first frame, of the next one
  std::optional<FlacFrame> first_;
};

std::optional<NativeFlac::Found> NativeFlac::search(std::uint64_t from, std::uint64_t to) {
  while (from < to) {
    const Span bytes = window_.at(from, kFlacHeader);
    // A header that the window holds in part is looked at in its next place.
    const std::size_t whole = bytes.last ? bytes.size : bytes.size - (kFlacHeader - 1);
    const auto look = static_cast<std::size_t>(std::min<std::uint64_t>(whole, to - from));
    if (look == 0) break;
    for (std::size_t i = 0; i < look; ++i) {
      const void* sync = std::memchr(bytes.data + i, 0xff, look - i);
      if (sync == nullptr) break;
      i = static_cast<std::size_t>(static_cast<const unsigned char*>(sync) - bytes.data);
      const auto frame = header_at({bytes.data + i, bytes.size - i, bytes.last});
      const auto sample = frame ? place_of(*frame) : std::nullopt;
      if (sample) return Found{from + i, *sample, *sample + frame->block};
    }
    from += look;
  }
  return std::nullopt;
}

// Whether the last frame of the file is the last one that is declared. Where streams were joined,
// a frame's number says nothing of its place.
bool NativeFlac::ends_as_declared() {
  const std::uint64_t longest = 2 * plain_size(info_.most_block, info_);
  std::uint64_t from = window_.size() - std::min(window_.size() - start_, longest);
  std::uint64_t end = 0;
  while (const auto found = search(from, window_.size())) {
    end = found->behind;
    from = found->place + 1;
  }
  return end == info_.frames;
}

// Whether another stream may begin before a frame: one as long as the first numbers its frames as
// if they were that one's. The first bytes are looked through for it. Of what is behind them, where
// that would take longer than seeking saves, the numbers of some frames must rise.
bool NativeFlac::is_joined(const Found& frame) {
  const std::uint64_t end = std::min(frame.place, start_ + kLook);
  for (std::uint64_t from = start_; from < end;) {
    const Span bytes = window_.at(from, kMark);
    if (bytes.size < kMark) return false;
    const auto looked =
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size, end - from + kMark - 1));
    const std::string_view text(reinterpret_cast<const char*>(bytes.data), looked);
    if (text.find("fLaC") != std::string_view::npos) return true;
    from += looked - (kMark - 1);
  }
  std::uint64_t place = start_, sample = 0;
  for (std::uint64_t i = 0; i < kProbes && end < frame.place; ++i) {
    const auto found = search(end + (frame.place - end) / kProbes * i, frame.place);
    if (!found || found->place == place) continue;
    if (found->sample <= sample || found->sample >= frame.sample) return true;
    place = found->place;
    sample = found->sample;
  }
  return false;
}

std::optional<std::uint64_t> NativeFlac::find(std::uint64_t sample) {
  first_ = header_at(window_.at(start_, kFlacHeader));
  if (!first_ || !place_of(*first_) || (info_.frames != 0 && !ends_as_declared()))
    return std::nullopt;
  Found low{start_, 0, first_->block};
  std::uint64_t end = window_.size();
  while (end - low.place > kNear) {
    const std::uint64_t middle = low.place + (end - low.place) / 2;
    const auto found = search(middle, end);
    if (found && found->sample <= low.sample) return std::nullopt;
    if (found && found->sample <= sample)
      low = *found;
    else
      end = middle;
  }
  if (is_joined(low)) return std::nullopt;
  place_ = low.place;
  return low.sample;
}

}  // namespace

std::unique_ptr<FlacFrames> native_flac(Source& source) {
  const std::uint64_t place = id3_length(source);
  Window window(source);
  if (!is_mark(window.at(place, kMark))) return nullptr;
  return std::make_unique<NativeFlac>(source, place);
}

}  // namespace melpix::decode
