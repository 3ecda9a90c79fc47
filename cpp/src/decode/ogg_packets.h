// SPDX-License-Identifier: MIT
// The packets of an Ogg file's streams of one kind, one stream after the other (RFC 3533).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "decode/window.h"

namespace melpix::decode {

class OggPackets {
 public:
  // Streams whose first packet begins with `mark`. Of those that go on at the same time, only one
  // is read.
  OggPackets(Source& source, std::string_view mark) : window_(source), mark_(mark) {}

  // Goes to the next packet; false where the file ends. Throws DecodeError.
  bool next();
  const std::vector<unsigned char>& packet() const { return packet_; }
  // Whether it is the first one of a stream.
  bool first() const { return first_; }
  // Whether the page that was read last says that its stream ends there.
  bool ended() const { return ended_; }
  // Whether the file ends with the stream that the last packet is of, as far as can be seen.
  bool one_stream();
  void rewind();

 private:
  bool next_page();
  void pass_rest();
  // Whether to read a page of the stream `serial`, whose packets are in body_.
  bool accept(std::uint32_t serial, bool begins);

  Window window_;
  const std::string_view mark_;
  std::uint64_t place_ = 0;  // of the next page
  // The page that is read: its packets, how they are cut, and what has been taken of both.
  std::vector<unsigned char> body_, lengths_;
  std::size_t body_at_ = 0, length_at_ = 0;
  bool continues_ = false, ended_ = false;
  // Its stream.
  bool found_ = false;
  std::uint32_t serial_ = 0;
  bool only_begins_ = true;  // no stream has gone on since this one began
  bool began_ = false;       // its first packet is still to come
  std::vector<unsigned char> packet_;
  bool first_ = false;
};

}  // namespace melpix::decode
