// SPDX-License-Identifier: MIT
// Where the frames of a FLAC stream lie: in a file of its own, or in Ogg's pages.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "decode/flac_frame.h"
#include "decode/flac_info.h"
#include "decode/source.h"
#include "decode/window.h"

namespace melpix::decode {

class FlacFrames {
 public:
  virtual ~FlacFrames() = default;
  FlacFrames() = default;
  FlacFrames(const FlacFrames&) = delete;
  FlacFrames& operator=(const FlacFrames&) = delete;

  virtual const FlacInfo& info() const = 0;
  // The samples of each channel; 0 where nobody can say before all is decoded.
  virtual std::uint64_t frames() const = 0;

  // The bytes from the next frame on, at least `wanted` of them unless they end before: a whole
  // frame at least, where these know how long it is.
  virtual Span peek(std::size_t wanted) = 0;
  // Whether what peek gives is one frame, no more.
  virtual bool one_by_one() const = 0;
  // Goes behind the next frame, which took so many bytes.
  virtual void pass(std::size_t size) = 0;
  // Whether more sound follows what is declared.
  virtual bool more() = 0;
  // Whether an end is lacking, once nothing is left to peek.
  virtual bool cut_short() const { return false; }

  virtual void rewind() = 0;
  // Goes to the frame that holds a sample, or to one a little before, and returns the first sample
  // of that. Empty where it cannot be found without going through all; the place is any then.
  virtual std::optional<std::uint64_t> find(std::uint64_t) { return std::nullopt; }
};

// Null if the source is not of that kind; throw DecodeError if it is, but its header is broken.
std::unique_ptr<FlacFrames> native_flac(Source& source);
std::unique_ptr<FlacFrames> ogg_flac(Source& source);

}  // namespace melpix::decode
