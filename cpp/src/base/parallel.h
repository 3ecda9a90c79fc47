// SPDX-License-Identifier: MIT
// Many independent pieces of work on a few threads that live no longer than the call.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

namespace melpix {

// Calls work(i) for each i of `order`, which holds different indices, on up to `threads` threads,
// the calling one included; a thread that is free takes the next. Returns when all threads have
// ended.
//
// If calls throw, what the one with the lowest index threw is thrown, and `*failed` is that index.
// Only calls with a higher one are left out, so it is the same for any number of threads.
template <class Work>
void run_parallel(const std::vector<std::size_t>& order, std::size_t threads, const Work& work,
                  std::size_t* failed) {
  std::atomic<std::size_t> next{0}, lowest{std::numeric_limits<std::size_t>::max()};
  std::mutex mutex;
  std::exception_ptr error;  // of `lowest`

  const auto drain = [&] {
    for (std::size_t k; (k = next.fetch_add(1)) < order.size();) {
      const std::size_t i = order[k];
      if (i > lowest) continue;
      try {
        work(i);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(mutex);
        if (i < lowest) {
          lowest = i;
          error = std::current_exception();
        }
      }
    }
  };

  std::vector<std::thread> helpers;
  try {
    while (helpers.size() + 1 < threads && helpers.size() + 1 < order.size())
      helpers.emplace_back(drain);
  } catch (const std::exception&) {
    // The system has no more threads, or no memory for them: those that run do the work.
  }
  drain();
  for (std::thread& helper : helpers) helper.join();
  if (error) {
    *failed = lowest;
    std::rethrow_exception(error);
  }
}

}  // namespace melpix
