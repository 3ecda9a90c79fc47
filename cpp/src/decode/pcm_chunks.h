// SPDX-License-Identifier: MIT
// What containers of chunks have in common: each begins with a name of four letters and its size.
#pragma once

#include <cstdint>
#include <optional>

#include "decode/bytes.h"
#include "decode/header.h"
#include "decode/pcm_layout.h"

namespace melpix::decode {

struct Chunk {
  const unsigned char* name;  // until the next call of Header::at
  std::uint64_t start, size;  // of its content, in bytes
};

// How a container writes chunks.
struct ChunkKind {
  Order order;
  bool wide;    // sizes have 64 bits; else 32
  bool padded;  // chunks of an odd size are followed by a byte
};

constexpr int kMostChunks = 4096;  // that are looked at before the sound

// The chunk at a place, if there is one: its name is printable.
std::optional<Chunk> chunk_at(Header& header, std::uint64_t place, const ChunkKind& kind);

// The place behind a chunk: some programs write no padding.
std::uint64_t behind(Header& header, const Chunk& chunk, const ChunkKind& kind);

// A chunk of sound, as its header tells.
struct Sound {
  std::uint64_t start;     // in bytes
  std::uint64_t declared;  // its size in bytes, or kUnknown
  std::uint64_t outer;     // where the chunk around everything ends
  std::uint64_t frame;     // bytes of a frame
};

Extent extent_of_chunk(Header& header, const Sound& sound, const ChunkKind& kind);

}  // namespace melpix::decode
