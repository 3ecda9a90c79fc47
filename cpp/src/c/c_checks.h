// SPDX-License-Identifier: MIT
// What all of the C API does: checks what C cannot say in types, and turns exceptions into codes
// and messages.
#pragma once

#include <cstdint>

#include "base/check.h"
#include "melpix/c_api.h"
#include "melpix/mixed.h"

struct melpix_frontend {
  melpix::MixedFrontend of;
};

namespace melpix::c {

// The code of the exception that is being handled; its message is kept for melpix_error().
melpix_status caught() noexcept;

// What all functions of the C API that can fail do their work in.
template <class Call>
melpix_status guarded(const Call& call) noexcept {
  try {
    call();
    return MELPIX_OK;
  } catch (...) {
    return caught();
  }
}

inline void check_given(const char* name, const void* pointer) {
  if (pointer == nullptr) throw invalid(name, " is null");
}

// The one struct or handle that is pointed to.
template <class T>
T& given(const char* name, T* pointer) {
  check_given(name, pointer);
  return *pointer;
}

// Takes a void pointer: from a pointer to T, the compiler may conclude that it is aligned.
template <class T>
void check_aligned(const char* name, const void* pointer) {
  if (reinterpret_cast<std::uintptr_t>(pointer) % alignof(T) != 0)
    throw invalid(name, " must be aligned to ", alignof(T), " bytes");
}

Signal checked_signal(const melpix_signal* signal);

}  // namespace melpix::c
