// SPDX-License-Identifier: MIT
// The C API: checks what C cannot say in types, and turns exceptions into codes and messages.
#include "melpix/c_api.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <variant>

#include "check.h"
#include "melpix/frontend.h"
#include "settings.h"

using melpix::checked_add;
using melpix::checked_mul;
using melpix::invalid;

struct melpix_frontend {
  std::variant<melpix::Frontend<float>, melpix::Frontend<double>> of;
};

namespace {

// A message must be kept where there is no memory left, too.
thread_local char last_error[512];

melpix_status failed(melpix_status status, const char* message) {
  std::snprintf(last_error, sizeof last_error, "%s", message);
  return status;
}

template <class Call>
melpix_status guarded(const Call& call) noexcept {
  try {
    call();
    return MELPIX_OK;
  } catch (const std::invalid_argument& e) {
    return failed(MELPIX_INVALID_ARGUMENT, e.what());
  } catch (const std::domain_error& e) {
    return failed(MELPIX_NON_FINITE, e.what());
  } catch (const std::overflow_error& e) {
    return failed(MELPIX_OVERFLOW, e.what());
  } catch (const std::length_error& e) {
    return failed(MELPIX_TOO_LARGE, e.what());
  } catch (const std::bad_alloc&) {
    return failed(MELPIX_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return failed(MELPIX_INTERNAL, e.what());
  } catch (...) {
    return failed(MELPIX_INTERNAL, "an unknown exception");
  }
}

template <class T>
T& given(const char* name, T* pointer) {
  if (pointer == nullptr) throw invalid(name, " is null");
  return *pointer;
}

template <class T>
void check_aligned(const char* name, const void* pointer) {
  if (reinterpret_cast<std::uintptr_t>(pointer) % alignof(T) != 0)
    throw invalid(name, " must be aligned to ", alignof(T), " bytes");
}

std::size_t magnitude(std::ptrdiff_t x) {
  return x < 0 ? std::size_t{0} - static_cast<std::size_t>(x) : static_cast<std::size_t>(x);
}

// Where the samples are, and of what type.
template <class S>
void locate(const melpix_signal& s, melpix::SampleType type, melpix::Signal* y) {
  if (s.length > 0) given("signal's samples", static_cast<const S*>(s.samples));
  check_aligned<S>("signal's samples", s.samples);
  y->data = s.samples;
  y->type = type;
  if (s.length == 0) return;
  const std::size_t along = checked_mul(s.length - 1, magnitude(y->stride));
  const std::size_t across = checked_mul(s.channels - 1, magnitude(y->channel_stride));
  checked_mul(checked_add(checked_add(along, across), 1), sizeof(S));
}

melpix::Signal checked_signal(const melpix_signal* signal) {
  const melpix_signal& s = given("signal", signal);
  melpix::Signal y;
  y.length = s.length;
  y.channels = s.channels;
  if (s.channels < 1) throw invalid("signal's channels must be >= 1, got 0");
  const bool mono = s.channels == 1;
  y.stride = s.stride;
  y.channel_stride = mono ? 0 : s.channel_stride;
  if (y.stride == 0 && y.channel_stride == 0) {
    y.stride = static_cast<std::ptrdiff_t>(checked_add(s.channels, 0));
    y.channel_stride = 1;
  } else if (y.stride == 0 || (!mono && y.channel_stride == 0)) {
    throw invalid("signal's stride and channel_stride must both be 0, or neither");
  }
  if (s.type == MELPIX_INT16)
    locate<std::int16_t>(s, melpix::SampleType::kInt16, &y);
  else if (s.type == MELPIX_FLOAT32)
    locate<float>(s, melpix::SampleType::kFloat32, &y);
  else if (s.type == MELPIX_FLOAT64)
    locate<double>(s, melpix::SampleType::kFloat64, &y);
  else
    throw invalid("signal's type must be MELPIX_INT16, _FLOAT32 or _FLOAT64, got ", s.type);
  return y;
}

// Strides of a matrix in the caller's memory.
struct Layout {
  std::size_t row_stride, column_stride;
};

// `l` for rows and columns, checked against what `out` has room for.
template <class T>
Layout checked_layout(const T* out, std::size_t capacity, std::size_t rows, std::size_t columns,
                      Layout l) {
  given("out", out);
  check_aligned<T>("out", out);
  if (l.column_stride == 0) l.column_stride = 1;
  if (l.row_stride == 0) l.row_stride = checked_mul(columns, l.column_stride);
  const std::size_t row = checked_mul(columns - 1, l.column_stride);  // to its last value
  const std::size_t column = checked_mul(rows - 1, l.row_stride);
  if (l.row_stride <= row && l.column_stride <= column)
    throw invalid("rows of ", columns, " columns overlap: row_stride is ", l.row_stride,
                  ", column_stride ", l.column_stride);
  const std::size_t needed = checked_add(checked_add(row, column), 1);
  checked_mul(needed, sizeof(T));
  if (capacity < needed) throw invalid("capacity must be >= ", needed, ", got ", capacity);
  return l;
}

// Calls render(front-end, signal, layout).
template <class T, class Render>
melpix_status rendered(const melpix_frontend* frontend, const melpix_signal* signal, T* out,
                       std::size_t capacity, Layout layout, melpix_summary* seen,
                       const Render& render) noexcept {
  return guarded([&] {
    const melpix_frontend& f = given("frontend", frontend);
    const melpix::Signal y = checked_signal(signal);
    std::visit(
        [&](const auto& of) {
          const Layout checked =
              checked_layout(out, capacity, of.config().mel.n_mels, of.frames(y.length), layout);
          const auto summary = render(of, y, static_cast<std::ptrdiff_t>(checked.row_stride),
                                      static_cast<std::ptrdiff_t>(checked.column_stride));
          if (seen != nullptr) *seen = {summary.min, summary.max, summary.peak};
        },
        f.of);
  });
}

template <class Pixel>
melpix_status image(const melpix_frontend* frontend, const melpix_signal* signal, Pixel* out,
                    std::size_t capacity, std::size_t row_stride, melpix_summary* seen) {
  return rendered(frontend, signal, out, capacity, {row_stride, 1}, seen,
                  [out](const auto& f, const melpix::Signal& y, std::ptrdiff_t rows,
                        std::ptrdiff_t) { return f.image(y, out, rows); });
}

template <class T>
melpix_status features(const melpix_frontend* frontend, const melpix_signal* signal, T* out,
                       std::size_t capacity, Layout layout, melpix_summary* seen) {
  return rendered(frontend, signal, out, capacity, layout, seen,
                  [out](const auto& f, const melpix::Signal& y, std::ptrdiff_t rows,
                        std::ptrdiff_t columns) { return f.features(y, out, rows, columns); });
}

}  // namespace

const char* melpix_error() { return last_error; }

const char* melpix_version() { return melpix::version(); }

melpix_status melpix_frontend_create(const char* parameters, melpix_frontend** frontend) {
  return guarded([&] {
    given("frontend", frontend) = nullptr;
    const melpix::Settings s = melpix::parse_settings(parameters);
    if (s.single)
      *frontend = new melpix_frontend{melpix::Frontend<float>(s.config, s.isa)};
    else
      *frontend = new melpix_frontend{melpix::Frontend<double>(s.config, s.isa)};
  });
}

void melpix_frontend_destroy(melpix_frontend* frontend) { delete frontend; }

melpix_status melpix_frames(const melpix_frontend* frontend, std::size_t length, std::size_t* rows,
                            std::size_t* columns) {
  return guarded([&] {
    std::visit(
        [&](const auto& f) {
          const std::size_t frames = f.frames(length);
          if (rows != nullptr) *rows = f.config().mel.n_mels;
          if (columns != nullptr) *columns = frames;
        },
        given("frontend", frontend).of);
  });
}

melpix_status melpix_image8(const melpix_frontend* frontend, const melpix_signal* signal,
                            std::uint8_t* out, std::size_t capacity, std::size_t row_stride,
                            melpix_summary* seen) {
  return image(frontend, signal, out, capacity, row_stride, seen);
}

melpix_status melpix_image16(const melpix_frontend* frontend, const melpix_signal* signal,
                             std::uint16_t* out, std::size_t capacity, std::size_t row_stride,
                             melpix_summary* seen) {
  return image(frontend, signal, out, capacity, row_stride, seen);
}

melpix_status melpix_features32(const melpix_frontend* frontend, const melpix_signal* signal,
                                float* out, std::size_t capacity, std::size_t row_stride,
                                std::size_t column_stride, melpix_summary* seen) {
  return features(frontend, signal, out, capacity, {row_stride, column_stride}, seen);
}

melpix_status melpix_features64(const melpix_frontend* frontend, const melpix_signal* signal,
                                double* out, std::size_t capacity, std::size_t row_stride,
                                std::size_t column_stride, melpix_summary* seen) {
  return features(frontend, signal, out, capacity, {row_stride, column_stride}, seen);
}
