// SPDX-License-Identifier: MIT
// What the targets have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "decode/source.h"

// Bytes as a source that is no memory, so that they are read piece by piece.
class Pieces : public melpix::decode::Source {
 public:
  Pieces(const std::uint8_t* data, std::size_t size)
      : memory_(melpix::decode::open_memory(data, size)) {}
  std::uint64_t size() const override { return memory_->size(); }
  std::size_t read(std::uint64_t at, void* to, std::size_t count) override {
    return memory_->read(at, to, count);
  }

 private:
  std::unique_ptr<melpix::decode::Source> memory_;
};

inline void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}
