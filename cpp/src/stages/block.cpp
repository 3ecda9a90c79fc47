// SPDX-License-Identifier: MIT
#include "stages/block.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>

namespace melpix {
namespace {

template <class T>
std::vector<T> padded_window(const Config& c, std::size_t margin) {
  const std::vector<double> samples = window_samples(c.window, c.win_length.value_or(c.mel.n_fft));
  std::vector<T> window(c.mel.n_fft, T(0));
  std::transform(samples.begin(), samples.end(),
                 window.begin() + static_cast<std::ptrdiff_t>(margin),
                 [&c](double w) { return static_cast<T>(w * c.gain); });
  return window;
}

// Logarithms to the base of e, times `unit`.
double log_unit(Compress compress) {
  constexpr double kLog10 = 0.43429448190325182765;  // of e
  return compress == Compress::kLn ? 1 : compress == Compress::kLog10 ? kLog10 : 10 * kLog10;
}

template <class T>
Compression<T> compression_of(const Config& c) {
  using Kind = typename Compression<T>::Kind;
  Compression<T> rule;
  rule.floor = static_cast<T>(c.floor);
  if (is_log(c.compress)) {
    const double unit = log_unit(c.compress);
    rule.kind = Kind::kLog;
    rule.offset = static_cast<T>(c.offset);
    rule.unit = static_cast<T>(unit);
    if (c.ref) rule.shift = static_cast<T>(unit * std::log(std::max(*c.ref, c.floor)));
  } else if (c.compress == Compress::kPower &&
             (c.exponent != 1 || c.spectrum == Spectrum::kReal)) {  // |x|^1 is not x, then
    rule.kind = Kind::kPower;
    // An exponent that T rounds to 0 would make NaN of 0^exponent in the kernel.
    rule.exponent = std::max(static_cast<T>(c.exponent), std::numeric_limits<T>::min());
  } else if (c.compress == Compress::kPcen) {
    const double t = c.pcen.time_constant * c.mel.sr / static_cast<double>(c.hop_length);
    rule.kind = Kind::kPcen;
    rule.gain = static_cast<T>(c.pcen.gain);
    rule.bias = static_cast<T>(c.pcen.bias);
    rule.power = static_cast<T>(c.pcen.power);
    // (sqrt(1 + 4 t^2) - 1) / (2 t^2), where nothing cancels and nothing overflows.
    rule.smoothing = static_cast<T>(2 / (std::hypot(1, 2 * t) + 1));
    rule.eps = static_cast<T>(c.pcen.eps);
  }
  return rule;
}

void* planned(void* fft) {
  if (fft == nullptr) throw std::bad_alloc();
  return fft;
}

bool prepared(const Config& c) { return c.remove_dc || c.preemphasis > 0; }

}  // namespace

template <class T>
BlockPlan<T>::BlockPlan(const Config& c, const Isa& isa)
    : config(c),
      kernels(melpix::kernels<T>(isa)),
      margin(window_margin(c)),
      win_length(c.win_length.value_or(c.mel.n_fft)),
      window(padded_window<T>(c, margin)),
      mel(mel_bands<T>(c.mel, c.single_filterbank)),
      compression(compression_of<T>(c)),
      fft(planned(kernels.fft_create(c.mel.n_fft)), kernels.fft_destroy),
      doubt(c, kernels, kernels.fft_error(fft.get()), mel) {
  for (const T w : window)
    most_weight = std::max(most_weight, static_cast<double>(w) * static_cast<double>(w));
}

template <class T>
Block<T>::Block(const BlockPlan<T>& plan)
    : plan_(plan),
      staging_(plan.kernels.lanes * plan.config.mel.n_fft),
      block_(plan.kernels.lanes * plan.kernels.fft_rows(plan.fft.get())),
      bins_(plan.kernels.lanes * (plan.config.mel.n_fft / 2 + 1)),
      bands_(plan.kernels.lanes * plan.config.mel.n_mels),
      energy_(plan.kernels.lanes) {}

// Frames are used where they lie if they can be: those in the middle of a mono signal of type T.
// Others are copied to the staging buffer. Lanes without a frame repeat the last one, so that the
// kernels need no mask and extremes stay right.
template <class T>
auto Block<T>::stage(const SampleReader<T>& reader, const Chosen& chosen) -> Frames {
  if (prepared(plan_.config)) return stage_prepared(reader, chosen);
  if (chosen.count == 1) return stage_one(reader, reader.frame_start(chosen[0]));
  if (chosen.frames == nullptr && chosen.count == plan_.kernels.lanes)
    if (const std::optional<Frames> overlapping = stage_overlapping(reader, chosen.begin))
      return *overlapping;
  const std::size_t n_fft = plan_.config.mel.n_fft;
  return stage_each(chosen, [&](std::size_t lane, T* frame) {
    reader.read(reader.frame_start(chosen[lane]), n_fft, frame);
  });
}

// Consecutive frames share samples, which are copied once or not at all. Returns nothing where the
// frames reach beyond the signal, or where they do not overlap and have to be copied.
template <class T>
auto Block<T>::stage_overlapping(const SampleReader<T>& reader, std::size_t begin)
    -> std::optional<Frames> {
  const std::size_t n_fft = plan_.config.mel.n_fft, hop_length = plan_.config.hop_length;
  const std::size_t span = (plan_.kernels.lanes - 1) * hop_length + n_fft;
  const std::ptrdiff_t start = reader.frame_start(begin);
  const std::ptrdiff_t hop = static_cast<std::ptrdiff_t>(hop_length);
  if (!reader.inside(start, span)) return std::nullopt;
  if (const T* samples = reader.direct(start, span)) return Frames{samples, hop};
  if (hop_length >= n_fft) return std::nullopt;
  reader.read(start, span, staging_);
  return Frames{staging_, hop};
}

// A frame alone, as streams often have it: with a stride of 0, all lanes read it where it lies.
template <class T>
auto Block<T>::stage_one(const SampleReader<T>& reader, std::ptrdiff_t start) -> Frames {
  const std::size_t n_fft = plan_.config.mel.n_fft;
  if (const T* samples = reader.direct(start, n_fft)) return {samples, 0};
  reader.read(start, n_fft, staging_);
  return {staging_, 0};
}

template <class T>
auto Block<T>::stage_prepared(const SampleReader<T>& reader, const Chosen& chosen) -> Frames {
  const std::size_t lanes = plan_.kernels.lanes;
  if (chosen.count == 1) {
    std::fill_n(lost_, lanes, prepare(reader, reader.frame_start(chosen[0]), staging_));
    return {staging_, 0};
  }
  const Frames in = stage_each(chosen, [&](std::size_t lane, T* frame) {
    lost_[lane] = prepare(reader, reader.frame_start(chosen[lane]), frame);
  });
  std::fill(lost_ + chosen.count, lost_ + lanes, lost_[chosen.count - 1]);
  return in;
}

// Each frame in a place of its own: put(lane, place).
template <class T>
template <class Put>
auto Block<T>::stage_each(const Chosen& chosen, const Put& put) -> Frames {
  const std::size_t n_fft = plan_.config.mel.n_fft;
  for (std::size_t lane = 0; lane < plan_.kernels.lanes; ++lane) {
    T* frame = staging_ + lane * n_fft;
    if (lane < chosen.count)
      put(lane, frame);
    else
      std::copy_n(frame - n_fft, n_fft, frame);
  }
  return {staging_, static_cast<std::ptrdiff_t>(n_fft)};
}

// Writes one frame, without its mean or with pre-emphasis, to `frame`. Returns the energy that it
// had before that if its samples were rounded to T, since rounding is in proportion to it; else 0.
template <class T>
double Block<T>::prepare(const SampleReader<T>& reader, std::ptrdiff_t start, T* frame) {
  const std::size_t n = plan_.win_length, margin = plan_.margin;
  const std::ptrdiff_t first = start + static_cast<std::ptrdiff_t>(margin);
  const T* samples = reader.direct(first, n);
  const Scratch<T> copy(samples == nullptr ? n : 0);
  if (samples == nullptr) {
    reader.read(first, n, copy);
    samples = copy;
  }
  std::fill_n(frame, margin, T(0));
  std::fill(frame + margin + n, frame + plan_.config.mel.n_fft, T(0));
  const double energy = plan_.kernels.prepare(samples, n, plan_.config.remove_dc,
                                              plan_.config.preemphasis, frame + margin);
  return reader.exact() ? 0 : energy * plan_.most_weight;
}

template <class T>
void Block<T>::load(const SampleReader<T>& reader, std::size_t begin, std::size_t count,
                    const std::size_t* frames) {
  count_ = count;
  in_ = stage(reader, {begin, count, frames});
  const auto next = reader.memory(reader.samples_before(begin + count),
                                  reader.samples_before(begin + count + plan_.kernels.lanes));
  plan_.kernels.load(plan_.fft.get(), in_.samples, in_.stride, plan_.window.data(),
                     plan_.margin + plan_.win_length, plan_.config.mel.n_fft, block_, energy_,
                     next.begin, next.bytes);
  if (prepared(plan_.config))
    for (std::size_t lane = 0; lane < plan_.kernels.lanes; ++lane)
      energy_[lane] += static_cast<T>(lost_[lane]);
}

template <class T>
void Block<T>::spectrum() {
  if (plan_.config.spectrum == Spectrum::kReal)
    return plan_.kernels.real_spectrum(plan_.fft.get(), block_, bins_);
  plan_.kernels.spectrum(plan_.fft.get(), block_, static_cast<T>(plan_.config.power),
                         static_cast<T>(plan_.config.bin_offset), plan_.mel.begin, plan_.mel.end,
                         bins_);
}

template <class T>
void Block<T>::mel() {
  const auto& mel = plan_.mel;
  plan_.kernels.mel(bins_, mel.weights.data(), mel.first.data(), mel.offset.data(),
                    plan_.config.mel.n_mels, bands_);
}

template <class T>
unsigned Block<T>::doubt() const {
  return plan_.doubt.logarithms(bands_, energy_);
}

template <class T>
unsigned Block<T>::mel_doubt(double* greatest) const {
  // (A stream may not have the samples outside of the window yet.)
  const auto silent = [this](std::size_t lane) {
    const T* frame = in_.samples + static_cast<std::ptrdiff_t>(lane) * in_.stride;
    return plan_.kernels.peak(frame + plan_.margin, plan_.win_length, 1) == 0;
  };
  return plan_.doubt.mel_values(bands_, energy_, count_, silent, greatest);
}

template <class T>
void Block<T>::compress(T* smooth) {
  plan_.kernels.compress(bands_, plan_.config.mel.n_mels, count_, plan_.compression, smooth);
}

template struct BlockPlan<float>;
template struct BlockPlan<double>;
template class Block<float>;
template class Block<double>;

}  // namespace melpix
