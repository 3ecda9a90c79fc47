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
#include <vector>

#include "block.h"
#include "check.h"
#include "framing.h"
#include "kernels/kernels.h"
#include "parallel.h"
#include "peak.h"
#include "scratch.h"

namespace melpix {
namespace {

// A range in the precision of the arithmetic; from -infinity to infinity if there is none.
template <class T>
struct Limits {
  Limits() = default;
  explicit Limits(const Range& range)
      : lo(static_cast<T>(range.lo)),
        // Of a range too narrow for T, a step remains.
        hi(std::max(static_cast<T>(range.hi), std::nextafter(lo, kInfinity))) {}

  static constexpr T kInfinity = std::numeric_limits<T>::infinity();
  T lo = -kInfinity, hi = kInfinity;
};

}  // namespace

template <class T>
struct Frontend<T>::Plan {
  // What render() writes; kClipped: features within `limits`.
  enum class Values { kMel, kFeatures, kClipped };

  Plan(const Config& c, const std::string& isa_wanted);
  // A `watch` is told of each stage's end.
  template <class Watch>
  Summary render(const Signal& y, Values values, T* out, std::ptrdiff_t row_stride,
                 Watch& watch) const;
  template <class Watch>
  Summary image(const Signal& y, std::uint8_t* out, std::ptrdiff_t row_stride, Watch& watch) const;

  Config config;
  const Isa& isa;
  std::string isa_name;
  Limits<T> limits;
  BlockPlan<T> block;
  std::unique_ptr<const BlockPlan<double>> precise;  // where T is float: for frames in doubt
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
        block_.log();
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

}  // namespace

template <class T>
Frontend<T>::Plan::Plan(const Config& c, const std::string& isa_wanted)
    : config(validated(c)),
      isa(find_isa(isa_wanted.c_str())),
      isa_name(isa.name),
      limits(config.range ? Limits<T>(*config.range) : Limits<T>()),
      block(config, isa) {
  if constexpr (sizeof(T) == sizeof(float))
    precise = std::make_unique<const BlockPlan<double>>(config, isa);
}

template <class T>
template <class Watch>
auto Frontend<T>::Plan::render(const Signal& y, Values values, T* out, std::ptrdiff_t row_stride,
                               Watch& watch) const -> Summary {
  if (y.channels < 1) throw invalid("y must have at least one channel, got 0");
  const std::size_t frames = frame_count(config, y.length);
  PeakMeter meter(y, isa);
  const SampleReader<T> reader(config, block.kernels, y);
  Block<T> current(block);
  std::optional<Refiner> refiner;
  const Limits<T> clip = values == Values::kClipped ? limits : Limits<T>();

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
    if (values != Values::kMel) {
      const unsigned doubtful = precise ? current.doubt() : 0;
      current.log();
      if constexpr (sizeof(T) == sizeof(float)) {
        if (doubtful != 0) {
          if (!refiner) refiner.emplace(config, *precise, y);
          refiner->refine(doubtful, begin, count, lanes, current.bands());
        }
      }
      watch.lap(kLog);
    }
    block.kernels.store(current.bands(), config.mel.n_mels, count, out + begin, row_stride, clip.lo,
                        clip.hi, &extremes);
    watch.lap(kStore);
  }

  meter.advance(y.length);  // behind the last frame too
  const bool finite =
      std::all_of(extremes.poison, extremes.poison + kMaxLanes, [](T x) { return x == 0; });
  if (!finite && values != Values::kMel) {
    std::ostringstream message;
    message << "a feature is not finite: y, with a peak of " << meter.peak() << ", is too large in "
            << (sizeof(T) == sizeof(float) ? "single" : "double") << " precision";
    throw std::overflow_error(message.str());
  }
  return {static_cast<double>(least(extremes.lo)), static_cast<double>(greatest(extremes.hi)),
          meter.peak()};
}

template <class T>
template <class Watch>
auto Frontend<T>::Plan::image(const Signal& y, std::uint8_t* out, std::ptrdiff_t row_stride,
                              Watch& watch) const -> Summary {
  const std::size_t frames = frame_count(config, y.length), n_mels = config.mel.n_mels;
  const std::size_t stride = spread(frames);
  const Scratch<T> values(checked_mul(stride, n_mels));
  const Summary seen =
      render(y, Values::kClipped, values, static_cast<std::ptrdiff_t>(stride), watch);
  const auto& kernels = block.kernels;
  const T lo = config.range ? limits.lo : static_cast<T>(seen.min);
  const T range = (config.range ? limits.hi : static_cast<T>(seen.max)) - lo;
  for (std::size_t m = 0; m < n_mels; ++m) {
    std::uint8_t* row = out + static_cast<std::ptrdiff_t>(n_mels - 1 - m) * row_stride;
    if (range > 0)
      kernels.pixels(values + m * stride, frames, lo, range, row);
    else
      std::fill_n(row, frames, std::uint8_t{255});
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
std::size_t Frontend<T>::frames(std::size_t length) const {
  return frame_count(plan_->config, length);
}

template <class T>
auto Frontend<T>::mel(const Signal& y, T* out, std::ptrdiff_t row_stride) const -> Summary {
  NoWatch watch;
  return plan_->render(y, Plan::Values::kMel, out, row_stride, watch);
}

template <class T>
auto Frontend<T>::features(const Signal& y, T* out, std::ptrdiff_t row_stride) const -> Summary {
  NoWatch watch;
  return plan_->render(y, Plan::Values::kFeatures, out, row_stride, watch);
}

template <class T>
auto Frontend<T>::image(const Signal& y, std::uint8_t* out, std::ptrdiff_t row_stride) const
    -> Summary {
  NoWatch watch;
  return plan_->image(y, out, row_stride, watch);
}

template <class T>
void Frontend<T>::images(Task* tasks, std::size_t count, std::size_t threads,
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

}  // namespace melpix
