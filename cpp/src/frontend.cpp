// SPDX-License-Identifier: MIT
// START HERE: a signal gets its length and level, and goes through the stages block by block
// (pass.h and block.h have them in their order); then features become pixels. stream.cpp does the
// same with what has come so far.
#include "melpix/frontend.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <type_traits>
#include <vector>

#include "base/check.h"
#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/kernels.h"
#include "pass.h"
#include "plan.h"
#include "stages/frame.h"
#include "stages/image.h"
#include "stages/normalise.h"
#include "stages/peak.h"
#include "stages/signal.h"

namespace melpix {
namespace {

class StopWatch {
 public:
  explicit StopWatch(StageSeconds* seconds) : seconds_(*seconds) { seconds_.fill(0); }
  void lap(Stage stage) {
    const Clock::time_point now = Clock::now();
    seconds_[stage] += std::chrono::duration<double>(now - last_).count();
    last_ = now;
  }

 private:
  using Clock = std::chrono::steady_clock;
  StageSeconds& seconds_;
  Clock::time_point last_ = Clock::now();
};

// Length of the rows of an intermediate image: whole cache lines, and an odd number of them, so
// that the rows of a column do not compete for the same set of the cache.
std::size_t spread(std::size_t columns) {
  constexpr std::size_t kLine = kAlignment / sizeof(float);
  return (checked_add(columns, kLine - 1) / kLine | 1) * kLine;
}

// What render() writes, in the order of the stages; kClipped: features within the range.
enum class Output { kMel, kFeatures, kClipped };

// How many samples frames are made of where `length` are given.
std::size_t signal_length(const Config& config, std::size_t length) {
  return patched_length(config, fitted_length(config, length));
}

// Columns of a signal that has its length by then.
std::size_t columns(const Config& config, std::size_t length) {
  const std::size_t frames = frame_count(config, length);
  return config.columns.value_or(frames);
}

// Columns of values, in rows that start `stride` values apart. A `watch` is told of each stage's
// end.
template <class T, class Watch>
typename Frontend<T>::Summary render(const Plan<T>& plan, const Signal& given, Output output,
                                     T* out, std::ptrdiff_t stride, Watch& watch) {
  const Config& config = plan.config;
  if (given.channels < 1) throw invalid("y must have at least one channel, got 0");
  PeakMeter original(given, plan.isa);
  const FittedSignal<T> fitted(config, plan.isa, given, signal_length(config, given.length),
                               [&original](std::size_t end) { original.advance(end); });
  const Signal& y = fitted.signal();
  const bool compressed = output != Output::kMel;
  const std::size_t n_mels = config.mel.n_mels, all = frame_count(config, y.length);
  const std::size_t wanted = compressed ? columns(config, y.length) : all;
  const std::size_t frames = std::min(wanted, all);
  PeakMeter meter(y, plan.isa);
  const Readers<T> readers(plan, y, y);
  const Scratch<T> smooth(config.compress == Compress::kPcen ? n_mels : 0);
  if (config.compress == Compress::kPcen) std::fill_n(static_cast<T*>(smooth), n_mels, T(1));
  double greatest = 0;
  Pass<T> pass(plan, compressed, smooth, &greatest);
  const bool normalised = compressed && plan.normaliser.needed();
  const Limits<T> clip = output == Output::kClipped ? plan.limits : Limits<T>();
  const Limits<T> clip_now = normalised ? Limits<T>() : clip;

  const std::size_t lanes = plan.block.kernels.lanes;
  for (std::size_t begin = 0; begin < frames; begin += lanes) {
    const std::size_t count = std::min(lanes, frames - begin);
    meter.advance(readers.plain.samples_before(begin + count));
    pass.block(readers, begin, count, clip_now, out + begin, stride, watch);
  }

  meter.advance(y.length);  // behind the last frame too
  if (compressed) pass.check_finite(meter.peak());
  Limits<T> seen = pass.seen();
  const Matrix<T> x = {out, n_mels, frames, wanted, static_cast<std::size_t>(stride)};
  if (normalised || frames < wanted) {
    plan.normaliser.run(x, clip, &seen);
    watch.lap(kNormalise);
  }
  return {static_cast<double>(seen.lo), static_cast<double>(seen.hi), meter.peak()};
}

template <class T, class Pixel, class Watch>
typename Frontend<T>::Summary render_image(const Plan<T>& plan, const Signal& y, Pixel* out,
                                           std::ptrdiff_t row_stride, Watch& watch) {
  const Config& config = plan.config;
  const std::size_t n_mels = config.mel.n_mels;
  const std::size_t wanted = columns(config, signal_length(config, y.length));
  const std::size_t stride = spread(wanted);
  const Scratch<T> values(checked_mul(stride, n_mels));
  const auto seen =
      render<T>(plan, y, Output::kClipped, values, static_cast<std::ptrdiff_t>(stride), watch);
  const T lo = config.range ? plan.limits.lo : static_cast<T>(seen.min);
  const T range = (config.range ? plan.limits.hi : static_cast<T>(seen.max)) - lo;
  const Greys<T> rule = plan.greys(lo, range);
  const Pixel nothing = config.invert ? std::numeric_limits<Pixel>::max() : Pixel{0};
  for (std::size_t m = 0; m < n_mels; ++m) {
    const std::size_t place = config.flip ? n_mels - 1 - m : m;
    Pixel* row = out + static_cast<std::ptrdiff_t>(place) * row_stride;
    if (range > 0)
      pixels(plan.block.kernels, values + m * stride, wanted, rule, row);
    else
      std::fill_n(row, wanted, nothing);
  }
  watch.lap(kImage);
  return seen;
}

}  // namespace

template <class T>
Frontend<T>::Frontend(const Config& config, const std::string& isa)
    : plan_(std::make_shared<const Plan<T>>(config, isa)) {}
template <class T>
Frontend<T>::~Frontend() = default;
template <class T>
Frontend<T>::Frontend(Frontend&&) noexcept = default;
template <class T>
Frontend<T>& Frontend<T>::operator=(Frontend&&) noexcept = default;

template <class T>
std::size_t Frontend<T>::mel_frames(std::size_t length) const {
  return frame_count(config(), signal_length(config(), length));
}

template <class T>
std::size_t Frontend<T>::frames(std::size_t length) const {
  return columns(config(), signal_length(config(), length));
}

template <class T>
template <class U>
auto Frontend<T>::mel(const Signal& y, U* out, std::ptrdiff_t row_stride) const -> Summary {
  NoWatch watch;
  if constexpr (std::is_same_v<T, U>) {
    return render(*plan_, y, Output::kMel, out, row_stride, watch);
  } else {
    const std::size_t wanted = mel_frames(y.length), n_mels = config().mel.n_mels;
    const std::size_t stride = spread(wanted);
    const Scratch<T> values(checked_mul(stride, n_mels));
    const Summary seen =
        render<T>(*plan_, y, Output::kMel, values, static_cast<std::ptrdiff_t>(stride), watch);
    lay_out<T, U>({values, n_mels, wanted, wanted, stride}, out, row_stride, 1);
    return seen;
  }
}

template <class T>
template <class U>
auto Frontend<T>::features(const Signal& y, U* out, std::ptrdiff_t row_stride,
                           std::ptrdiff_t column_stride) const -> Summary {
  NoWatch watch;
  if constexpr (std::is_same_v<T, U>)
    if (column_stride == 1 && row_stride >= 0)
      return render(*plan_, y, Output::kFeatures, out, row_stride, watch);
  const std::size_t wanted = frames(y.length), n_mels = config().mel.n_mels;
  const std::size_t stride = spread(wanted);
  const Scratch<T> values(checked_mul(stride, n_mels));
  const Summary seen =
      render<T>(*plan_, y, Output::kFeatures, values, static_cast<std::ptrdiff_t>(stride), watch);
  if (std::max(-seen.min, seen.max) > static_cast<double>(std::numeric_limits<U>::max()))
    throw std::overflow_error("a feature does not fit float32");
  lay_out<T, U>({values, n_mels, wanted, wanted, stride}, out, row_stride, column_stride);
  return seen;
}

template <class T>
template <class Pixel>
auto Frontend<T>::image(const Signal& y, Pixel* out, std::ptrdiff_t row_stride,
                        std::ptrdiff_t column_stride) const -> Summary {
  NoWatch watch;
  if (column_stride == 1) return render_image(*plan_, y, out, row_stride, watch);
  const std::size_t wanted = frames(y.length), n_mels = config().mel.n_mels;
  const Scratch<Pixel> image(checked_mul(wanted, n_mels));
  const Summary seen =
      render_image<T, Pixel>(*plan_, y, image, static_cast<std::ptrdiff_t>(wanted), watch);
  lay_out<Pixel, Pixel>({image, n_mels, wanted, wanted, wanted}, out, row_stride, column_stride);
  return seen;
}

template <class T>
template <class Pixel>
void Frontend<T>::images(Task<Pixel>* tasks, std::size_t count, std::size_t threads,
                         std::size_t* failed) const {
  if (threads < 1 || threads > kMaxThreads)
    throw invalid("threads must be in 1 ... ", kMaxThreads, ", got ", threads);
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  // A long signal at the end would keep one thread busy while the others are done. (Clang 19 warns
  // of what std::stable_sort does in GCC 12's library.)
  std::sort(order.begin(), order.end(), [tasks](std::size_t a, std::size_t b) {
    const std::size_t of_a = tasks[a].y.length, of_b = tasks[b].y.length;
    return of_a != of_b ? of_a > of_b : a < b;
  });
  std::size_t index = count;
  const auto work = [this, tasks](std::size_t i) {
    Task<Pixel>& task = tasks[i];
    task.seen = image(task.y, task.out, task.row_stride, task.column_stride);
  };
  run_parallel(order, threads, work, failed != nullptr ? failed : &index);
}

template <class T>
auto Frontend<T>::profile(const Signal& y, std::uint8_t* out, std::ptrdiff_t row_stride,
                          StageSeconds* seconds) const -> Summary {
  StopWatch watch(seconds);
  return render_image(*plan_, y, out, row_stride, watch);
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
  return plan_->block.mel.empty_filters;
}

template class Frontend<float>;
template class Frontend<double>;

#define MELPIX_PIXEL(T, Pixel)                                                            \
  template Frontend<T>::Summary Frontend<T>::image(const Signal&, Pixel*, std::ptrdiff_t, \
                                                   std::ptrdiff_t) const;                 \
  template void Frontend<T>::images(Task<Pixel>*, std::size_t, std::size_t, std::size_t*) const;
#define MELPIX_VALUE(T, U)                                                                 \
  template Frontend<T>::Summary Frontend<T>::mel(const Signal&, U*, std::ptrdiff_t) const; \
  template Frontend<T>::Summary Frontend<T>::features(const Signal&, U*, std::ptrdiff_t,   \
                                                      std::ptrdiff_t) const;
#define MELPIX_INSTANTIATE(T)    \
  MELPIX_PIXEL(T, std::uint8_t)  \
  MELPIX_PIXEL(T, std::uint16_t) \
  MELPIX_VALUE(T, float)         \
  MELPIX_VALUE(T, double)
MELPIX_INSTANTIATE(float)
MELPIX_INSTANTIATE(double)

}  // namespace melpix
