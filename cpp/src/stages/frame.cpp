// SPDX-License-Identifier: MIT
#include "stages/frame.h"

#include <algorithm>
#include <cstdint>

#include "base/check.h"

namespace melpix {
namespace {

// The two reflections repeat for as long as the padding is; `i` is any index, `n` >= 1.
std::ptrdiff_t reflect(std::ptrdiff_t i, std::ptrdiff_t n) {
  if (n == 1) return 0;
  const std::ptrdiff_t period = 2 * (n - 1);
  const std::ptrdiff_t m = (i % period + period) % period;
  return m < n ? m : period - m;
}

std::ptrdiff_t reflect_with_edge(std::ptrdiff_t i, std::ptrdiff_t n) {
  const std::ptrdiff_t period = 2 * n;
  const std::ptrdiff_t m = (i % period + period) % period;
  return m < n ? m : period - 1 - m;
}

// The samples that a frame must have, n_fft or those under its window.
std::size_t frame_length(const Config& c) {
  return c.framing == Framing::kSnip ? c.win_length.value_or(c.mel.n_fft) : c.mel.n_fft;
}

std::ptrdiff_t bytes_of(SampleType type) {
  return type == SampleType::kInt16 ? 2 : type == SampleType::kFloat32 ? 4 : 8;
}

}  // namespace

std::size_t padding(const Config& c) {
  switch (c.framing) {
    case Framing::kCenter:
      return c.mel.n_fft / 2;
    case Framing::kMiddle:
      return (c.mel.n_fft - c.hop_length) / 2;
    case Framing::kUncentered:
    case Framing::kSnip:
      break;
  }
  return 0;
}

std::size_t frame_count(const Config& c, std::size_t length) {
  const bool snip = c.framing == Framing::kSnip;
  const std::size_t frame = frame_length(c);
  const std::size_t padded = checked_add(length, 2 * padding(c));
  if (length == 0 && padding(c) > 0 && c.pad_mode != PadMode::kConstant)
    throw invalid("y is empty: only pad_mode 'constant' can pad it");
  if (padded < frame)
    throw invalid("y is too short: ", length, " samples for ", snip ? "win_length " : "n_fft ",
                  frame, c.framing == Framing::kCenter ? "" : " without centring");
  return 1 + (padded - frame) / c.hop_length;
}

std::size_t first_frame(const Config& c) {
  const std::size_t frame = frame_length(c), pad = padding(c);
  return frame > 2 * pad ? frame - 2 * pad : 0;
}

std::size_t patched_length(const Config& c, std::size_t length) {
  if (c.tail == Tail::kDrop || length == 0) return length;
  const std::size_t first = checked_add(checked_mul(*c.patch - 1, c.hop_length), first_frame(c));
  if (length <= first) return first;
  const std::size_t step = checked_mul(c.patch_step.value_or(*c.patch), c.hop_length);
  return checked_add(first, checked_mul((length - first - 1) / step + 1, step));
}

std::size_t window_margin(const Config& c) {
  // librosa rounds down.
  return c.framing == Framing::kSnip ? 0 : (c.mel.n_fft - c.win_length.value_or(c.mel.n_fft)) / 2;
}

template <class T>
SampleReader<T>::SampleReader(const Config& c, const Kernels<T>& kernels, const Signal& y,
                              const Part& part)
    : kernels_(kernels),
      y_(y),
      sample_bytes_(bytes_of(y.type)),
      begin_(static_cast<std::ptrdiff_t>(part.begin)),
      end_(static_cast<std::ptrdiff_t>(checked_add(part.begin, y.length))),
      // A last frame may reach beyond the end, where its window is 0.
      mode_(padding(c) > 0 ? c.pad_mode : PadMode::kConstant),
      mode_behind_(part.last ? mode_ : PadMode::kConstant),
      n_fft_(c.mel.n_fft),
      hop_length_(c.hop_length),
      pad_(padding(c)) {
  constexpr SampleType kNative = sizeof(T) == 4 ? SampleType::kFloat32 : SampleType::kFloat64;
  exact_ = !part.rounded && y.channels == 1 && sample_bytes_ <= std::ptrdiff_t{sizeof(T)};
  if (y.type == kNative && y.channels == 1 && y.stride == 1) as_is_ = static_cast<const T*>(y.data);

  // librosa pads the signal's tail apart from its head: the tail starts with the first frame that
  // reaches past the end. If that frame is centred on the very end (so hop_length >= n_fft / 2),
  // the tail is n_fft / 2 samples long, one too short for a reflection of n_fft / 2, and the last
  // padded sample is reflected a second time. Parity with librosa wants the same sample.
  const std::size_t half = pad_;
  if (c.framing == Framing::kCenter && mode_ == PadMode::kReflect && half > 0 &&
      c.mel.n_fft % 2 == 0 && c.hop_length >= half) {
    const std::size_t length = static_cast<std::size_t>(end_);
    if (length % c.hop_length == 0 && length / c.hop_length > 1)
      tail_begin_ = static_cast<std::ptrdiff_t>(length - half);
  }
}

template <class T>
T SampleReader<T>::mixed(std::ptrdiff_t i) const {
  T value;
  kernels_.mix(y_, static_cast<std::size_t>(i - begin_), 1, &value);
  return value;
}

template <class T>
T SampleReader<T>::padded(std::ptrdiff_t i) const {
  const std::ptrdiff_t n = end_;
  if (i >= 0 && i < n) return mixed(i);
  switch (i < 0 ? mode_ : mode_behind_) {
    case PadMode::kConstant:
      return 0;
    case PadMode::kEdge:
      return mixed(i < 0 ? 0 : n - 1);
    case PadMode::kSymmetric:
      return mixed(reflect_with_edge(i, n));
    case PadMode::kReflect:
      return mixed(i < 0 ? reflect(i, n) : tail_begin_ + reflect(i - tail_begin_, n - tail_begin_));
    case PadMode::kLinearRamp: {
      // From 0 at the far end of the padding towards the edge, which is the next sample.
      const std::ptrdiff_t pad = static_cast<std::ptrdiff_t>(pad_);
      const std::ptrdiff_t step = i < 0 ? i + pad : n + pad - 1 - i;
      const double edge = static_cast<double>(mixed(i < 0 ? 0 : n - 1));
      return static_cast<T>(static_cast<double>(step) * (edge / static_cast<double>(pad)));
    }
  }
  return 0;
}

template <class T>
void SampleReader<T>::read(std::ptrdiff_t start, std::size_t count, T* out) const {
  const std::ptrdiff_t n = end_;
  const std::ptrdiff_t end = start + static_cast<std::ptrdiff_t>(count);
  std::ptrdiff_t i = start;
  for (; i < end && i < 0; ++i) *out++ = padded(i);
  if (i < end && i < n) {
    const std::size_t run = static_cast<std::size_t>(std::min(end, n) - i);
    kernels_.mix(y_, static_cast<std::size_t>(i - begin_), run, out);
    out += run;
    i += static_cast<std::ptrdiff_t>(run);
  }
  for (; i < end; ++i) *out++ = padded(i);
}

template class SampleReader<float>;
template class SampleReader<double>;

}  // namespace melpix
