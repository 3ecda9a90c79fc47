// SPDX-License-Identifier: MIT
// Where a decoder's bytes come from: a file, or memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

namespace melpix::decode {

class Source {
 public:
  virtual ~Source() = default;
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // In bytes, as it was when the source was opened.
  virtual std::uint64_t size() const = 0;
  // Copies the bytes from `at` on; returns how many, which are fewer than `count` only where the
  // source ends. Throws std::system_error where the system cannot read them.
  virtual std::size_t read(std::uint64_t at, void* to, std::size_t count) = 0;
  // All bytes, where they lie in memory; else null.
  virtual const unsigned char* memory() const { return nullptr; }
};

// Opens a file; throws std::system_error.
std::unique_ptr<Source> open_file(const std::filesystem::path& path);

// The memory must outlive the source, which copies nothing.
std::unique_ptr<Source> open_memory(const void* data, std::size_t size);

}  // namespace melpix::decode
