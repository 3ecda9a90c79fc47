// SPDX-License-Identifier: MIT
// Working memory for as long as an object lives.
#pragma once

#include <cstddef>
#include <new>

#include "base/check.h"
#include "melpix/memory.h"

namespace melpix {

// `count` uninitialised values.
template <class T>
class Scratch {
 public:
  explicit Scratch(std::size_t count)
      : values_(static_cast<T*>(take_memory(checked_mul(count, sizeof(T))))) {
    if (values_ == nullptr) throw std::bad_alloc();
  }
  ~Scratch() { give_memory(values_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  operator T*() const { return values_; }

 private:
  T* values_;
};

}  // namespace melpix
