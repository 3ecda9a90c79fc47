// SPDX-License-Identifier: MIT
#include <cstddef>
#include <cstdint>

// Python.h is not included: it declares these two as functions of C++, which they are not
// (docs.python.org/3/c-api/memory.html, "tracemalloc C API").
extern "C" int PyTraceMalloc_Track(unsigned int domain, std::uintptr_t address, std::size_t bytes);
extern "C" int PyTraceMalloc_Untrack(unsigned int domain, std::uintptr_t address);

namespace {

constexpr unsigned int kDomain = 0x6d656c;  // "mel"

}  // namespace

void trace(const void* memory, std::size_t bytes) {
  PyTraceMalloc_Track(kDomain, reinterpret_cast<std::uintptr_t>(memory), bytes);
}

void untrace(const void* memory) {
  PyTraceMalloc_Untrack(kDomain, reinterpret_cast<std::uintptr_t>(memory));
}
