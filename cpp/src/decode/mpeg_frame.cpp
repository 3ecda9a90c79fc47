// SPDX-License-Identifier: MIT
#include "decode/mpeg_frame.h"

#include <algorithm>

#include "decode/bytes.h"

namespace melpix::decode {

namespace {

// kbit/s by the header's index: of MPEG-1 (layers I, II, III), and of the later ones (I; II and
// III).
constexpr std::uint16_t kKbps[5][14] = {
    {32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
    {32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
    {32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
    {32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
    {8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}};

constexpr std::uint32_t kRates[3] = {44100, 48000, 32000};

constexpr std::uint32_t kMpeg1 = 3;     // the header's bits of the version; 0 is MPEG-2.5, 2 MPEG-2
constexpr std::uint32_t kReserved = 1;  // of them
constexpr std::uint32_t kMono = 3;      // of the mode

}  // namespace

std::optional<MpegFrame> mpeg_frame(Bytes bytes) {
  if (bytes.size < kMpegHeader) return std::nullopt;
  const std::uint32_t bits = kBig.u32(bytes.data);
  const std::uint32_t version = bits >> 19 & 3, layer = 4 - (bits >> 17 & 3);
  const std::uint32_t kbps_at = bits >> 12 & 15, rate_at = bits >> 10 & 3, padding = bits >> 9 & 1;
  if (bits >> 21 != 0x7ff || version == kReserved || layer == 4) return std::nullopt;
  if (rate_at == 3 || kbps_at == 0 || kbps_at == 15) return std::nullopt;
  const bool mpeg1 = version == kMpeg1;
  const std::uint32_t table = mpeg1 ? layer - 1 : layer == 1 ? 3 : 4;
  const std::uint32_t kbps = kKbps[table][kbps_at - 1];
  const std::uint32_t sr = kRates[rate_at] >> (mpeg1 ? 0 : version == 2 ? 1 : 2);
  const std::uint32_t samples = layer == 1 ? 384 : layer == 3 && !mpeg1 ? 576 : 1152;
  const std::uint32_t length =
      layer == 1 ? (12000 * kbps / sr + padding) * 4 : samples * 125 * kbps / sr + padding;
  const std::uint32_t channels = (bits >> 6 & 3) == kMono ? 1 : 2;
  return MpegFrame{bits, kbps, length, sr, samples, channels, layer == 3, mpeg1};
}

std::optional<MpegInfo> mpeg_info(const MpegFrame& frame, Bytes bytes) {
  if (!frame.layer3) return std::nullopt;
  const std::size_t size = std::min<std::size_t>(bytes.size, frame.length);
  const std::size_t vbri = kMpegHeader + 32;
  if (size >= vbri + 18 && is(bytes.data + vbri, "VBRI"))
    return MpegInfo{kBig.u32(bytes.data + vbri + 14)};
  // Behind what other frames have to say of their channels.
  const bool mono = frame.channels == 1;
  const std::size_t side = frame.mpeg1 ? (mono ? 17 : 32) : (mono ? 9 : 17);
  const std::size_t at = kMpegHeader + side;
  if (size < at + 12 || !(is(bytes.data + at, "Xing") || is(bytes.data + at, "Info")))
    return std::nullopt;
  const bool counted = (kBig.u32(bytes.data + at + 4) & 1) != 0;
  return counted ? MpegInfo{kBig.u32(bytes.data + at + 8)} : MpegInfo{};
}

}  // namespace melpix::decode
