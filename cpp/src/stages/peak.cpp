// SPDX-License-Identifier: MIT
#include "stages/peak.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include "base/check.h"

namespace melpix {

// Largest magnitude of the samples [begin, end) of all channels, or something that is not finite.
template <class S>
double PeakMeter::largest(std::size_t begin, std::size_t end) const {
  const auto first = static_cast<std::ptrdiff_t>(begin);
  const S* x = static_cast<const S*>(y_.data) + first * y_.stride;
  const std::size_t count = end - begin;
  const auto& kernels = melpix::kernels<S>(isa_);
  if (y_.channel_stride == 1 && y_.stride == static_cast<std::ptrdiff_t>(y_.channels))
    return static_cast<double>(kernels.peak(x, count * y_.channels, 1));  // interleaved

  double most = 0;
  for (std::size_t c = 0; c < y_.channels && std::isfinite(most); ++c) {
    const S* channel = x + static_cast<std::ptrdiff_t>(c) * y_.channel_stride;
    const double peak = static_cast<double>(kernels.peak(channel, count, y_.stride));
    if (!(peak <= most)) most = peak;
  }
  return most;
}

template <class S>
void PeakMeter::refuse(std::size_t begin, std::size_t end) const {
  const S* x = static_cast<const S*>(y_.data);
  for (std::size_t i = begin; i < end; ++i) {
    for (std::size_t c = 0; c < y_.channels; ++c) {
      const S value = x[static_cast<std::ptrdiff_t>(i) * y_.stride +
                        static_cast<std::ptrdiff_t>(c) * y_.channel_stride];
      if (std::isfinite(value)) continue;
      const std::string channel = y_.channels > 1 ? text_of(" of channel ", c) : "";
      throw std::domain_error(text_of("y must be finite, but sample ", before_ + i, channel, " is ",
                                      std::isnan(value) ? "nan"
                                      : value > 0       ? "inf"
                                                        : "-inf"));
    }
  }
}

void PeakMeter::advance(std::size_t end) {
  if (end <= seen_) return;
  const std::size_t begin = seen_;
  seen_ = end;
  double most = 1;
  if (y_.type == SampleType::kFloat32) most = largest<float>(begin, end);
  if (y_.type == SampleType::kFloat64) most = largest<double>(begin, end);
  if (!std::isfinite(most)) {
    // If nothing is found after all, the caller changed the samples meanwhile.
    y_.type == SampleType::kFloat32 ? refuse<float>(begin, end) : refuse<double>(begin, end);
  }
  if (!(most <= peak_)) peak_ = most;
}

}  // namespace melpix
