// SPDX-License-Identifier: MIT
// FLAC, frame by frame. What libFLAC refuses is refused.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "decode/bytes.h"
#include "decode/crc.h"
#include "decode/decoder.h"
#include "decode/flac_frames.h"
#include "decode/flac_samples.h"
#include "decode/flac_subframes.h"

namespace melpix::decode {

namespace {

constexpr std::size_t kMostFrame = (1 << 24) - 1;  // bytes: what a header can state

std::string_view name_of(unsigned bits) {
  return bits <= 8 ? "PCM_S8" : bits <= 16 ? "PCM_16" : bits <= 24 ? "PCM_24" : "PCM_32";
}

class FlacDecoder : public Decoder {
 public:
  FlacDecoder(std::unique_ptr<Source> source, std::unique_ptr<FlacFrames> frames,
              std::string_view format)
      : source_(std::move(source)), frames_(std::move(frames)), info_(frames_->info()) {
    facts_.format = format;
    facts_.subtype = name_of(info_.bits);
    facts_.sr = info_.sr;
    facts_.channels = info_.channels;
    facts_.quick = 1 << 14;
    if (frames_->frames() != 0) facts_.frames = frames_->frames();
  }

  const Facts& facts() const override { return facts_; }
  bool truncated() const override { return more_ || cut_short_; }
  bool length_estimated() const override { return false; }
  std::string remark() const override {
    return more_ ? "there is more sound than the declared " + std::to_string(*facts_.frames) +
                       " frames"
                 : "";
  }
  bool has_int16() const override { return info_.bits <= 16; }

  void seek(std::uint64_t frame) override;

  std::size_t read(std::int16_t* to, std::size_t frames) override {
    if (!has_int16()) return 0;
    return read_rows(frames, [&](const Rows& rows, std::size_t done, std::size_t count) {
      interleave(rows, count, to + done * info_.channels);
    });
  }
  std::size_t read(float* to, std::size_t frames) override { return read_scaled(to, frames); }
  std::size_t read(double* to, std::size_t frames) override { return read_scaled(to, frames); }
  std::size_t read_mono(float* to, std::size_t frames) override { return read_mixed(to, frames); }
  std::size_t read_mono(double* to, std::size_t frames) override { return read_mixed(to, frames); }

 private:
  template <class T>
  std::size_t read_scaled(T* to, std::size_t frames) {
    return read_rows(frames, [&](const Rows& rows, std::size_t done, std::size_t count) {
      interleave(rows, count, to + done * info_.channels);
    });
  }
  template <class T>
  std::size_t read_mixed(T* to, std::size_t frames) {
    return read_rows(frames, [&](const Rows& rows, std::size_t done, std::size_t count) {
      mix(rows, count, to + done);
    });
  }

  // Calls take(rows, how many frames were taken before, how many these are).
  template <class F>
  std::size_t read_rows(std::size_t frames, const F& take) {
    std::size_t done = 0;
    while (done < frames && !at_end()) {
      const auto count =
          static_cast<std::size_t>(std::min<std::uint64_t>({frames - done, block_ - at_, left()}));
      take(Rows{samples_.data() + at_, block_, info_.channels, info_.bits}, done, count);
      at_ += count;
      done += count;
    }
    if (left() == 0) look_behind();
    return done;
  }

  // Whether no sample is left; if one is, it is decoded.
  bool at_end() { return left() == 0 || (at_ == block_ && !next_frame(0)); }
  // Whether more follows than is declared, once the sound has been read.
  void look_behind() {
    if (checked_) return;
    more_ = at_ < block_ || frames_->more();
    cut_short_ = frames_->cut_short();
    checked_ = true;
  }
  std::uint64_t left() const {
    return facts_.frames ? *facts_.frames - std::min(*facts_.frames, first_ + at_) : ~0ull;
  }

  // The frame of the sound that follows those decoded.
  std::uint64_t next() const { return first_ + block_; }

  // Goes on by a frame, without its samples if it ends before `from` and that is possible.
  bool next_frame(std::uint64_t from);
  FlacFrame check_header(const Span& bytes) const;
  void decode(const FlacFrame& header);
  void go_to(std::uint64_t frame);
  void begin_at(std::uint64_t frame);

  [[noreturn]] void fail(const std::string& what) const {
    const double second = static_cast<double>(next()) / info_.sr;
    const auto milliseconds = static_cast<long long>(std::floor(second * 1000));
    std::string decimals = std::to_string(milliseconds % 1000);
    decimals.insert(0, 3 - decimals.size(), '0');
    throw DecodeError("decode_failed",
                      what + " at " + std::to_string(milliseconds / 1000) + "." + decimals + " s");
  }

  const std::unique_ptr<Source> source_;
  const std::unique_ptr<FlacFrames> frames_;
  const FlacInfo info_;
  Facts facts_;
  // The frame that is decoded: its rows, and where in the sound it begins.
  std::vector<std::int32_t> samples_;
  std::vector<std::int64_t> wide_;
  std::uint64_t first_ = 0;
  std::size_t block_ = 0;
  std::size_t at_ = 0;               // the sample of it that is read next
  std::optional<FlacFrame> before_;  // its header; empty where it is not known what comes next
  bool more_ = false, cut_short_ = false, checked_ = false;
};

FlacFrame FlacDecoder::check_header(const Span& bytes) const {
  const auto header = flac_frame(bytes.data, std::min(bytes.size, kFlacHeader), info_);
  if (!header) fail("no FLAC frame begins");
  if (!fits(*header, info_))
    fail("the sound has " + std::to_string(header->sr) + " Hz, " +
         std::to_string(header->channels) + " channels, " + std::to_string(header->bits) +
         " bits, unlike its header says,");
  if (before_) {
    // Streams that were joined begin anew, which loses nothing. In some whose frames differ in
    // size, samples are numbered though the header says frames.
    const std::uint64_t by_frame = before_->number + 1,
                        by_sample = before_->number + before_->block;
    const bool in_order = header->number <= (header->numbers_samples ? by_sample : by_frame) ||
                          (info_.least_block != info_.most_block && header->number == by_sample);
    if (!in_order) fail("FLAC frames are missing");
  }
  return *header;
}

void FlacDecoder::decode(const FlacFrame& header) {
  if (samples_.size() < header.channels * header.block)
    samples_.resize(header.channels * header.block);
  const bool wide = header.bits == 32 && header.stereo != Stereo::kNone;
  if (wide && wide_.size() < header.block) wide_.resize(header.block);
  std::size_t used = 0;
  Span bytes{};
  Subframes result = Subframes::kEnds;
  for (std::size_t wanted = plain_size(header.block, info_);; wanted *= 2) {
    bytes = frames_->peek(std::min(wanted, kMostFrame));
    if (bytes.size < header.size) fail("the FLAC frame is broken");
    result = decode_subframes(bytes.data + header.size, bytes.size - header.size, header,
                              samples_.data(), wide_.data(), used);
    if (result != Subframes::kEnds || bytes.last || wanted >= kMostFrame) break;
  }
  const std::size_t checked = header.size + used;
  if (result != Subframes::kDone || bytes.size < checked + kFlacCheck ||
      !is_check(crc16(bytes.data, checked), kBig.u16(bytes.data + checked)) ||
      (frames_->one_by_one() && bytes.size != checked + kFlacCheck))
    fail("the FLAC frame is broken");
  std::int32_t* rows = samples_.data();
  if (wide)
    unite(header.stereo, rows, rows + header.block, wide_.data(), header.block);
  else if (header.stereo != Stereo::kNone)
    unite(header.stereo, rows, rows + header.block, header.block);
  frames_->pass(checked + kFlacCheck);
}

bool FlacDecoder::next_frame(std::uint64_t from) {
  const Span bytes = frames_->peek(kFlacHeader);
  if (bytes.size == 0) {
    if (facts_.frames)
      throw DecodeError("decode_failed", "declares " + std::to_string(*facts_.frames) +
                                             " frames, but ends after " + std::to_string(next()));
    cut_short_ = frames_->cut_short();
    return false;
  }
  const FlacFrame header = check_header(bytes);
  if (frames_->one_by_one() && next() + header.block <= from)
    frames_->pass(bytes.size);
  else
    decode(header);
  first_ = next();
  block_ = header.block;
  at_ = 0;
  before_ = header;
  return true;
}

void FlacDecoder::go_to(std::uint64_t frame) {
  while (next() <= frame && next() != facts_.frames && next_frame(frame)) {
  }
  at_ = static_cast<std::size_t>(std::min<std::uint64_t>(block_, frame - first_));
}

void FlacDecoder::begin_at(std::uint64_t frame) {
  before_.reset();
  first_ = frame;
  block_ = at_ = 0;
}

void FlacDecoder::seek(std::uint64_t frame) {
  checked_ = false;
  if (frame >= first_ && frame < next()) {
    at_ = static_cast<std::size_t>(frame - first_);
    return;
  }
  if (const auto found = frames_->find(frame)) {
    begin_at(*found);
    try {
      return go_to(frame);
    } catch (const DecodeError&) {
      // What looked like a frame was none, or the file is broken: then this shows again.
    }
  }
  frames_->rewind();
  begin_at(0);
  go_to(frame);
}

}  // namespace

std::unique_ptr<Decoder> open_flac(std::unique_ptr<Source>& source) {
  std::string_view format = "FLAC";
  auto frames = native_flac(*source);
  if (!frames) {
    frames = ogg_flac(*source);
    format = "OGG";
  }
  if (!frames) return nullptr;
  return std::make_unique<FlacDecoder>(std::move(source), std::move(frames), format);
}

}  // namespace melpix::decode
