// SPDX-License-Identifier: MIT
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <random>
#include <thread>
#include <vector>

#include "melpix/memory.h"

#ifdef __unix__
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "check.h"

namespace {

constexpr std::size_t kMega = std::size_t{1} << 20;

// Bytes that the library has from the system's allocator, all told.
std::atomic<std::size_t> held{0};

}  // namespace

// Aligned memory is the library's alone here. The size lies ahead of each block.
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  const auto ahead = static_cast<std::size_t>(alignment);
  char* memory = static_cast<char*>(std::malloc(bytes + 2 * ahead));
  if (memory == nullptr) return nullptr;
  const std::size_t skip = 2 * ahead - reinterpret_cast<std::uintptr_t>(memory) % ahead;
  char* const block = memory + skip;
  std::memcpy(block - sizeof(memory), &memory, sizeof(memory));
  std::memcpy(block - 2 * sizeof(memory), &bytes, sizeof(bytes));
  held += bytes;
  return block;
}
void operator delete(void* block, std::align_val_t) noexcept {
  char* memory;
  std::size_t bytes;
  std::memcpy(&memory, static_cast<char*>(block) - sizeof(memory), sizeof(memory));
  std::memcpy(&bytes, static_cast<char*>(block) - 2 * sizeof(memory), sizeof(bytes));
  held -= bytes;
  std::free(memory);
}

namespace {

char* take(std::size_t bytes) { return static_cast<char*>(melpix::take_memory(bytes)); }

void* taken_and_given(std::size_t bytes) {
  void* const piece = take(bytes);
  melpix::give_memory(piece);
  return piece;
}

void test_sizes() {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, kMega - 64, kMega, 4 * kMega,
                                  4 * kMega + 1, 9 * kMega, 200 * kMega}) {
    for (int round = 0; round < 3; ++round) {
      char* piece = take(bytes);
      CHECK(piece != nullptr);
      CHECK_EQUAL(reinterpret_cast<std::uintptr_t>(piece) % 64, std::uintptr_t{0});
      std::memset(piece, round + 1, bytes);
      melpix::give_memory(piece);
    }
  }
  CHECK(take(SIZE_MAX) == nullptr);
  CHECK(take(SIZE_MAX / 2 - 8) == nullptr);
}

// What one holds, nobody else gets.
void test_pieces_are_apart() {
  for (const std::size_t bytes : {kMega / 2, 3 * kMega, 9 * kMega}) {
    std::vector<char*> pieces;
    for (int i = 0; i < 4; ++i) {
      pieces.push_back(take(bytes));
      std::memset(pieces.back(), i, bytes);
    }
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      CHECK_EQUAL(int{pieces[i][0]}, static_cast<int>(i));
      CHECK_EQUAL(int{pieces[i][bytes - 1]}, static_cast<int>(i));
    }
    for (char* piece : pieces) melpix::give_memory(piece);
  }
}

#ifdef __linux__
void test_large_pieces_are_kept() {
  void* const large = take(60 * kMega);
  void* const second = take(20 * kMega);
  melpix::give_memory(large);
  melpix::give_memory(second);
  void* again = take(20 * kMega);
  CHECK(again == second);  // the smaller of both that have room
  CHECK(taken_and_given(19 * kMega) == large);
  melpix::give_memory(again);
  void* const small = take(std::size_t{9} << 19);
  CHECK(small != large && small != second);  // they would be far too large
  melpix::give_memory(small);

  // The one that was not used for longest, the large one, goes.
  void* const third = take(90 * kMega);
  melpix::give_memory(third);
  again = take(20 * kMega);
  CHECK(again == second);
  CHECK(taken_and_given(60 * kMega) == third);
  melpix::give_memory(again);
}
#endif

// What was used last is kept, within the bounds; what the thread has no room for, the process has.
void test_bounds_hold_for_one_thread() {
  std::mt19937 random(7);
  std::vector<char*> pieces;
  const auto bounded = [] {
    const melpix::KeptMemory kept = melpix::kept_memory();
    return kept.thread <= melpix::kThreadKeeps && kept.process <= melpix::kProcessKeeps;
  };
  bool within = true;
  for (int i = 0; i < 3000; ++i) {
    // From a byte to 150 MB, every magnitude as often, 1 to 24 pieces at a time.
    const std::size_t limit = std::size_t{1} << random() % 28;
    pieces.push_back(take(limit + random() % limit));
    if (pieces.size() <= random() % 24) continue;
    std::shuffle(pieces.begin(), pieces.end(), random);
    for (char* piece : pieces) {
      melpix::give_memory(piece);
      within = within && bounded();
    }
    pieces.clear();
    const melpix::KeptMemory kept = melpix::kept_memory();
    if (held != kept.thread + kept.process) within = false;  // nothing is kept beside that
  }
  for (char* piece : pieces) melpix::give_memory(piece);
  CHECK(within);

  std::vector<void*> several;
  for (int i = 0; i < 16; ++i) several.push_back(take(kMega - 64));
  for (void* piece : several) melpix::give_memory(piece);
  CHECK_EQUAL(melpix::kept_memory().thread, melpix::kThreadKeeps);
  const std::size_t before = held;
  for (void*& piece : several) piece = take(kMega - 64);
  CHECK_EQUAL(held.load(), before);
  for (void* piece : several) melpix::give_memory(piece);
}

// Any thread may take it and any may give it back; when a thread ends, the process has its pieces.
void test_bounds_hold_for_many_threads() {
  constexpr std::size_t kThreads = 6;
  std::atomic<int> spoilt{0}, ready{0};
  std::atomic<bool> over{false}, go_on{false};
  std::vector<std::thread> threads;
  std::vector<char*> left(kThreads, nullptr);
  for (std::size_t t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int i = 0; i < 300; ++i) {
        const std::size_t limit = std::size_t{1} << (8 + random() % 16);
        const std::size_t bytes = limit + random() % limit;
        char* piece = take(bytes);
        piece[0] = piece[bytes - 1] = static_cast<char>(t);
        std::this_thread::yield();
        if (piece[0] != static_cast<char>(t) || piece[bytes - 1] != static_cast<char>(t)) ++spoilt;
        melpix::give_memory(piece);
        if (melpix::kept_memory().thread > melpix::kThreadKeeps) over = true;
      }
      left[t] = take(500000);
      ++ready;
      while (!go_on) std::this_thread::yield();
    });
  while (ready < static_cast<int>(kThreads)) std::this_thread::yield();
  for (char* piece : left) melpix::give_memory(piece);
  CHECK(held <= (kThreads + 1) * melpix::kThreadKeeps + melpix::kProcessKeeps);
  go_on = true;
  for (std::thread& thread : threads) thread.join();
  CHECK_EQUAL(spoilt.load(), 0);
  CHECK(!over);
  const melpix::KeptMemory kept = melpix::kept_memory();
  CHECK_EQUAL(held.load(), kept.thread + kept.process);

  void* before = nullptr;
  void* after = nullptr;
  std::thread([&] { before = taken_and_given(700001); }).join();
  std::thread([&] { after = taken_and_given(700001); }).join();
  CHECK(before == after);
}

#ifdef __unix__
// Whatever another thread held at that moment.
void test_forked_children_go_on() {
  std::atomic<bool> over{false};
  std::thread busy([&] {
    while (!over) taken_and_given(2 * kMega);
  });
  int failed = 0;
  for (int i = 0; i < 30; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (const std::size_t bytes : {kMega / 2, 2 * kMega, 9 * kMega}) {
        char* piece = take(bytes);
        piece[0] = piece[bytes - 1] = 1;
        melpix::give_memory(piece);
      }
      _exit(melpix::kept_memory().thread > melpix::kThreadKeeps);
    }
    int status = -1;
    waitpid(child, &status, 0);
    failed += status != 0;
  }
  over = true;
  busy.join();
  CHECK_EQUAL(failed, 0);
}
#endif

}  // namespace

int main() {
#ifdef __linux__
  test_large_pieces_are_kept();
#endif
  test_sizes();
  test_pieces_are_apart();
  test_bounds_hold_for_one_thread();
  test_bounds_hold_for_many_threads();
#ifdef __unix__
  test_forked_children_go_on();
#endif
  return failures();
}
