// SPDX-License-Identifier: MIT
// Plain samples in any container: see pcm_layout.h for where they are, pcm_samples.h for what.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "decode/bytes.h"
#include "decode/decoder.h"
#include "decode/header.h"
#include "decode/pcm_layout.h"
#include "decode/pcm_samples.h"

namespace melpix::decode {

namespace {

constexpr std::size_t kBlock = 1 << 16;  // bytes that are converted at a time: they stay in a cache

// As in libsndfile.
constexpr std::uint64_t kMostChannels = 1024, kGreatestRate = 0x7fffffff;

std::string_view name_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::kS8:
      return "PCM_S8";
    case Encoding::kU8:
      return "PCM_U8";
    case Encoding::k16:
      return "PCM_16";
    case Encoding::k24:
      return "PCM_24";
    case Encoding::k32:
      return "PCM_32";
    case Encoding::kFloat:
      return "FLOAT";
    case Encoding::kDouble:
      return "DOUBLE";
    case Encoding::kUlaw:
      return "ULAW";
    case Encoding::kAlaw:
      return "ALAW";
  }
  return "";
}

// Whether a file's samples are T as they stand.
template <class T>
bool is_same(Encoding encoding, bool big) {
  if (big != kBigHost) return false;
  if constexpr (std::is_same_v<T, std::int16_t>) return encoding == Encoding::k16;
  if constexpr (std::is_same_v<T, float>) return encoding == Encoding::kFloat;
  if constexpr (std::is_same_v<T, double>) return encoding == Encoding::kDouble;
}

class PcmDecoder : public Decoder {
 public:
  PcmDecoder(std::unique_ptr<Source> source, const PcmLayout& layout)
      : source_(std::move(source)),
        layout_(layout),
        sample_(bytes_of(layout.encoding)),
        int16_(to_int16(layout.encoding, layout.big)),
        float_(to_float(layout.encoding, layout.big)),
        double_(to_double(layout.encoding, layout.big)) {
    facts_.format = layout.format;
    facts_.subtype = name_of(layout.encoding);
    facts_.sr = static_cast<std::uint32_t>(layout.sr);
    facts_.channels = static_cast<std::size_t>(layout.channels);
    frames_ = layout.extent.size / (sample_ * facts_.channels);
    facts_.frames = frames_;
    facts_.may_hold_nan =
        layout.encoding == Encoding::kFloat || layout.encoding == Encoding::kDouble;
  }

  const Facts& facts() const override { return facts_; }
  bool truncated() const override { return layout_.extent.truncated; }
  bool length_estimated() const override { return layout_.extent.estimated; }
  std::string remark() const override {
    const Extent& extent = layout_.extent;
    if (!extent.truncated && !extent.estimated) return "";
    const std::string there = std::to_string(extent.size) + " bytes of sound";
    if (extent.declared == kUnknown) return "there are " + there + ", but no size is declared";
    if (extent.declared == extent.size) return "there are " + there + ", and more behind them";
    return "there are " + there + ", but " + std::to_string(extent.declared) + " are declared";
  }
  bool has_int16() const override { return int16_ != nullptr; }

  void seek(std::uint64_t frame) override { frame_ = std::min(frame, frames_); }

  std::size_t read(std::int16_t* to, std::size_t frames) override {
    return int16_ == nullptr ? 0 : read_as(to, frames, int16_);
  }
  std::size_t read(float* to, std::size_t frames) override { return read_as(to, frames, float_); }
  std::size_t read(double* to, std::size_t frames) override { return read_as(to, frames, double_); }

  const unsigned char* in_place() const override {
    const unsigned char* memory = source_->memory();
    const bool same = is_same<std::int16_t>(layout_.encoding, layout_.big);
    return memory != nullptr && same ? memory + layout_.start : nullptr;
  }

 private:
  template <class T>
  std::size_t read_as(T* to, std::size_t frames, Convert<T> convert) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(frames, frames_ - frame_));
    const std::size_t channels = facts_.channels;
    const std::uint64_t at = layout_.start + frame_ * channels * sample_;
    std::size_t done = 0;
    if (source_->memory() != nullptr) {
      convert(source_->memory() + at, to, wanted * channels);
      done = wanted;
    } else if (is_same<T>(layout_.encoding, layout_.big)) {
      done = source_->read(at, to, wanted * channels * sample_) / (channels * sample_);
    } else {
      done = read_blocks(to, wanted, convert, at);
    }
    frame_ += done;
    return done;
  }

  template <class T>
  std::size_t read_blocks(T* to, std::size_t wanted, Convert<T> convert, std::uint64_t at) {
    const std::size_t frame = facts_.channels * sample_;
    const std::size_t step = std::min(wanted, std::max<std::size_t>(1, kBlock / frame));
    const std::unique_ptr<unsigned char[]> block(new unsigned char[step * frame]);
    std::size_t done = 0;
    while (done < wanted) {
      const std::size_t part = std::min(step, wanted - done);
      const std::size_t found = source_->read(at + done * frame, block.get(), part * frame) / frame;
      convert(block.get(), to + done * facts_.channels, found * facts_.channels);
      done += found;
      if (found < part) break;  // the file has become shorter
    }
    return done;
  }

  const std::unique_ptr<Source> source_;
  const PcmLayout layout_;
  const std::size_t sample_;  // bytes
  const Convert<std::int16_t> int16_;
  const Convert<float> float_;
  const Convert<double> double_;
  Facts facts_;
  std::uint64_t frames_ = 0;
  std::uint64_t frame_ = 0;  // the one that is read next
};

std::optional<PcmLayout> layout_of(Header& header) {
  for (const auto parse : {wav_layout, w64_layout, aiff_layout, au_layout, caf_layout, nist_layout})
    if (auto layout = parse(header)) return layout;
  return std::nullopt;
}

}  // namespace

std::unique_ptr<Decoder> open_pcm(std::unique_ptr<Source>& source) {
  const std::uint64_t begin = id3_length(*source);
  Header header(*source, begin);
  auto layout = layout_of(header);
  if (!layout || layout->channels == 0 || layout->channels > kMostChannels || layout->sr == 0 ||
      layout->sr > kGreatestRate)
    return nullptr;
  layout->start += begin;
  return std::make_unique<PcmDecoder>(std::move(source), *layout);
}

}  // namespace melpix::decode
