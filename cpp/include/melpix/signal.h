// SPDX-License-Identifier: MIT
// A view of the caller's samples: any type, mono or many channels, any strides, never a copy.
#pragma once

#include <cstddef>
#include <cstdint>

namespace melpix {

enum class SampleType { kInt16, kFloat32, kFloat64 };

// Channels are mixed by their mean; int16 is read as x / 32768. The strides count samples, not
// bytes, and may be negative; `data` is aligned to them: interleaved stereo is {data, type, n, 2,
// 2, 1}.
struct Signal {
  const void* data = nullptr;
  SampleType type = SampleType::kFloat32;
  std::size_t length = 0;  // samples of one channel
  std::size_t channels = 1;
  std::ptrdiff_t stride = 1;          // from one sample to the next of the same channel
  std::ptrdiff_t channel_stride = 0;  // from one channel to the next at the same time

  Signal() = default;
  Signal(const std::int16_t* y, std::size_t n) : data(y), type(SampleType::kInt16), length(n) {}
  Signal(const float* y, std::size_t n) : data(y), type(SampleType::kFloat32), length(n) {}
  Signal(const double* y, std::size_t n) : data(y), type(SampleType::kFloat64), length(n) {}
};

}  // namespace melpix
