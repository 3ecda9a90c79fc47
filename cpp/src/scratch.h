// SPDX-License-Identifier: MIT
// Working memory that a thread keeps warm between calls. (pocketfft takes its own from malloc.)
#pragma once

#include <cstddef>

#include "check.h"
#include "kernels/kernels.h"

namespace melpix {

// A stack discipline: a Scratch gives back what it took when it goes out of scope, in reverse
// order of construction within a thread. What exceeds the thread's share is allocated and freed.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // `count` uninitialised values, aligned to kAlignment. Throws std::bad_alloc.
  template <class T>
  T* take(std::size_t count) {
    return static_cast<T*>(take_bytes(checked_mul(count, sizeof(T))));
  }

 private:
  void* take_bytes(std::size_t bytes);

  std::size_t mark_;
};

}  // namespace melpix
