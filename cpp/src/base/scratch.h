// SPDX-License-Identifier: MIT
// Working memory that a thread keeps warm between calls: fresh memory costs page faults.
#pragma once

#include <cstddef>
#include <new>

#include "base/check.h"
#include "kernels/kernels.h"

namespace melpix {

// As malloc and free, aligned to kAlignment: what a thread gives back is kept, a few pieces of it,
// for the next time. Any thread may give back any piece. pocketfft, which asks for its scratch at
// each transform, takes it from here (kernels/isa_body.inl).
void* take_scratch(std::size_t bytes) noexcept;
void give_scratch(void* memory) noexcept;

// `count` uninitialised values for as long as the object lives.
template <class T>
class Scratch {
 public:
  explicit Scratch(std::size_t count)
      : values_(static_cast<T*>(take_scratch(checked_mul(count, sizeof(T))))) {
    if (values_ == nullptr) throw std::bad_alloc();
  }
  ~Scratch() { give_scratch(values_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  operator T*() const { return values_; }

 private:
  T* values_;
};

}  // namespace melpix
