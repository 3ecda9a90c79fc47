// SPDX-License-Identifier: MIT
#include "melpix/memory.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <array>
#include <cstdint>
#include <mutex>
#include <new>

#include "base/check.h"
#include "kernels/kernels.h"

namespace melpix {
namespace {

// Rendering holds six pieces at a time, twice as many where it computes frames again in double
// precision, and two more in a transform: a thread keeps that many. Those of the recipe take 1 MB.
constexpr std::size_t kThreadPieces = 16, kThreadPiece = std::size_t{1} << 20;

// What is larger, and what a thread cannot keep, is the process's: an hour of the recipe is 76 MB,
// a transform of 131072 samples takes six pieces of 8 MB. Smaller pieces are not worth its lock.
constexpr std::size_t kProcessPieces = 64, kProcessPiece = std::size_t{32} << 10;

// Ahead of each piece.
struct alignas(kAlignment) Header {
  std::size_t bytes;  // the header's own included
  std::size_t given;  // when it was last given back, in pieces
};

// Large pieces hold the features of long signals, whose rows lie on as many pages: they get large
// pages where the system has them, or each column costs a miss of the address cache for each row.
constexpr std::size_t kLarge = std::size_t{4} << 20, kLargePage = std::size_t{2} << 20;

#if defined(__linux__) && defined(MADV_HUGEPAGE) && defined(MADV_FREE)
// Advises the system about the large pages that a piece contains; its header is in none of them.
// It may be ignored.
void advise(Header* piece, int advice) {
  char* const memory = reinterpret_cast<char*>(piece);
  const std::size_t skip = kLargePage - reinterpret_cast<std::uintptr_t>(memory) % kLargePage;
  static_assert(sizeof(Header) <= kAlignment && kLargePage % kAlignment == 0, "skip >= a header");
  if (piece->bytes > skip)
    madvise(memory + skip, (piece->bytes - skip) / kLargePage * kLargePage, advice);
}
void want_large_pages(Header* piece) { advise(piece, MADV_HUGEPAGE); }
// What is in it is lost if the system takes the memory, but whoever takes memory expects nothing.
void lend_to_system(Header* piece) { advise(piece, MADV_FREE); }
#else
void want_large_pages(Header*) {}
void lend_to_system(Header*) {}
#endif

Header* allocate(std::size_t bytes) {
  void* memory = ::operator new(bytes, std::align_val_t{kAlignment}, std::nothrow);
  if (memory == nullptr) return nullptr;
  Header* piece = new (memory) Header{bytes, 0};
  if (bytes > kLarge) want_large_pages(piece);
  return piece;
}

void release(Header* piece) { ::operator delete(piece, std::align_val_t{kAlignment}); }

// Up to `count` pieces that were given back, of up to `most` bytes together, until they are wanted
// again or more recent ones take their place.
template <std::size_t count, std::size_t most>
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

  // Puts a piece of at most `most` bytes there, or returns the one that has to go first: what has
  // not been used for longest.
  Header* put(Header* piece) {
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

  std::size_t bytes() const { return bytes_; }

  // Calls f with each piece; none is left.
  template <class F>
  void clear(const F& f) {
    for (Header*& piece : pieces_)
      if (piece != nullptr) f(remove(piece));
  }

 private:
  Header* remove(Header*& place) {
    Header* piece = place;
    place = nullptr;
    bytes_ -= piece->bytes;
    return piece;
  }

  std::array<Header*, count> pieces_{};
  std::size_t bytes_ = 0, given_ = 0;
};

// For whichever thread is next: filling an hour's with fresh pages takes a tenth of the time of its
// image. Meanwhile the system may have the memory of large pieces, if it runs short. A thread that
// finds the shelf locked does without it: in a forked process it may stay locked for ever.
std::mutex process_mutex;

bool process_closed = false;  // threads may work on while the program ends

struct ProcessShelf : Shelf<kProcessPieces, kProcessKeeps> {
  ~ProcessShelf() { give_back(true); }
  void give_back(bool for_ever = false) {
    const std::unique_lock<std::mutex> lock(process_mutex, std::try_to_lock);
    if (!lock) return;  // as above: to wait might be for ever
    process_closed = process_closed || for_ever;
    clear(release);
  }
} process_shelf;

Header* take_from_process(std::size_t bytes) {
  if (bytes < kProcessPiece) return nullptr;
  const std::unique_lock<std::mutex> lock(process_mutex, std::try_to_lock);
  return lock && !process_closed ? process_shelf.take(bytes) : nullptr;
}

// Returns what has to be released first, the piece itself if that.
Header* put_for_process(Header* piece) {
  const std::unique_lock<std::mutex> lock(process_mutex, std::try_to_lock);
  return lock && !process_closed ? process_shelf.put(piece) : piece;
}

void give_to_process(Header* piece) {
  if (piece->bytes < kProcessPiece || piece->bytes > kProcessKeeps) return release(piece);
  if (piece->bytes > kLarge) lend_to_system(piece);
  // Outside of the lock, since releasing may take its time.
  while (Header* old = put_for_process(piece)) {
    const bool itself = old == piece;
    release(old);
    if (itself) return;
  }
}

// Without a destructor of its own, so that it can still be asked when the others are gone: plans
// may outlive the thread's objects.
thread_local bool closed = false;

struct ThreadShelf : Shelf<kThreadPieces, kThreadKeeps> {
  // The threads of the next call find there what those of this call had.
  ~ThreadShelf() {
    closed = true;
    clear(give_to_process);
  }
};
static_assert(kThreadPiece <= kThreadKeeps, "a thread can keep each of its pieces");

ThreadShelf& thread_shelf() {
  thread_local ThreadShelf mine;
  return mine;
}

}  // namespace

void* take_memory(std::size_t bytes) noexcept {
  if (bytes > kMaxSize - sizeof(Header)) return nullptr;
  bytes += sizeof(Header);
  Header* piece = bytes > kThreadPiece || closed ? nullptr : thread_shelf().take(bytes);
  if (piece == nullptr) piece = take_from_process(bytes);
  if (piece == nullptr) piece = allocate(bytes);
  if (piece == nullptr) {  // what is kept may be what is missing
    if (!closed) thread_shelf().clear(release);
    process_shelf.give_back();
    piece = allocate(bytes);
  }
  return piece == nullptr ? nullptr : piece + 1;
}

void give_memory(void* memory) noexcept {
  if (memory == nullptr) return;
  Header* piece = static_cast<Header*>(memory) - 1;
  if (piece->bytes > kThreadPiece || closed) return give_to_process(piece);
  while (Header* old = thread_shelf().put(piece)) give_to_process(old);
}

KeptMemory kept_memory() noexcept {
  KeptMemory kept;
  if (!closed) kept.thread = thread_shelf().bytes();
  const std::unique_lock<std::mutex> lock(process_mutex, std::try_to_lock);
  if (lock) kept.process = process_shelf.bytes();
  return kept;
}

}  // namespace melpix
