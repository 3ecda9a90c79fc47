// SPDX-License-Identifier: MIT
// Column by column, while the samples arrive.
#pragma once

#include <cstddef>
#include <memory>

#include "melpix/config.h"
#include "melpix/export.h"
#include "melpix/frontend.h"
#include "melpix/signal.h"

namespace melpix {

// What the columns of a stream hold: what Frontend's mel(), features() and image() return.
enum class Values { kMel, kFeatures, kImage };

// A signal that comes in chunks of any size, and its columns: bit by bit those that the front-end
// makes of the whole signal. For one thread at a time; it keeps what it needs of the front-end.
//
// Columns come with the push that brings the last sample which they depend on. A push() allocates
// nothing once its thread is warm.
template <class T>
class Stream {
 public:
  // Throws std::invalid_argument, naming the parameter, if a column would depend on the whole
  // signal: samples on its extremes or its length (`level`, `duration`, `tail`), features on its
  // greatest (`ref`, `top_db`), on its statistics or on its length (`normalise`, `columns`), pixels
  // on its extremes (`range`).
  MELPIX_API explicit Stream(const Frontend<T>& frontend, Values values = Values::kFeatures);
  MELPIX_API ~Stream();
  MELPIX_API Stream(Stream&&) noexcept;
  MELPIX_API Stream& operator=(Stream&&) noexcept;

  // Columns that a push() of so many samples writes, and those that flush() does. The latter throws
  // std::invalid_argument if the signal is too short for the framing.
  MELPIX_API std::size_t columns(std::size_t length) const;
  MELPIX_API std::size_t tail() const;

  // Takes the next samples, of any type and any number of channels, and writes the columns that
  // they complete, n_mels rows each. V is float or double for mel values and features, and
  // std::uint8_t or std::uint16_t for pixels. Rows and columns start `row_stride` and
  // `column_stride` values apart, which may be negative. Returns how many columns it wrote.
  //
  // Throws what Frontend's methods do, with the sample's place in the stream in the message. The
  // stream is then of no use until it is reset: it throws std::logic_error, as it does after
  // flush(). A `y` without a channel and a V that does not fit leave it as it was.
  template <class V>
  MELPIX_API std::size_t push(const Signal& y, V* out, std::ptrdiff_t row_stride,
                              std::ptrdiff_t column_stride = 1);

  // Ends the signal and writes the columns that reach behind its end. As it was, if the signal is
  // too short for the framing.
  template <class V>
  MELPIX_API std::size_t flush(V* out, std::ptrdiff_t row_stride, std::ptrdiff_t column_stride = 1);

  // Ready for another signal.
  MELPIX_API void reset();

  // Column t comes with the sample t * hop_length + latency() - 1. (Only the first one, where it is
  // mirrored into the padding, may wait for two samples more.)
  MELPIX_API std::size_t latency() const;
  // Memory that it holds between two calls. (The front-end is shared, working memory the thread's.)
  MELPIX_API std::size_t bytes() const;
  MELPIX_API std::size_t samples() const;  // of one channel, so far
  MELPIX_API double peak() const;          // the largest |sample| so far, levelled
  MELPIX_API const Config& config() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace melpix
