// SPDX-License-Identifier: MIT
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "base/scratch.h"
#include "check.h"

namespace {

constexpr std::size_t kMega = std::size_t{1} << 20;

void test_sizes() {
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{1}, kMega, 4 * kMega, 4 * kMega + 1, 9 * kMega, 200 * kMega}) {
    for (int round = 0; round < 3; ++round) {
      char* piece = static_cast<char*>(melpix::take_scratch(bytes));
      CHECK(piece != nullptr);
      CHECK_EQUAL(reinterpret_cast<std::uintptr_t>(piece) % melpix::kAlignment, std::uintptr_t{0});
      std::memset(piece, round + 1, bytes);
      melpix::give_scratch(piece);
    }
  }
}

// What one holds, nobody else gets.
void test_pieces_are_apart() {
  for (const std::size_t bytes : {kMega, 9 * kMega}) {
    std::vector<char*> pieces;
    for (int i = 0; i < 4; ++i) {
      pieces.push_back(static_cast<char*>(melpix::take_scratch(bytes)));
      std::memset(pieces.back(), i, bytes);
    }
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      CHECK_EQUAL(int{pieces[i][0]}, static_cast<int>(i));
      CHECK_EQUAL(int{pieces[i][bytes - 1]}, static_cast<int>(i));
    }
    for (char* piece : pieces) melpix::give_scratch(piece);
  }
}

#ifdef __linux__
void* taken_and_given(std::size_t bytes) {
  void* const piece = melpix::take_scratch(bytes);
  melpix::give_scratch(piece);
  return piece;
}

void test_large_pieces_are_kept() {
  void* const large = melpix::take_scratch(60 * kMega);
  void* const second = melpix::take_scratch(20 * kMega);
  melpix::give_scratch(large);
  melpix::give_scratch(second);
  void* again = melpix::take_scratch(20 * kMega);
  CHECK(again == second);  // the smaller of both that have room
  CHECK(taken_and_given(19 * kMega) == large);
  melpix::give_scratch(again);
  void* const small = melpix::take_scratch(std::size_t{9} << 19);
  CHECK(small != large && small != second);  // they would be far too large
  melpix::give_scratch(small);

  // No more than 128 MB in all: the one that was not used for longest, the large one, goes.
  void* const third = melpix::take_scratch(90 * kMega);
  melpix::give_scratch(third);
  again = melpix::take_scratch(20 * kMega);
  CHECK(again == second);
  CHECK(taken_and_given(60 * kMega) == third);
  melpix::give_scratch(again);
}
#endif

// Any thread may take it and any may give it back.
void test_threads() {
  std::vector<std::thread> threads;
  std::vector<int> spoilt(4, 0);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t, &spoilt] {
      for (int i = 0; i < 200; ++i) {
        const std::size_t bytes = (5 + static_cast<std::size_t>((t + i) % 3)) * kMega;
        char* piece = static_cast<char*>(melpix::take_scratch(bytes));
        piece[0] = piece[bytes - 1] = static_cast<char>(t);
        std::this_thread::yield();
        spoilt[static_cast<std::size_t>(t)] += piece[0] != t || piece[bytes - 1] != t;
        melpix::give_scratch(piece);
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const int count : spoilt) CHECK_EQUAL(count, 0);
}

}  // namespace

int main() {
#ifdef __linux__
  test_large_pieces_are_kept();
#endif
  test_sizes();
  test_pieces_are_apart();
  test_threads();
  return failures();
}
