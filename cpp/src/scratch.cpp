// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <memory>
#include <new>
#include <vector>

namespace melpix {
namespace {

// Larger pieces would tie up memory in every thread of a pool; for them, page faults are a small
// part of the work.
constexpr std::size_t kKeepBytes = std::size_t{4} << 20;

struct Free {
  void operator()(void* p) const { ::operator delete(p, std::align_val_t{kAlignment}); }
};

struct Piece {
  std::unique_ptr<void, Free> memory;
  std::size_t bytes = 0;
};

// Pieces [0, used) are taken. A piece stays in its slot, to be found again by the next call, which
// asks for the same sizes in the same order.
struct Pieces {
  std::vector<Piece> slots;
  std::size_t used = 0;
};

Pieces& pieces() {
  thread_local Pieces mine;
  return mine;
}

}  // namespace

Scratch::Scratch() : mark_(pieces().used) {}

Scratch::~Scratch() {
  Pieces& p = pieces();
  for (std::size_t i = mark_; i < p.used; ++i)
    if (p.slots[i].bytes > kKeepBytes) p.slots[i] = {};
  p.used = mark_;
}

void* Scratch::take_bytes(std::size_t bytes) {
  Pieces& p = pieces();
  if (p.used == p.slots.size()) p.slots.emplace_back();
  Piece& slot = p.slots[p.used];
  if (slot.bytes < bytes) {
    slot = {};  // first give back, then ask
    slot.memory.reset(::operator new(bytes, std::align_val_t{kAlignment}));
    slot.bytes = bytes;
  }
  ++p.used;
  return slot.memory.get();
}

}  // namespace melpix
