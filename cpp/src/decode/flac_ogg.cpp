// SPDX-License-Identifier: MIT
// FLAC in Ogg: each packet behind the headers is a frame (RFC 9639, section 10.1).
#include <string_view>

#include "decode/bytes.h"
#include "decode/decoder.h"
#include "decode/flac_frames.h"
#include "decode/ogg_packets.h"

namespace melpix::decode {

namespace {

constexpr std::string_view kMark = "\177FLAC";
constexpr std::size_t kBefore = 13;    // bytes of the first packet before its metadata block
constexpr std::size_t kLook = 128;     // bytes: the first packet is that near
constexpr unsigned char kSync = 0xff;  // the first byte of a frame, and of no header

class OggFlac : public FlacFrames {
 public:
  explicit OggFlac(Source& source) : packets_(source, kMark) {
    if (!packets_.next()) refuse_header();
    info_ = read_info();
    if (packets_.one_stream()) frames_ = info_.frames;
  }

  const FlacInfo& info() const override { return info_; }
  std::uint64_t frames() const override { return frames_; }

  Span peek(std::size_t) override {
    if (!held_ && !next()) return {nullptr, 0, true};
    return {packets_.packet().data(), packets_.packet().size(), true};
  }
  bool one_by_one() const override { return true; }
  void pass(std::size_t) override { held_ = false; }
  bool more() override { return peek(1).size > 0; }
  bool cut_short() const override { return !packets_.ended(); }
  void rewind() override {
    packets_.rewind();
    held_ = false;
  }

 private:
  [[noreturn]] static void refuse_header() {
    throw DecodeError("decode_failed", "its FLAC header is broken");
  }

  FlacInfo read_info() const {
    const auto& packet = packets_.packet();
    if (packet.size() < kBefore + kFlacBlock + kFlacInfo) refuse_header();
    const auto info = flac_info(packet.data() + kBefore + kFlacBlock);
    if (!info) refuse_header();
    return *info;
  }

  // Goes to the next frame.
  bool next() {
    while (packets_.next()) {
      const auto& packet = packets_.packet();
      if (packets_.first()) {
        const FlacInfo info = read_info();
        if (info.sr != info_.sr || info.channels != info_.channels || info.bits != info_.bits)
          throw DecodeError("decode_failed",
                            "a later stream in it has another rate, other channels or bits");
      } else if (!packet.empty() && packet[0] == kSync) {
        return held_ = true;
      }
    }
    return false;
  }

  OggPackets packets_;
  FlacInfo info_;
  std::uint64_t frames_ = 0;
  bool held_ = false;  // the packet is the next frame
};

}  // namespace

std::unique_ptr<FlacFrames> ogg_flac(Source& source) {
  unsigned char head[kLook];
  const std::size_t size = source.read(0, head, kLook);
  if (size < kLook || !is(head, "OggS")) return nullptr;
  const std::string_view text(reinterpret_cast<const char*>(head), size);
  if (text.find(kMark) == std::string_view::npos) return nullptr;
  return std::make_unique<OggFlac>(source);
}

}  // namespace melpix::decode
