// SPDX-License-Identifier: MIT
// START HERE: the stages in order. A plan holds what every signal shares; render() takes a signal
// through the stages block by block.
#include "melpix/frontend.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "check.h"
#include "framing.h"
#include "kernels/kernels.h"
#include "mel.h"
#include "scratch.h"

namespace melpix {

template <class T>
struct Frontend<T>::Plan {
  Config config;
  const Isa& isa;
  const Kernels<T>& kernels;
  std::string isa_name;
  std::vector<T> window;  // n_fft samples
  MelBands<T> mel;
  std::unique_ptr<void, void (*)(void*)> fft;

  // What render() does after the mel stage.
  enum class Values { kMel, kLog };

  Plan(const Config& c, const std::string& isa_wanted);
  Summary render(const Signal& y, Values values, T* out, std::ptrdiff_t row_stride) const;
  Summary image(const Signal& y, std::uint8_t* out, std::ptrdiff_t row_stride) const;
};

namespace {

// The window in the middle of n_fft samples; librosa rounds the left margin down.
template <class T>
std::vector<T> padded_window(const Config& c) {
  const std::vector<double> samples =
      window_samples(c.window, c.win_length.value_or(c.mel.n_fft));
  std::vector<T> window(c.mel.n_fft, T(0));
  const std::size_t margin = (c.mel.n_fft - samples.size()) / 2;
  std::transform(samples.begin(), samples.end(),
                 window.begin() + static_cast<std::ptrdiff_t>(margin),
                 [](double w) { return static_cast<T>(w); });
  return window;
}

const Config& validated(const Config& c) {
  validate(c);
  return c;
}

// The frames of one block, as the load kernel wants them: `stride` samples apart.
template <class T>
struct Frames {
  const T* samples;
  std::ptrdiff_t stride;
};

// Frames in the middle of a mono signal of type T are used where they lie; others are brought to
// `staging` (lanes * n_fft samples). Lanes beyond `end` repeat the last frame: the kernels need no
// mask, and extremes stay right.
template <class T>
Frames<T> stage_frames(const SampleReader<T>& reader, const Config& c, std::size_t begin,
                       std::size_t end, std::size_t lanes, T* staging) {
  const std::size_t n_fft = c.mel.n_fft, hop_length = c.hop_length;
  const bool full = end - begin == lanes;
  const std::ptrdiff_t start = reader.frame_start(begin);
  const std::size_t span = (lanes - 1) * hop_length + n_fft;
  const std::ptrdiff_t hop = static_cast<std::ptrdiff_t>(hop_length);
  if (full && reader.inside(start, span)) {
    if (const T* samples = reader.direct(start, span)) return {samples, hop};
    if (hop_length < n_fft) {
      reader.read(start, span, staging);
      return {staging, hop};
    }
  }
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    T* frame = staging + lane * n_fft;
    if (begin + lane < end)
      reader.read(reader.frame_start(begin + lane), n_fft, frame);
    else
      std::copy_n(frame - n_fft, n_fft, frame);
  }
  return {staging, static_cast<std::ptrdiff_t>(n_fft)};
}

template <class T>
T least(const T (&lanes)[kMaxLanes]) {
  return *std::min_element(lanes, lanes + kMaxLanes);
}
template <class T>
T greatest(const T (&lanes)[kMaxLanes]) {
  return *std::max_element(lanes, lanes + kMaxLanes);
}

}  // namespace

template <class T>
Frontend<T>::Plan::Plan(const Config& c, const std::string& isa_wanted)
    : config(validated(c)),
      isa(find_isa(isa_wanted.c_str())),
      kernels(melpix::kernels<T>(isa)),
      isa_name(isa.name),
      window(padded_window<T>(c)),
      mel(mel_bands<T>(c.mel, c.single_filterbank)),
      fft(kernels.fft_create(c.mel.n_fft), kernels.fft_destroy) {
  if (fft == nullptr) throw std::bad_alloc();
}

template <class T>
auto Frontend<T>::Plan::render(const Signal& y, Values values, T* out,
                               std::ptrdiff_t row_stride) const -> Summary {
  const std::size_t frames = frame_count(config, y.length);
  const double peak = finite_peak(y);
  const SampleReader<T> reader(config, y);

  const std::size_t lanes = kernels.lanes, n_fft = config.mel.n_fft, n_mels = config.mel.n_mels;
  Scratch scratch;
  T* const staging = scratch.take<T>(lanes * n_fft);
  T* const block = scratch.take<T>(lanes * n_fft);
  T* const bins = scratch.take<T>(lanes * (n_fft / 2 + 1));
  T* const bands = scratch.take<T>(lanes * n_mels);

  Extremes<T> extremes;
  std::fill_n(extremes.lo, kMaxLanes, std::numeric_limits<T>::infinity());
  std::fill_n(extremes.hi, kMaxLanes, -std::numeric_limits<T>::infinity());
  std::fill_n(extremes.poison, kMaxLanes, T(0));

  for (std::size_t begin = 0; begin < frames; begin += lanes) {
    const std::size_t end = std::min(begin + lanes, frames);
    const Frames<T> in = stage_frames(reader, config, begin, end, lanes, staging);
    kernels.load(in.samples, in.stride, window.data(), n_fft, block);
    kernels.fft(fft.get(), block);
    kernels.power(block, n_fft, mel.bin_begin, mel.bin_end, static_cast<T>(config.power), bins);
    kernels.mel(bins, mel.weights.data(), mel.first.data(), mel.offset.data(), n_mels, bands);
    if (values == Values::kLog) kernels.log(bands, n_mels, static_cast<T>(config.offset));
    kernels.store(bands, n_mels, end - begin, out + begin, row_stride, &extremes);
  }

  const bool finite = std::all_of(extremes.poison, extremes.poison + kMaxLanes,
                                  [](T x) { return x == 0; });
  if (!finite && values == Values::kLog) {
    std::ostringstream message;
    message << "y has a peak of " << peak << ", too large for "
            << (sizeof(T) == 4 ? "single precision" : "the arithmetic");
    throw std::overflow_error(message.str());
  }
  return {static_cast<double>(least(extremes.lo)), static_cast<double>(greatest(extremes.hi)),
          peak};
}

template <class T>
auto Frontend<T>::Plan::image(const Signal& y, std::uint8_t* out,
                              std::ptrdiff_t row_stride) const -> Summary {
  const std::size_t frames = frame_count(config, y.length), n_mels = config.mel.n_mels;
  Scratch scratch;
  T* const values = scratch.take<T>(checked_mul(frames, n_mels));
  const Summary seen =
      render(y, Values::kLog, values, static_cast<std::ptrdiff_t>(frames));
  const T lo = static_cast<T>(seen.lo), range = static_cast<T>(seen.hi) - lo;
  for (std::size_t m = 0; m < n_mels; ++m) {
    std::uint8_t* row = out + static_cast<std::ptrdiff_t>(n_mels - 1 - m) * row_stride;
    if (range > 0)
      kernels.pixels(values + m * frames, frames, lo, range, row);
    else
      std::fill_n(row, frames, std::uint8_t{255});
  }
  return seen;
}

template <class T>
Frontend<T>::Frontend(const Config& config, const std::string& isa)
    : plan_(std::make_unique<const Plan>(config, isa)) {}
template <class T>
Frontend<T>::~Frontend() = default;
template <class T>
Frontend<T>::Frontend(Frontend&&) noexcept = default;
template <class T>
Frontend<T>& Frontend<T>::operator=(Frontend&&) noexcept = default;

template <class T>
std::size_t Frontend<T>::frames(std::size_t length) const {
  return frame_count(plan_->config, length);
}

template <class T>
auto Frontend<T>::mel(const Signal& y, T* out, std::ptrdiff_t row_stride) const -> Summary {
  return plan_->render(y, Plan::Values::kMel, out, row_stride);
}

template <class T>
auto Frontend<T>::features(const Signal& y, T* out, std::ptrdiff_t row_stride) const -> Summary {
  return plan_->render(y, Plan::Values::kLog, out, row_stride);
}

template <class T>
auto Frontend<T>::image(const Signal& y, std::uint8_t* out,
                        std::ptrdiff_t row_stride) const -> Summary {
  return plan_->image(y, out, row_stride);
}

template <class T>
const Config& Frontend<T>::config() const {
  return plan_->config;
}
template <class T>
const std::string& Frontend<T>::isa() const {
  return plan_->isa_name;
}
template <class T>
std::size_t Frontend<T>::empty_filters() const {
  return plan_->mel.empty_filters;
}

template class Frontend<float>;
template class Frontend<double>;

}  // namespace melpix
