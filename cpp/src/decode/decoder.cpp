// SPDX-License-Identifier: MIT
#include "decode/decoder.h"

#include <algorithm>
#include <memory>

#include "decode/mix.h"

namespace melpix::decode {

namespace {

constexpr std::size_t kMixed = 1 << 14;  // samples that are mixed at a time: they stay in a cache

template <class T>
std::size_t mixed(Decoder& decoder, T* to, std::size_t frames) {
  const std::size_t channels = decoder.facts().channels;
  if (channels == 1) return decoder.read(to, frames);
  const std::size_t step = std::min(frames, std::max<std::size_t>(1, kMixed / channels));
  const std::unique_ptr<T[]> samples(new T[step * channels]);
  std::size_t done = 0;
  while (done < frames) {
    const std::size_t wanted = std::min(step, frames - done);
    const std::size_t found = decoder.read(samples.get(), wanted);
    mix(samples.get(), channels, found, to + done);
    done += found;
    if (found < wanted) break;
  }
  return done;
}

}  // namespace

std::size_t Decoder::read_mono(float* to, std::size_t frames) { return mixed(*this, to, frames); }
std::size_t Decoder::read_mono(double* to, std::size_t frames) { return mixed(*this, to, frames); }

std::unique_ptr<Decoder> open_decoder(std::unique_ptr<Source> source) { return open_pcm(source); }

}  // namespace melpix::decode
