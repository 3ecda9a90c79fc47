// SPDX-License-Identifier: MIT
// The mean of each frame's channels, as numpy.mean(frames, axis=1) rounds it.
#pragma once

#include <cstddef>

namespace melpix::decode {

// `frames` of `channels` interleaved samples to as many means. Fewer than eight channels are added
// in their order, more as numpy adds them: in eight sums.
void mix(const float* samples, std::size_t channels, std::size_t frames, float* out);
void mix(const double* samples, std::size_t channels, std::size_t frames, double* out);

}  // namespace melpix::decode
