// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <array>
#include <new>

namespace melpix {
namespace {

// Rendering holds six pieces at a time, twice as many where it computes frames again in double
// precision, and two more in a transform. Larger pieces would tie up memory in every thread of a
// pool; for them, page faults are a small part of the work.
constexpr std::size_t kKept = 16, kKeepBytes = std::size_t{4} << 20;

// Ahead of each piece.
struct alignas(kAlignment) Header {
  std::size_t bytes;
  std::size_t given;  // when it was last given back, in pieces
};

void release(Header* piece) { ::operator delete(piece, std::align_val_t{kAlignment}); }

// Without a destructor of its own, so that it can still be asked when the others are gone: plans
// may outlive the thread's objects.
thread_local bool closed = false;

struct Kept {
  ~Kept() {
    closed = true;
    for (Header* piece : pieces)
      if (piece != nullptr) release(piece);
  }
  std::array<Header*, kKept> pieces{};
  std::size_t given = 0;
};

Kept& kept() {
  thread_local Kept mine;
  return mine;
}

}  // namespace

void* take_scratch(std::size_t bytes) {
  if (!closed) {
    Header** best = nullptr;
    for (Header*& piece : kept().pieces)
      if (piece != nullptr && piece->bytes >= bytes &&
          (best == nullptr || piece->bytes < (*best)->bytes))
        best = &piece;
    // Not one that is far too large: another call has use for it.
    if (best != nullptr && (*best)->bytes / 4 <= bytes) {
      Header* found = *best;
      *best = nullptr;
      return found + 1;
    }
  }
  if (bytes > kMaxSize - sizeof(Header)) return nullptr;
  void* fresh = ::operator new(sizeof(Header) + bytes, std::align_val_t{kAlignment}, std::nothrow);
  if (fresh == nullptr) return nullptr;
  return new (fresh) Header{bytes, 0} + 1;
}

void give_scratch(void* memory) {
  if (memory == nullptr) return;
  Header* piece = static_cast<Header*>(memory) - 1;
  if (closed || piece->bytes > kKeepBytes) return release(piece);
  Kept& mine = kept();
  piece->given = ++mine.given;
  Header** slot = &mine.pieces[0];
  for (Header*& other : mine.pieces) {
    if (other == nullptr) {
      other = piece;
      return;
    }
    if (other->given < (*slot)->given) slot = &other;
  }
  // What has not been used for longest goes.
  release(*slot);
  *slot = piece;
}

}  // namespace melpix
