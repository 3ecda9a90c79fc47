// SPDX-License-Identifier: MIT
// A sound that is open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "decode/source.h"

namespace melpix::decode {

// Why a sound is not read, or no further: a code of melpix.errors.DecodeError, and a text.
class DecodeError : public std::runtime_error {
 public:
  DecodeError(std::string code, const std::string& text)
      : std::runtime_error(text), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

// What a file says of itself.
struct Facts {
  std::string_view format;   // the container, in libsndfile's words; a literal
  std::string_view subtype;  // the encoding, likewise
  std::uint32_t sr = 0;
  std::size_t channels = 0;
  std::optional<std::uint64_t> frames;  // empty where nobody can say before all is decoded
  bool may_hold_nan = false;            // or infinity: integers cannot
  std::size_t quick = 1 << 18;          // samples that are read from memory within 100 us
};

// Decodes one sound. What is read are whole frames; the first read begins with frame 0. All throw
// DecodeError, and std::system_error where the system cannot read the source.
class Decoder {
 public:
  virtual ~Decoder() = default;
  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  virtual const Facts& facts() const = 0;
  // Whether the file holds less sound than it declares, as far as that has shown by now.
  virtual bool truncated() const = 0;
  // Whether its header does not tell how much sound there is, or tells it wrongly.
  virtual bool length_estimated() const = 0;
  // What is odd about the file, for people; empty where nothing is.
  virtual std::string remark() const = 0;

  // Goes to a frame; at most to the end of a sound whose length is known.
  virtual void seek(std::uint64_t frame) = 0;

  // Decodes frames, interleaved, full scale 1.0; returns how many, which are fewer than `frames`
  // only where the sound ends. As int16 only what has at most 16 bits: see has_int16.
  virtual std::size_t read(std::int16_t* to, std::size_t frames) = 0;
  virtual std::size_t read(float* to, std::size_t frames) = 0;
  virtual std::size_t read(double* to, std::size_t frames) = 0;
  // Likewise, the mean of each frame's channels, rounded as numpy.mean does (mix.h).
  virtual std::size_t read_mono(float* to, std::size_t frames);
  virtual std::size_t read_mono(double* to, std::size_t frames);

  virtual bool has_int16() const = 0;
  // All samples as they lie in the source's memory, if that is int16 of this processor's byte
  // order; else null. They may lie at an odd address.
  virtual const unsigned char* in_place() const { return nullptr; }
};

// The decoder of a source; null if it is none that the core reads, or says something of itself
// that the core does not understand. Where the first bytes are unmistakable but what follows is
// broken, it throws DecodeError.
std::unique_ptr<Decoder> open_decoder(std::unique_ptr<Source> source);

// One of each format's: null if the source is not of that format. The source stays untouched then.
std::unique_ptr<Decoder> open_pcm(std::unique_ptr<Source>& source);
std::unique_ptr<Decoder> open_flac(std::unique_ptr<Source>& source);

}  // namespace melpix::decode
