// SPDX-License-Identifier: MIT
#include "base/scratch.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <array>
#include <cstdint>
#include <mutex>
#include <new>

namespace melpix {
namespace {

// Rendering holds six pieces at a time, twice as many where it computes frames again in double
// precision, and two more in a transform. Each thread keeps that many. Larger pieces would tie up
// memory in every thread of a pool: those are the process's, up to so many bytes in all (an hour of
// the recipe is 76 MB, a transform of 131072 samples takes six of 8 MB).
constexpr std::size_t kKept = 16, kKeepBytes = std::size_t{4} << 20;
constexpr std::size_t kSharedBytes = std::size_t{128} << 20;

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

// Pieces that were given back, until they are wanted again or more recent ones take their place.
class Shelf {
 public:
  // The least piece that has room and is not far too large: another call has use for that one. Null
  // if there is none.
  Header* take(std::size_t bytes) {
    Header** best = nullptr;
    for (Header*& piece : pieces_)
      if (piece != nullptr && piece->bytes >= bytes && piece->bytes / 4 <= bytes &&
          (best == nullptr || piece->bytes < (*best)->bytes))
        best = &piece;
    return best == nullptr ? nullptr : remove(*best);
  }

  // Puts the piece there, or returns the one that has to go first: what has not been used for
  // longest. All may have `most` bytes together, and the piece no more.
  Header* put(Header* piece, std::size_t most) {
    Header** place = nullptr;
    Header** oldest = nullptr;
    for (Header*& other : pieces_) {
      if (other == nullptr)
        place = &other;
      else if (oldest == nullptr || other->given < (*oldest)->given)
        oldest = &other;
    }
    if (place == nullptr || bytes_ > most - piece->bytes) return remove(*oldest);
    piece->given = ++given_;
    bytes_ += piece->bytes;
    *place = piece;
    return nullptr;
  }

 protected:
  std::array<Header*, kKept> pieces_{};

 private:
  Header* remove(Header*& place) {
    Header* piece = place;
    place = nullptr;
    bytes_ -= piece->bytes;
    return piece;
  }

  std::size_t bytes_ = 0, given_ = 0;
};

// Without a destructor of its own, so that it can still be asked when the others are gone: plans
// may outlive the thread's objects.
thread_local bool closed = false;

struct ThreadShelf : Shelf {
  ~ThreadShelf() {
    closed = true;
    for (Header* piece : pieces_)
      if (piece != nullptr) release(piece);
  }
};

Shelf& thread_shelf() {
  thread_local ThreadShelf mine;
  return mine;
}

// Large pieces, for whichever thread is next: filling an hour's with fresh pages takes a tenth of
// the time of its image. Meanwhile the system may have their memory, if it runs short. A thread
// that finds the shelf locked does without it: in a forked process it may stay locked for ever.
std::mutex shared_mutex;
Shelf shared_shelf;

Header* take_shared(std::size_t bytes) {
  const std::unique_lock<std::mutex> lock(shared_mutex, std::try_to_lock);
  return lock ? shared_shelf.take(bytes) : nullptr;
}

// Returns what has to be released first, the piece itself if that.
Header* put_shared(Header* piece) {
  const std::unique_lock<std::mutex> lock(shared_mutex, std::try_to_lock);
  return lock ? shared_shelf.put(piece, kSharedBytes) : piece;
}

}  // namespace

void* take_scratch(std::size_t bytes) noexcept {
  Header* piece = bytes > kKeepBytes ? take_shared(bytes)
                  : closed           ? nullptr
                                     : thread_shelf().take(bytes);
  if (piece == nullptr && bytes <= kMaxSize - sizeof(Header)) piece = allocate(bytes);
  return piece == nullptr ? nullptr : piece + 1;
}

void give_scratch(void* memory) noexcept {
  if (memory == nullptr) return;
  Header* piece = static_cast<Header*>(memory) - 1;
  if (piece->bytes <= kKeepBytes) {
    if (closed) return release(piece);
    while (Header* old = thread_shelf().put(piece, kMaxSize)) release(old);
  } else {
    if (!kLends || piece->bytes > kSharedBytes) return release(piece);
    lend_to_system(piece);
    // Outside of the lock, since releasing may take its time.
    while (Header* old = put_shared(piece)) {
      const bool itself = old == piece;
      release(old);
      if (itself) return;
    }
  }
}

}  // namespace melpix
