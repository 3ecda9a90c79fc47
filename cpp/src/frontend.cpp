// SPDX-License-Identifier: MIT
// START HERE: a signal goes through the stages block by block (block.h has them in their order);
// then features become pixels.
#include "melpix/frontend.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "block.h"
#include "check.h"
#include "finish.h"
#include "framing.h"
#include "kernels/kernels.h"
#include "parallel.h"
#include "peak.h"
#include "scratch.h"

namespace melpix {
namespace {

template <class T>
Limits<T> limits_of(const Config& c) {
  if (!c.range) return {};
  const T lo = static_cast<T>(c.range->lo);
  // Of a range too narrow for T, a step remains.
  return {lo, std::max(static_cast<T>(c.range->hi), std::nextafter(lo, Limits<T>::kInfinity))};
}

}  // namespace

template <class T>
struct Frontend<T>::Plan {
  Plan(const Config& c, const std::string& isa_wanted);

  std::size_t columns(std::size_t length) const {
    const std::size_t frames = frame_count(config, length);
    return config.columns.value_or(frames);
  }

  // What render() writes, in the order of the stages; kClipped: features within the range.
  enum class Values { kMel, kFeatures, kClipped };

  // Columns of values, in rows that start `stride` values apart. A `watch` is told of each stage's
  // end.
  template <class Watch>
  Summary render(const Signal& y, Values values, T* out, std::ptrdiff_t stride, Watch& watch) const;
  template <class Pixel, class Watch>
  Summary image(const Signal& y, Pixel* out, std::ptrdiff_t row_stride, Watch& watch) const;

  Config config;
  const Isa& isa;
  std::string isa_name;
  Limits<T> limits;
  BlockPlan<T> block;
  Finisher<T> finisher;
  std::unique_ptr<const BlockPlan<double>> precise;  // for frames in doubt, where there may be some
};

namespace {

enum Stage { kLoad, kSpectrum, kMel, kLog, kStore, kPixels };

struct NoWatch {
  void lap(Stage) {}
};

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

const Config& validated(const Config& c) {
  validate(c);
  return c;
}

// Computes frames again in double precision and puts their features into a block of floats.
class Refiner {
 public:
  Refiner(const Config& c, const BlockPlan<double>& plan, const Signal& y)
      : plan_(plan), reader_(c, plan.kernels, y), block_(plan) {}

  // `doubtful` has a bit for each of the block's frames, [begin, begin + count). Its remaining
  // lanes repeat the last frame, then as before.
  void refine(unsigned doubtful, std::size_t begin, std::size_t count, std::size_t lanes,
              float* bands) {
    std::size_t frames[kMaxLanes], waiting = 0;
    for (std::size_t lane = 0; lane < count; ++lane) {
      if (doubtful >> lane & 1u) frames[waiting++] = begin + lane;
      if (waiting > 0 && (waiting == plan_.kernels.lanes || lane + 1 == count)) {
        block_.load(reader_, frames[0], waiting, frames);
        block_.spectrum();
        block_.mel();
        block_.compress();
        for (std::size_t m = 0; m < plan_.config.mel.n_mels; ++m)
          for (std::size_t i = 0; i < waiting; ++i)
            bands[m * lanes + frames[i] - begin] =
                static_cast<float>(block_.bands()[m * plan_.kernels.lanes + i]);
        waiting = 0;
      }
    }
    for (std::size_t m = 0; m < plan_.config.mel.n_mels; ++m)
      std::fill(bands + m * lanes + count, bands + (m + 1) * lanes, bands[m * lanes + count - 1]);
  }

 private:
  const BlockPlan<double>& plan_;
  SampleReader<double> reader_;
  Block<double> block_;
};

// Length of the rows of an intermediate image: whole cache lines, and an odd number of them, so
// that the rows of a column do not compete for the same set of the cache.
std::size_t spread(std::size_t columns) {
  constexpr std::size_t kLine = kAlignment / sizeof(float);
  return (checked_add(columns, kLine - 1) / kLine | 1) * kLine;
}

template <class T>
T least(const T (&lanes)[kMaxLanes]) {
  return *std::min_element(lanes, lanes + kMaxLanes);
}
template <class T>
T greatest(const T (&lanes)[kMaxLanes]) {
  return *std::max_element(lanes, lanes + kMaxLanes);
}

// Rows of a matrix to where the caller wants them, in tiles: both sides stay in the nearest caches
// if one of them runs across.
template <class T, class U>
void deliver(const Matrix<T>& x, U* out, std::ptrdiff_t row_stride, std::ptrdiff_t column_stride) {
  constexpr std::size_t kTile = 16;
  for (std::size_t top = 0; top < x.rows; top += kTile)
    for (std::size_t left = 0; left < x.columns; left += kTile)
      for (std::size_t m = top; m < std::min(top + kTile, x.rows); ++m) {
        const T* from = x.values + m * x.stride + left;
        U* to = out + static_cast<std::ptrdiff_t>(m) * row_stride +
                static_cast<std::ptrdiff_t>(left) * column_stride;
        for (std::size_t t = 0; t < std::min(kTile, x.columns - left); ++t)
          to[static_cast<std::ptrdiff_t>(t) * column_stride] = static_cast<U>(from[t]);
      }
}

template <class T>
void pixels(const Kernels<T>& kernels, const T* row, std::size_t n, const Greys<T>& rule,
            std::uint8_t* out) {
  kernels.pixels8(row, n, rule, out);
}
template <class T>
void pixels(const Kernels<T>& kernels, const T* row, std::size_t n, const Greys<T>& rule,
            std::uint16_t* out) {
  kernels.pixels16(row, n, rule, out);
}

template <class T>
typename Greys<T>::Rounding rounding_of(const Config& c) {
  using Rule = typename Greys<T>::Rounding;
  return c.rounding == Rounding::kTruncate  ? Rule::kTruncate
         : c.rounding == Rounding::kNearest ? Rule::kNearest
                                            : Rule::kCeil;
}

}  // namespace

template <class T>
Frontend<T>::Plan::Plan(const Config& c, const std::string& isa_wanted)
    : config(validated(c)),
      isa(find_isa(isa_wanted.c_str())),
      isa_name(isa.name),
      limits(limits_of<T>(config)),
      block(config, isa),
      finisher(config, block.kernels) {
  if (sizeof(T) == sizeof(float) && is_log(config.compress))
    precise = std::make_unique<const BlockPlan<double>>(config, isa);
}

template <class T>
template <class Watch>
auto Frontend<T>::Plan::render(const Signal& y, Values values, T* out, std::ptrdiff_t stride,
                               Watch& watch) const -> Summary {
  if (y.channels < 1) throw invalid("y must have at least one channel, got 0");
  const bool compressed = values != Values::kMel;
  const std::size_t n_mels = config.mel.n_mels, all = frame_count(config, y.length);
  const std::size_t wanted = compressed ? columns(y.length) : all, frames = std::min(wanted, all);
  PeakMeter meter(y, isa);
  const SampleReader<T> reader(config, block.kernels, y);
  Block<T> current(block);
  std::optional<Refiner> refiner;
  const bool finished = compressed && finisher.needed();
  const Limits<T> clip = values == Values::kClipped ? limits : Limits<T>();
  const Limits<T> clip_now = finished ? Limits<T>() : clip;
  const Scratch<T> smooth(config.compress == Compress::kPcen ? n_mels : 0);
  if (config.compress == Compress::kPcen) std::fill_n(static_cast<T*>(smooth), n_mels, T(1));

  Extremes<T> extremes;
  std::fill_n(extremes.lo, kMaxLanes, std::numeric_limits<T>::infinity());
  std::fill_n(extremes.hi, kMaxLanes, -std::numeric_limits<T>::infinity());
  std::fill_n(extremes.poison, kMaxLanes, T(0));

  const std::size_t lanes = block.kernels.lanes;
  for (std::size_t begin = 0; begin < frames; begin += lanes) {
    const std::size_t count = std::min(lanes, frames - begin);
    meter.advance(reader.samples_before(begin + count));
    current.load(reader, begin, count);
    watch.lap(kLoad);
    current.spectrum();
    watch.lap(kSpectrum);
    current.mel();
    watch.lap(kMel);
    if (compressed) {
      const unsigned doubtful = precise ? current.doubt() : 0;
      current.compress(smooth);
      if constexpr (sizeof(T) == sizeof(float)) {
        if (doubtful != 0) {
          if (!refiner) refiner.emplace(config, *precise, y);
          refiner->refine(doubtful, begin, count, lanes, current.bands());
        }
      }
      watch.lap(kLog);
    }
    block.kernels.store(current.bands(), n_mels, count, out + begin, stride, clip_now.lo,
                        clip_now.hi, &extremes);
    watch.lap(kStore);
  }

  meter.advance(y.length);  // behind the last frame too
  const bool finite =
      std::all_of(extremes.poison, extremes.poison + kMaxLanes, [](T x) { return x == 0; });
  if (!finite && compressed) {
    std::ostringstream message;
    message << "a feature is not finite: y, with a peak of " << meter.peak() << ", is too large in "
            << (sizeof(T) == sizeof(float) ? "single" : "double") << " precision";
    throw std::overflow_error(message.str());
  }
  Limits<T> seen = {least(extremes.lo), greatest(extremes.hi)};
  const Matrix<T> x = {out, n_mels, frames, wanted, static_cast<std::size_t>(stride)};
  if (finished || frames < wanted) {
    finisher.run(x, clip, &seen);
    watch.lap(kStore);
  }
  return {static_cast<double>(seen.lo), static_cast<double>(seen.hi), meter.peak()};
}

template <class T>
template <class Pixel, class Watch>
auto Frontend<T>::Plan::image(const Signal& y, Pixel* out, std::ptrdiff_t row_stride,
                              Watch& watch) const -> Summary {
  const std::size_t wanted = columns(y.length), n_mels = config.mel.n_mels;
  const std::size_t stride = spread(wanted);
  const Scratch<T> values(checked_mul(stride, n_mels));
  const Summary seen =
      render(y, Values::kClipped, values, static_cast<std::ptrdiff_t>(stride), watch);
  const T lo = config.range ? limits.lo : static_cast<T>(seen.min);
  const T range = (config.range ? limits.hi : static_cast<T>(seen.max)) - lo;
  const Greys<T> rule = {lo, range, rounding_of<T>(config), config.invert};
  const Pixel nothing = config.invert ? std::numeric_limits<Pixel>::max() : Pixel{0};
  for (std::size_t m = 0; m < n_mels; ++m) {
    const std::size_t place = config.flip ? n_mels - 1 - m : m;
    Pixel* row = out + static_cast<std::ptrdiff_t>(place) * row_stride;
    if (range > 0)
      pixels(block.kernels, values + m * stride, wanted, rule, row);
    else
      std::fill_n(row, wanted, nothing);
  }
  watch.lap(kPixels);
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
std::size_t Frontend<T>::mel_frames(std::size_t length) const {
  return frame_count(config(), length);
}

template <class T>
std::size_t Frontend<T>::frames(std::size_t length) const {
  return plan_->columns(length);
}

template <class T>
auto Frontend<T>::mel(const Signal& y, T* out, std::ptrdiff_t row_stride) const -> Summary {
  NoWatch watch;
  return plan_->render(y, Plan::Values::kMel, out, row_stride, watch);
}

template <class T>
template <class U>
auto Frontend<T>::features(const Signal& y, U* out, std::ptrdiff_t row_stride,
                           std::ptrdiff_t column_stride) const -> Summary {
  NoWatch watch;
  if constexpr (std::is_same_v<T, U>)
    if (column_stride == 1 && row_stride >= 0)
      return plan_->render(y, Plan::Values::kFeatures, out, row_stride, watch);
  const std::size_t wanted = frames(y.length), n_mels = config().mel.n_mels;
  const std::size_t stride = spread(wanted);
  const Scratch<T> values(checked_mul(stride, n_mels));
  const Summary seen =
      plan_->render(y, Plan::Values::kFeatures, values, static_cast<std::ptrdiff_t>(stride), watch);
  if (std::max(-seen.min, seen.max) > static_cast<double>(std::numeric_limits<U>::max()))
    throw std::overflow_error("a feature does not fit float32");
  deliver<T, U>({values, n_mels, wanted, wanted, stride}, out, row_stride, column_stride);
  return seen;
}

template <class T>
template <class Pixel>
auto Frontend<T>::image(const Signal& y, Pixel* out, std::ptrdiff_t row_stride) const -> Summary {
  NoWatch watch;
  return plan_->image(y, out, row_stride, watch);
}

template <class T>
template <class Pixel>
void Frontend<T>::images(Task<Pixel>* tasks, std::size_t count, std::size_t threads,
                         std::size_t* failed) const {
  if (threads < 1 || threads > kMaxThreads)
    throw invalid("threads must be in 1 ... ", kMaxThreads, ", got ", threads);
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  // A long signal at the end would keep one thread busy while the others are done.
  std::stable_sort(order.begin(), order.end(), [tasks](std::size_t a, std::size_t b) {
    return tasks[a].y.length > tasks[b].y.length;
  });
  std::size_t index = count;
  const auto work = [this, tasks](std::size_t i) {
    tasks[i].seen = image(tasks[i].y, tasks[i].out, tasks[i].row_stride);
  };
  run_parallel(order, threads, work, failed != nullptr ? failed : &index);
}

template <class T>
auto Frontend<T>::profile(const Signal& y, std::uint8_t* out, std::ptrdiff_t row_stride,
                          StageSeconds* seconds) const -> Summary {
  StopWatch watch(seconds);
  return plan_->image(y, out, row_stride, watch);
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

#define MELPIX_PIXEL(T, Pixel)                                                                   \
  template Frontend<T>::Summary Frontend<T>::image(const Signal&, Pixel*, std::ptrdiff_t) const; \
  template void Frontend<T>::images(Task<Pixel>*, std::size_t, std::size_t, std::size_t*) const;
#define MELPIX_VALUE(T, U)                                                               \
  template Frontend<T>::Summary Frontend<T>::features(const Signal&, U*, std::ptrdiff_t, \
                                                      std::ptrdiff_t) const;
#define MELPIX_INSTANTIATE(T)    \
  MELPIX_PIXEL(T, std::uint8_t)  \
  MELPIX_PIXEL(T, std::uint16_t) \
  MELPIX_VALUE(T, float)         \
  MELPIX_VALUE(T, double)
MELPIX_INSTANTIATE(float)
MELPIX_INSTANTIATE(double)

}  // namespace melpix
