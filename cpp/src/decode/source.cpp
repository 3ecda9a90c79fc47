// SPDX-License-Identifier: MIT
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64  // files of more than 2 GiB where pointers have 32 bits
#endif

#include "decode/source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#ifdef _WIN32
#define NOMINMAX
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace melpix::decode {

namespace {

constexpr std::size_t kMost = std::size_t{1} << 30;  // bytes that systems read at a time

#ifdef _WIN32

[[noreturn]] void fail() {
  throw std::system_error(static_cast<int>(GetLastError()), std::system_category());
}

class File : public Source {
 public:
  explicit File(const std::filesystem::path& path)
      : handle_(CreateFileW(path.c_str(), GENERIC_READ,
                            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                            OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr)) {
    if (handle_ == INVALID_HANDLE_VALUE) fail();
    LARGE_INTEGER size;
    if (!GetFileSizeEx(handle_, &size)) {
      const DWORD error = GetLastError();
      CloseHandle(handle_);
      SetLastError(error);
      fail();
    }
    size_ = static_cast<std::uint64_t>(size.QuadPart);
  }
  ~File() override { CloseHandle(handle_); }

  std::uint64_t size() const override { return size_; }

 private:
  // Returns 0 at the end.
  std::size_t read_some(std::uint64_t at, void* to, std::size_t count) {
    OVERLAPPED place{};
    place.Offset = static_cast<DWORD>(at);
    place.OffsetHigh = static_cast<DWORD>(at >> 32);
    DWORD got = 0;
    if (!ReadFile(handle_, to, static_cast<DWORD>(count), &got, &place) &&
        GetLastError() != ERROR_HANDLE_EOF)
      fail();
    return got;
  }

  HANDLE handle_;
  std::uint64_t size_ = 0;

#else

[[noreturn]] void fail() { throw std::system_error(errno, std::generic_category()); }

class File : public Source {
 public:
  explicit File(const std::filesystem::path& path) {
    do {
      descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    } while (descriptor_ < 0 && errno == EINTR);
    if (descriptor_ < 0) fail();
    struct stat found;
    if (fstat(descriptor_, &found) != 0) {
      const int error = errno;
      close(descriptor_);
      errno = error;
      fail();
    }
    size_ = found.st_size < 0 ? 0 : static_cast<std::uint64_t>(found.st_size);
  }
  ~File() override { close(descriptor_); }

  std::uint64_t size() const override { return size_; }

 private:
  // Returns 0 at the end.
  std::size_t read_some(std::uint64_t at, void* to, std::size_t count) {
    ssize_t got;
    do {
      got = pread(descriptor_, to, count, static_cast<off_t>(at));
    } while (got < 0 && errno == EINTR);
    if (got < 0) fail();
    return static_cast<std::size_t>(got);
  }

  int descriptor_;
  std::uint64_t size_ = 0;

#endif

 public:
  std::size_t read(std::uint64_t at, void* to, std::size_t count) override {
    auto* out = static_cast<unsigned char*>(to);
    std::size_t done = 0;
    while (done < count) {
      const std::size_t got = read_some(at + done, out + done, std::min(count - done, kMost));
      if (got == 0) break;
      done += got;
    }
    return done;
  }
};

class Memory : public Source {
 public:
  Memory(const void* data, std::size_t size)
      : data_(static_cast<const unsigned char*>(data)), size_(size) {}

  std::uint64_t size() const override { return size_; }
  std::size_t read(std::uint64_t at, void* to, std::size_t count) override {
    if (at >= size_) return 0;
    const auto start = static_cast<std::size_t>(at);
    const std::size_t n = std::min(count, size_ - start);
    std::memcpy(to, data_ + start, n);
    return n;
  }
  const unsigned char* memory() const override { return data_; }

 private:
  const unsigned char* data_;
  std::size_t size_;
};

}  // namespace

std::unique_ptr<Source> open_file(const std::filesystem::path& path) {
  return std::make_unique<File>(path);
}

std::unique_ptr<Source> open_memory(const void* data, std::size_t size) {
  return std::make_unique<Memory>(data, size);
}

}  // namespace melpix::decode
