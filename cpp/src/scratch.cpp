// SPDX-License-Identifier: MIT
#include "scratch.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <array>
#include <atomic>
#include <cstdint>
#include <new>
#include <utility>

namespace melpix {
namespace {

// Rendering holds six pieces at a time, twice as many where it computes frames again in double
// precision, and two more in a transform. Larger pieces would tie up memory in every thread of a
// pool: of them, the process keeps one, and no more than this of it (an hour of the recipe is 76
// MB).
constexpr std::size_t kKept = 16, kKeepBytes = std::size_t{4} << 20;
constexpr std::size_t kSpareBytes = std::size_t{128} << 20;

// Ahead of each piece.
struct alignas(kAlignment) Header {
  std::size_t bytes;
  std::size_t given;  // when it was last given back, in pieces
};

// Large pieces hold the features of long signals, whose rows lie on as many pages: they get large
// pages where the system has them, or each column costs a miss of the address cache for each row.
constexpr std::size_t kLargePage = std::size_t{2} << 20;

#if defined(__linux__) && defined(MADV_HUGEPAGE) && defined(MADV_FREE)
// Advises the system about the large pages that a piece contains; its header is in none of them.
// It may be ignored.
void advise(Header* piece, int advice) {
  char* const memory = reinterpret_cast<char*>(piece);
  const std::size_t bytes = sizeof(Header) + piece->bytes;
  const std::size_t skip = kLargePage - reinterpret_cast<std::uintptr_t>(memory) % kLargePage;
  static_assert(sizeof(Header) <= kAlignment && kLargePage % kAlignment == 0, "skip >= a header");
  if (bytes > skip) madvise(memory + skip, (bytes - skip) / kLargePage * kLargePage, advice);
}
void want_large_pages(Header* piece) { advise(piece, MADV_HUGEPAGE); }
// What is in it is lost if the system takes the memory, but whoever takes scratch expects nothing.
void lend_to_system(Header* piece) { advise(piece, MADV_FREE); }
constexpr bool kLends = true;
#else
void want_large_pages(Header*) {}
void lend_to_system(Header*) {}
constexpr bool kLends = false;
#endif

Header* allocate(std::size_t bytes) {
  void* memory = ::operator new(sizeof(Header) + bytes, std::align_val_t{kAlignment}, std::nothrow);
  if (memory == nullptr) return nullptr;
  Header* piece = new (memory) Header{bytes, 0};
  if (bytes > kKeepBytes) want_large_pages(piece);
  return piece;
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

// One large piece, for whichever thread is next: filling an hour's with fresh pages takes a tenth
// of the time of its image. Meanwhile the system may have its memory, if it runs short.
std::atomic<Header*> spare{nullptr};

void keep_spare(Header* piece) {
  if (!kLends || piece->bytes > kSpareBytes) return release(piece);
  lend_to_system(piece);
  Header* other = spare.exchange(nullptr);
  if (other != nullptr && other->bytes > piece->bytes) std::swap(other, piece);
  if (other != nullptr) release(other);
  // Another thread may have come in between.
  if (Header* late = spare.exchange(piece)) release(late);
}

// A piece that has room and is not far too large: another call has use for that one.
bool suits(const Header* piece, std::size_t bytes) {
  return piece->bytes >= bytes && piece->bytes / 4 <= bytes;
}

Header* take_spare(std::size_t bytes) {
  Header* piece = spare.exchange(nullptr);
  if (piece == nullptr || suits(piece, bytes)) return piece;
  if (Header* late = spare.exchange(piece)) release(late);
  return nullptr;
}

}  // namespace

void* take_scratch(std::size_t bytes) noexcept {
  if (bytes > kKeepBytes) {
    if (Header* found = take_spare(bytes)) return found + 1;
  } else if (!closed) {
    Header** best = nullptr;
    for (Header*& piece : kept().pieces)
      if (piece != nullptr && piece->bytes >= bytes &&
          (best == nullptr || piece->bytes < (*best)->bytes))
        best = &piece;
    if (best != nullptr && suits(*best, bytes)) {
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
  if (piece->bytes > kKeepBytes) return keep_spare(piece);
  if (closed) return release(piece);
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
