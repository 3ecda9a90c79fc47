// SPDX-License-Identifier: MIT
#include "scratch.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <array>
#include <cstdint>
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

// Large pieces hold the features of long signals, whose rows lie on as many pages: they get large
// pages where the system has them, or each column costs a miss of the address cache for each row.
constexpr std::size_t kLargePage = std::size_t{2} << 20;

Header* allocate(std::size_t bytes) {
  void* memory = ::operator new(sizeof(Header) + bytes, std::align_val_t{kAlignment}, std::nothrow);
  if (memory == nullptr) return nullptr;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (bytes > kKeepBytes) {
    const std::size_t skip = kLargePage - reinterpret_cast<std::uintptr_t>(memory) % kLargePage;
    // Advice: it may be ignored.
    madvise(static_cast<char*>(memory) + skip, (bytes - skip) / kLargePage * kLargePage,
            MADV_HUGEPAGE);
  }
#endif
  return new (memory) Header{bytes, 0};
}

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

void* take_scratch(std::size_t bytes) noexcept {
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
  Header* fresh = allocate(bytes);
  return fresh == nullptr ? nullptr : fresh + 1;
}

void give_scratch(void* memory) noexcept {
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
