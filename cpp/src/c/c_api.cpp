// SPDX-License-Identifier: MIT
// The C API of front-ends.
#include "melpix/c_api.h"

#include <cstddef>
#include <cstdint>
#include <variant>

#include "base/check.h"
#include "c/c_checks.h"
#include "melpix/mixed.h"
#include "melpix/parameters.h"

using melpix::checked_add;
using melpix::checked_mul;
using melpix::invalid;
using melpix::Product;
using melpix::c::check_aligned;
using melpix::c::check_given;
using melpix::c::checked_signal;
using melpix::c::given;
using melpix::c::guarded;

namespace {

// Strides of a matrix in the caller's memory.
struct Layout {
  std::size_t row_stride, column_stride;
};

// `l` for rows and columns, checked against what `out` has room for.
template <class T>
Layout checked_layout(const T* out, std::size_t capacity, std::size_t rows, std::size_t columns,
                      Layout l) {
  check_given("out", out);
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
melpix_status rendered(const melpix_frontend* frontend, Product product,
                       const melpix_signal* signal, T* out, std::size_t capacity, Layout layout,
                       melpix_summary* seen, const Render& render) noexcept {
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
        f.of.of(product));
  });
}

template <class Pixel>
melpix_status image(const melpix_frontend* frontend, const melpix_signal* signal, Pixel* out,
                    std::size_t capacity, Layout layout, melpix_summary* seen) {
  return rendered(frontend, sizeof(Pixel) == 1 ? Product::kImage8 : Product::kImage16, signal, out,
                  capacity, layout, seen,
                  [out](const auto& f, const melpix::Signal& y, std::ptrdiff_t rows,
                        std::ptrdiff_t columns) { return f.image(y, out, rows, columns); });
}

template <class T>
melpix_status features(const melpix_frontend* frontend, const melpix_signal* signal, T* out,
                       std::size_t capacity, Layout layout, melpix_summary* seen) {
  return rendered(frontend, Product::kFeatures, signal, out, capacity, layout, seen,
                  [out](const auto& f, const melpix::Signal& y, std::ptrdiff_t rows,
                        std::ptrdiff_t columns) { return f.features(y, out, rows, columns); });
}

}  // namespace

const char* melpix_version() { return melpix::version(); }

melpix_status melpix_parameter_at(std::size_t index, melpix_parameter* parameter) {
  return guarded([&] {
    melpix_parameter& out = given("parameter", parameter);
    const melpix::Parameter* p = melpix::parameter(index);
    if (p == nullptr) throw invalid("there is no parameter ", index);
    out = {p->name, p->kind,        p->words,      p->initial, p->least,
           p->most, p->above_least, p->below_most, p->rule,    p->about};
  });
}

melpix_status melpix_frontend_create(const char* parameters, melpix_frontend** frontend) {
  return guarded([&] {
    given("frontend", frontend) = nullptr;
    const melpix::Settings s = melpix::parse_settings(parameters);
    *frontend = new melpix_frontend{{s.config, s.precision, Product::kImage8, s.isa}};
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
        given("frontend", frontend).of.of(Product::kImage8));
  });
}

melpix_status melpix_image8(const melpix_frontend* frontend, const melpix_signal* signal,
                            std::uint8_t* out, std::size_t capacity, std::size_t row_stride,
                            std::size_t column_stride, melpix_summary* seen) {
  return image(frontend, signal, out, capacity, {row_stride, column_stride}, seen);
}

melpix_status melpix_image16(const melpix_frontend* frontend, const melpix_signal* signal,
                             std::uint16_t* out, std::size_t capacity, std::size_t row_stride,
                             std::size_t column_stride, melpix_summary* seen) {
  return image(frontend, signal, out, capacity, {row_stride, column_stride}, seen);
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
