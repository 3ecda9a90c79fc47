// SPDX-License-Identifier: MIT
// The C API of streams.
#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>

#include "c/c_checks.h"
#include "melpix/stream.h"

using melpix::checked_mul;
using melpix::invalid;
using melpix::c::check_aligned;
using melpix::c::check_given;
using melpix::c::checked_signal;
using melpix::c::given;
using melpix::c::guarded;

struct melpix_stream {
  std::variant<melpix::Stream<float>, melpix::Stream<double>> of;
  std::int32_t type;
  const char* closed = nullptr;  // why it takes nothing more
};

namespace {

constexpr const char* kFlushed = "the stream has been flushed: reset it for another signal";
constexpr const char* kBroken = "the stream has seen an error: reset it for another signal";

void require_open(const melpix_stream& s) {
  if (s.closed != nullptr) throw invalid(s.closed);
}

// Room for `columns` of V, one behind the other, in `out`. Of no column nothing is asked.
template <class V, class Call>
void write_as(melpix_stream& s, std::size_t n_mels, std::size_t columns, void* out,
              std::size_t capacity, const Call& call) {
  if (columns > 0) {
    check_given("out", out);
    check_aligned<V>("out", out);
    const std::size_t needed = checked_mul(columns, n_mels);
    checked_mul(needed, sizeof(V));
    if (capacity < needed) throw invalid("capacity must be >= ", needed, ", got ", capacity);
  }
  s.closed = kBroken;  // unless all goes well
  call(static_cast<V*>(out), static_cast<std::ptrdiff_t>(n_mels));
  s.closed = nullptr;
}

template <class Call>
void write(melpix_stream& s, std::size_t n_mels, std::size_t columns, void* out,
           std::size_t capacity, const Call& call) {
  if (s.type == MELPIX_UINT8)
    write_as<std::uint8_t>(s, n_mels, columns, out, capacity, call);
  else if (s.type == MELPIX_UINT16)
    write_as<std::uint16_t>(s, n_mels, columns, out, capacity, call);
  else if (s.type == MELPIX_FLOAT32)
    write_as<float>(s, n_mels, columns, out, capacity, call);
  else
    write_as<double>(s, n_mels, columns, out, capacity, call);
}

}  // namespace

melpix_status melpix_stream_create(const melpix_frontend* frontend, std::int32_t type,
                                   melpix_stream** stream) {
  return guarded([&] {
    given("stream", stream) = nullptr;
    const bool pixels = type == MELPIX_UINT8 || type == MELPIX_UINT16;
    if (!pixels && type != MELPIX_FLOAT32 && type != MELPIX_FLOAT64)
      throw invalid("type must be MELPIX_FLOAT32, _FLOAT64, _UINT8 or _UINT16, got ", type);
    const melpix::Values values = pixels ? melpix::Values::kImage : melpix::Values::kFeatures;
    const melpix::Product product = type == MELPIX_UINT8    ? melpix::Product::kImage8
                                    : type == MELPIX_UINT16 ? melpix::Product::kImage16
                                                            : melpix::Product::kFeatures;
    std::visit([&](const auto& f) { *stream = new melpix_stream{melpix::Stream(f, values), type}; },
               given("frontend", frontend).of.of(product));
  });
}

void melpix_stream_destroy(melpix_stream* stream) { delete stream; }

melpix_status melpix_stream_columns(const melpix_stream* stream, std::size_t length,
                                    std::size_t* columns) {
  return guarded([&] {
    const melpix_stream& s = given("stream", stream);
    require_open(s);
    given("columns", columns) =
        std::visit([length](const auto& of) { return of.columns(length); }, s.of);
  });
}

melpix_status melpix_stream_tail(const melpix_stream* stream, std::size_t* columns) {
  return guarded([&] {
    const melpix_stream& s = given("stream", stream);
    require_open(s);
    given("columns", columns) = std::visit([](const auto& of) { return of.tail(); }, s.of);
  });
}

melpix_status melpix_stream_push(melpix_stream* stream, const melpix_signal* signal, void* out,
                                 std::size_t capacity, std::size_t* columns) {
  return guarded([&] {
    melpix_stream& s = given("stream", stream);
    require_open(s);
    const melpix::Signal y = checked_signal(signal);
    std::visit(
        [&](auto& of) {
          const std::size_t count = of.columns(y.length);
          write(s, of.config().mel.n_mels, count, out, capacity,
                [&](auto* to, std::ptrdiff_t n_mels) { of.push(y, to, 1, n_mels); });
          if (columns != nullptr) *columns = count;
        },
        s.of);
  });
}

melpix_status melpix_stream_flush(melpix_stream* stream, void* out, std::size_t capacity,
                                  std::size_t* columns) {
  return guarded([&] {
    melpix_stream& s = given("stream", stream);
    require_open(s);
    std::visit(
        [&](auto& of) {
          const std::size_t count = of.tail();
          write(s, of.config().mel.n_mels, count, out, capacity,
                [&](auto* to, std::ptrdiff_t n_mels) { of.flush(to, 1, n_mels); });
          if (columns != nullptr) *columns = count;
        },
        s.of);
    s.closed = kFlushed;
  });
}

melpix_status melpix_stream_reset(melpix_stream* stream) {
  return guarded([&] {
    melpix_stream& s = given("stream", stream);
    std::visit([](auto& of) { of.reset(); }, s.of);
    s.closed = nullptr;
  });
}
