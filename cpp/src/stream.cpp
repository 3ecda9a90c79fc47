// SPDX-License-Identifier: MIT
// A stream keeps the last samples of the signal (history.h): those that frames to come start in,
// and those that the padding at the end will be made of. A push computes the frames that its
// samples complete: from a buffer where they start in what was kept, else where the caller's
// samples lie.
#include "melpix/stream.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/scratch.h"
#include "history.h"
#include "pass.h"
#include "plan.h"
#include "stages/image.h"
#include "stages/peak.h"
#include "stages/signal.h"

namespace melpix {
namespace {

void require_no_end(const Config& c, Values values) {
  if (c.duration)
    throw refused("duration",
                  " must be None in a stream, which goes on for as long as samples come, got ",
                  *c.duration, ": push as many samples as are wanted");
  if (c.level == Level::kMinmax)
    throw refused(
        "level",
        " must be None or 'int16' in a stream, which cannot know the signal's extremes, got "
        "'minmax': scale the samples by a fixed range");
  if (c.tail == Tail::kPad)
    throw refused(
        "tail",
        " must be 'drop' in a stream, which has no patches, got 'pad': push the zeros that are "
        "wanted");
  if (values == Values::kMel) return;
  constexpr const char* kHint =
      ". Features and a range that are fixed can: ref=1, no top_db, "
      "normalise none or (mean, std), range=(lo, hi)";
  if (is_log(c.compress) && !c.ref)
    throw refused("ref",
                  " must be a number in a stream, which cannot know the signal's greatest "
                  "feature, got 'max'",
                  kHint);
  if (is_log(c.compress) && c.top_db)
    throw refused("top_db",
                  " must be None in a stream, which cannot know the signal's greatest "
                  "feature, got ",
                  *c.top_db, kHint);
  if (c.columns)
    throw refused("columns", " must be None in a stream, whose length is not known, got ",
                  *c.columns);
  using Kind = Normalise::Kind;
  const Kind kind = c.normalise.kind;
  if (kind != Kind::kNone && kind != Kind::kGiven)
    throw refused("normalise",
                  " must be None or (mean, std) in a stream, which cannot know the "
                  "signal's statistics, got '",
                  kind == Kind::kImage ? "image"
                  : kind == Kind::kMax ? "max"
                                       : "frequency",
                  "'", kHint);
  if (values == Values::kImage && !c.range)
    throw refused("range",
                  " must be (lo, hi) in a stream of pixels, which cannot know the signal's "
                  "least and greatest feature, got 'minmax'");
}

}  // namespace

template <class T>
struct Stream<T>::State {
  State(std::shared_ptr<const Plan<T>> shared, Values wanted)
      : plan(std::move(shared)),
        values(wanted),
        schedule(plan->config, plan->block.win_length),
        history(*plan, schedule.room(plan->config.mel.n_fft)) {
    require_no_end(plan->config, values);
    if (plan->config.compress == Compress::kPcen) smooth.resize(plan->config.mel.n_mels);
    restart();
  }

  void restart() {
    history.clear();
    next = 0;
    rounded = false;
    peak = greatest = 0;
    std::fill(smooth.begin(), smooth.end(), T(1));
    state = kOpen;
  }

  void require_open() const {
    if (state == kOpen) return;
    throw std::logic_error(state == kEnded
                               ? "the stream has been flushed: reset it for another signal"
                               : "the stream has seen an error: reset it for another signal");
  }

  // Whether columns are written as V.
  template <class V>
  void require_type() const {
    if (std::is_integral_v<V> != (values == Values::kImage))
      throw invalid("pixels of a stream are integers, mel values and features are not");
  }

  // The frames [next, end) to columns.
  template <class V>
  void write(Pass<T>& pass, const Readers<T>& y, std::size_t end, V* out, std::ptrdiff_t row_stride,
             std::ptrdiff_t column_stride) {
    const std::size_t n_mels = plan->config.mel.n_mels, lanes = plan->block.kernels.lanes;
    const Scratch<T> block(n_mels * lanes);
    NoWatch watch;
    const bool normalised = values != Values::kMel && plan->normaliser.needed();
    const Limits<T> clip = values == Values::kImage ? plan->limits : Limits<T>();
    while (next < end) {
      const std::size_t count = std::min(lanes, end - next);
      pass.block(y, next, count, normalised ? Limits<T>() : clip, block,
                 static_cast<std::ptrdiff_t>(count), watch);
      if (values != Values::kMel) pass.check_finite(peak);
      const Matrix<T> x = {block, n_mels, count, count, count};
      Limits<T> seen = pass.seen();
      if (normalised) plan->normaliser.run(x, clip, &seen);
      if constexpr (std::is_integral_v<V>) {
        const Scratch<V> greys(n_mels * count);
        pixels(plan->block.kernels, static_cast<const T*>(block), n_mels * count,
               plan->greys(clip.lo, clip.hi - clip.lo), static_cast<V*>(greys));
        const bool flip = plan->config.flip;
        V* const lowest = out + (flip ? static_cast<std::ptrdiff_t>(n_mels - 1) * row_stride : 0);
        lay_out<V, V>({greys, n_mels, count, count, count}, lowest, flip ? -row_stride : row_stride,
                      column_stride);
      } else {
        if (values != Values::kMel && sizeof(V) < sizeof(T) &&
            std::max(-seen.lo, seen.hi) > std::numeric_limits<V>::max())
          throw std::overflow_error("a feature does not fit float32");
        lay_out<T, V>(x, out, row_stride, column_stride);
      }
      next += count;
      out += static_cast<std::ptrdiff_t>(count) * column_stride;
    }
  }

  template <class V>
  void push(const Signal& given, V* out, std::ptrdiff_t row_stride, std::ptrdiff_t column_stride) {
    const std::size_t before = history.received(), length = checked_add(before, given.length);
    const std::size_t earlier = next;
    PeakMeter original(given, plan->isa, before);
    const FittedSignal<T> fitted(plan->config, plan->isa, given, given.length,
                                 [&original](std::size_t end) { original.advance(end); });
    const Signal& y = fitted.signal();
    PeakMeter meter(y, plan->isa, before);
    meter.advance(y.length);
    peak = std::max(peak, meter.peak());

    rounded = rounded || !SampleReader<T>(plan->config, plan->block.kernels, y).exact();
    const std::size_t joining = std::min(y.length, plan->config.mel.n_fft);
    history.append(y, 0, joining);
    if (schedule.complete(length) > next) {
      Pass<T> pass(*plan, values != Values::kMel, smooth.data(), &greatest);
      write(pass, history.readers(false, rounded), schedule.complete(history.received()), out,
            row_stride, column_stride);
      if (history.received() < length)
        write(pass, Readers<T>(*plan, y, y, {before, false, rounded}), schedule.complete(length),
              out + static_cast<std::ptrdiff_t>(next - earlier) * column_stride, row_stride,
              column_stride);
    }

    const std::size_t wanted = schedule.wanted_from(length, next);
    if (history.received() < length) {  // none of what was kept
      history.clear(wanted);
      history.append(y, wanted - before, length - wanted);
    } else {
      history.drop_until(wanted);
    }
  }

  std::shared_ptr<const Plan<T>> plan;
  Values values;
  Schedule schedule;
  History<T> history;
  bool rounded;      // whether samples lost digits on their way to T
  std::size_t next;  // frame
  std::vector<T> smooth;
  double peak, greatest;  // of the samples, and see Pass
  enum { kOpen, kEnded, kBroken } state;
};

template <class T>
Stream<T>::Stream(const Frontend<T>& frontend, Values values)
    : state_(std::make_unique<State>(frontend.plan_, values)) {}
template <class T>
Stream<T>::~Stream() = default;
template <class T>
Stream<T>::Stream(Stream&&) noexcept = default;
template <class T>
Stream<T>& Stream<T>::operator=(Stream&&) noexcept = default;

template <class T>
std::size_t Stream<T>::columns(std::size_t length) const {
  state_->require_open();
  return state_->schedule.complete(checked_add(state_->history.received(), length)) - state_->next;
}

template <class T>
std::size_t Stream<T>::tail() const {
  state_->require_open();
  return frame_count(config(), state_->history.received()) - state_->next;
}

template <class T>
template <class V>
std::size_t Stream<T>::push(const Signal& y, V* out, std::ptrdiff_t row_stride,
                            std::ptrdiff_t column_stride) {
  state_->require_open();
  state_->template require_type<V>();
  if (y.channels < 1) throw invalid("y must have at least one channel, got 0");
  const std::size_t before = state_->next;
  state_->state = State::kBroken;  // unless all goes well
  state_->push(y, out, row_stride, column_stride);
  state_->state = State::kOpen;
  return state_->next - before;
}

template <class T>
template <class V>
std::size_t Stream<T>::flush(V* out, std::ptrdiff_t row_stride, std::ptrdiff_t column_stride) {
  state_->template require_type<V>();
  const std::size_t count = tail();
  state_->state = State::kBroken;
  if (count > 0) {
    Pass<T> pass(*state_->plan, state_->values != Values::kMel, state_->smooth.data(),
                 &state_->greatest);
    state_->write(pass, state_->history.readers(true, state_->rounded), state_->next + count, out,
                  row_stride, column_stride);
  }
  state_->state = State::kEnded;
  return count;
}

template <class T>
void Stream<T>::reset() {
  state_->restart();
}

template <class T>
std::size_t Stream<T>::latency() const {
  return state_->schedule.latency();
}
template <class T>
std::size_t Stream<T>::bytes() const {
  return sizeof(Stream) + sizeof(State) + state_->history.bytes() +
         state_->smooth.capacity() * sizeof(T);
}
template <class T>
std::size_t Stream<T>::samples() const {
  return state_->history.received();
}
template <class T>
double Stream<T>::peak() const {
  return state_->peak;
}
template <class T>
const Config& Stream<T>::config() const {
  return state_->plan->config;
}

template class Stream<float>;
template class Stream<double>;

#define MELPIX_INSTANTIATE(T, V)                                                           \
  template std::size_t Stream<T>::push(const Signal&, V*, std::ptrdiff_t, std::ptrdiff_t); \
  template std::size_t Stream<T>::flush(V*, std::ptrdiff_t, std::ptrdiff_t);
MELPIX_INSTANTIATE(float, float)
MELPIX_INSTANTIATE(float, double)
MELPIX_INSTANTIATE(float, std::uint8_t)
MELPIX_INSTANTIATE(float, std::uint16_t)
MELPIX_INSTANTIATE(double, float)
MELPIX_INSTANTIATE(double, double)
MELPIX_INSTANTIATE(double, std::uint8_t)
MELPIX_INSTANTIATE(double, std::uint16_t)

}  // namespace melpix
