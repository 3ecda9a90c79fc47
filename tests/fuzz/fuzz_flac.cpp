// SPDX-License-Identifier: MIT
// Any bytes, taken for FLAC; their checks are taken for right (crc.h). From memory and from a file
// of the same bytes come the same frames and the same error, however many are read at a time.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "decode/decoder.h"
#include "decode/mix.h"
#include "pieces.h"

namespace {

using melpix::decode::DecodeError;
using melpix::decode::Decoder;

constexpr std::size_t kMost = 1 << 19;  // samples that are read: a few bytes can make millions

std::unique_ptr<Decoder> opened(std::unique_ptr<melpix::decode::Source> source,
                                std::string& error) {
  try {
    return melpix::decode::open_flac(source);
  } catch (const DecodeError& broken) {
    error = broken.what();
    return nullptr;
  }
}

// All frames, so many samples at a time, and how that ended.
struct Sound {
  std::vector<float> samples;
  std::string error;
};
Sound all(Decoder& decoder, std::size_t together) {
  Sound sound;
  const std::size_t channels = decoder.facts().channels;
  const std::size_t step = std::max<std::size_t>(1, together / channels);
  std::vector<float> part(step * channels);
  try {
    while (sound.samples.size() < kMost) {
      const std::size_t n = decoder.read(part.data(), step);
      require(n <= step, "more frames than were asked for");
      sound.samples.insert(sound.samples.end(), part.begin(),
                           part.begin() + static_cast<long>(n * channels));
      if (n < step) break;
    }
  } catch (const DecodeError& broken) {
    sound.error = broken.what();
  }
  sound.samples.resize(std::min(sound.samples.size(), kMost / channels * channels));
  return sound;
}

void seek_and_read(Decoder& decoder, std::uint64_t frame) {
  std::vector<double> samples(100 * decoder.facts().channels);
  try {
    decoder.seek(frame);
    decoder.read(samples.data(), 100);
  } catch (const DecodeError&) {
  }
}

void check_mono(Decoder& decoder, const Sound& sound) {
  const std::size_t channels = decoder.facts().channels;
  const std::size_t frames = std::min<std::size_t>(sound.samples.size() / channels, 5000);
  std::vector<float> mixed(frames), mono(frames);
  if (frames == 0) return;
  melpix::decode::mix(sound.samples.data(), channels, frames, mixed.data());
  require(decoder.read_mono(mono.data(), frames) == frames, "mixing loses frames");
  require(mixed == mono, "mixed otherwise");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string error, other;
  const auto open_memory = [&] { return melpix::decode::open_memory(data, size); };
  auto memory = opened(open_memory(), error);
  auto pieces = opened(std::make_unique<Pieces>(data, size), other);
  require((memory == nullptr) == (pieces == nullptr) && error == other,
          "a file is not read as memory is");
  if (!memory) return 0;
  const auto& facts = memory->facts();
  require(facts.channels >= 1 && facts.channels <= 8 && facts.sr >= 1, "impossible facts");
  const Sound whole = all(*memory, 1 << 16), again = all(*pieces, 999);
  const std::size_t both = std::min(whole.samples.size(), again.samples.size());
  require(std::equal(whole.samples.begin(), whole.samples.begin() + static_cast<long>(both),
                     again.samples.begin()),
          "a file differs from memory");
  if (whole.samples.size() < kMost / 2) {
    require(whole.error == again.error, "errors differ");
    require(memory->truncated() == pieces->truncated(), "flags differ");
    const std::uint64_t frames = whole.samples.size() / facts.channels;
    for (const std::uint64_t frame : {frames / 2, frames, std::uint64_t{1}, std::uint64_t{0}})
      seek_and_read(*memory, frame);
    if (facts.frames) seek_and_read(*pieces, *facts.frames - 1);
  }
  check_mono(*opened(open_memory(), error), whole);
  return 0;
}
