// SPDX-License-Identifier: MIT
// Working memory that is kept between calls: fresh memory costs a page fault for each 4 KB.
#pragma once

#include <cstddef>

#include "melpix/export.h"

namespace melpix {

// The bytes that are kept at most by each thread, and by the process beside its threads. Where the
// system can take memory back by itself (Linux), the process keeps more: pieces of more than 4 MB
// are the system's as soon as it runs short, but count as the process's until then.
constexpr std::size_t kThreadKeeps = std::size_t{8} << 20;
#ifdef __linux__
constexpr std::size_t kProcessKeeps = std::size_t{128} << 20;
#else
constexpr std::size_t kProcessKeeps = std::size_t{32} << 20;
#endif

// As malloc and free, aligned to 64 bytes: what is given back is kept for the next time, up to
// those bounds. Any thread may give back what another one took. What a thread kept when it ends is
// the process's. A forked child has it too.
MELPIX_API void* take_memory(std::size_t bytes) noexcept;
MELPIX_API void give_memory(void* memory) noexcept;

// The bytes that are kept now, by the calling thread and by the process beside its threads.
struct KeptMemory {
  std::size_t thread = 0, process = 0;
};
MELPIX_API KeptMemory kept_memory() noexcept;

}  // namespace melpix
