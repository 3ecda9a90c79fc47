// SPDX-License-Identifier: MIT
// Streams in C: the columns of the whole signal for any chunking, in every type.
#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "melpix/c_api.h"
#include "signals.h"
#include "status.h"

namespace {

constexpr std::size_t kMels = 24;
constexpr const char* kParameters =
    "n_fft=256 hop_length=100 n_mels=24 pad_mode=reflect range=-15,4";

melpix_status render(const melpix_frontend* f, const melpix_signal& y, std::vector<float>& out) {
  return melpix_features32(f, &y, out.data(), out.size(), 1, kMels, nullptr);
}
melpix_status render(const melpix_frontend* f, const melpix_signal& y, std::vector<double>& out) {
  return melpix_features64(f, &y, out.data(), out.size(), 1, kMels, nullptr);
}
melpix_status render(const melpix_frontend* f, const melpix_signal& y,
                     std::vector<std::uint8_t>& out) {
  return melpix_image8(f, &y, out.data(), out.size(), 1, kMels, nullptr);
}
melpix_status render(const melpix_frontend* f, const melpix_signal& y,
                     std::vector<std::uint16_t>& out) {
  return melpix_image16(f, &y, out.data(), out.size(), 1, kMels, nullptr);
}

template <class V>
void any_chunking(std::int32_t type, const char* precision) {
  melpix_frontend* f = nullptr;
  CHECK_OK(melpix_frontend_create((std::string(kParameters) + precision).c_str(), &f));
  const auto y = noise<std::int16_t>(2 * 5000);  // interleaved stereo
  const std::size_t length = 5000;
  std::size_t columns = 0;
  CHECK_OK(melpix_frames(f, length, nullptr, &columns));
  std::vector<V> expected(kMels * columns);
  CHECK_OK(render(f, {y.data(), length, 2, 0, 0, MELPIX_INT16}, expected));

  melpix_stream* stream = nullptr;
  CHECK_OK(melpix_stream_create(f, type, &stream));
  melpix_frontend_destroy(f);  // the stream has what it needs
  std::mt19937 bits(7);
  for (int round = 0; round < 20; ++round) {
    std::vector<V> out(expected.size() + 1, V{42});
    std::size_t written = 0, done = 0, count = 0, told = 0;
    while (done < length) {
      const std::size_t n = std::min<std::size_t>(length - done, bits() % (round % 2 ? 30 : 900));
      const melpix_signal chunk = {y.data() + 2 * done, n, 2, 0, 0, MELPIX_INT16};
      CHECK_OK(melpix_stream_columns(stream, n, &told));
      // What is too small is refused, and the stream is as it was.
      if (told > 0)
        CHECK_FAILS(MELPIX_INVALID_ARGUMENT, "capacity must be >=",
                    melpix_stream_push(stream, &chunk, out.data(), told * kMels - 1, nullptr));
      V* const to = told > 0 ? out.data() + written * kMels : nullptr;
      CHECK_OK(melpix_stream_push(stream, &chunk, to, told * kMels, &count));
      CHECK_EQUAL(count, told);
      written += count;
      done += n;
    }
    CHECK_OK(melpix_stream_tail(stream, &told));
    CHECK_EQUAL(written + told, columns);
    CHECK_FAILS(MELPIX_INVALID_ARGUMENT, "out is null",
                melpix_stream_flush(stream, nullptr, 1000, &count));
    CHECK_OK(melpix_stream_flush(stream, out.data() + written * kMels, told * kMels, &count));
    CHECK_EQUAL(count, told);
    CHECK(std::equal(expected.begin(), expected.end(), out.begin()));
    CHECK(out.back() == V{42});

    const melpix_signal more = {y.data(), 1, 1, 0, 0, MELPIX_INT16};
    const char* flushed = "has been flushed";
    CHECK_FAILS(MELPIX_INVALID_ARGUMENT, flushed,
                melpix_stream_push(stream, &more, out.data(), out.size(), &count));
    CHECK_FAILS(MELPIX_INVALID_ARGUMENT, flushed,
                melpix_stream_flush(stream, out.data(), out.size(), &count));
    CHECK_FAILS(MELPIX_INVALID_ARGUMENT, flushed, melpix_stream_columns(stream, 1, &count));
    CHECK_FAILS(MELPIX_INVALID_ARGUMENT, flushed, melpix_stream_tail(stream, &count));
    CHECK_OK(melpix_stream_reset(stream));
  }
  melpix_stream_destroy(stream);
}

void refused() {
  melpix_frontend *f = nullptr, *recipe = nullptr;
  CHECK_OK(melpix_frontend_create(kParameters, &f));
  CHECK_OK(melpix_frontend_create("", &recipe));
  const int bad = MELPIX_INVALID_ARGUMENT;
  melpix_stream* stream = reinterpret_cast<melpix_stream*>(&f);
  CHECK_FAILS(bad, "range must be (lo, hi)", melpix_stream_create(recipe, MELPIX_UINT8, &stream));
  CHECK(stream == nullptr);
  CHECK_FAILS(bad, "type must be MELPIX_FLOAT32", melpix_stream_create(f, MELPIX_INT16, &stream));
  CHECK_FAILS(bad, "got 5", melpix_stream_create(f, 5, &stream));
  CHECK_FAILS(bad, "frontend is null", melpix_stream_create(nullptr, MELPIX_UINT8, &stream));
  CHECK_FAILS(bad, "stream is null", melpix_stream_create(f, MELPIX_UINT8, nullptr));
  melpix_frontend_destroy(recipe);

  CHECK_OK(melpix_stream_create(f, MELPIX_FLOAT64, &stream));
  auto y = noise<float>(1000);
  const melpix_signal signal = {y.data(), y.size(), 1, 0, 0, MELPIX_FLOAT32};
  std::vector<double> out(kMels * 20);
  std::size_t columns = 77;
  const auto push = [&](const melpix_signal* chunk, void* to, std::size_t capacity) {
    return melpix_stream_push(stream, chunk, to, capacity, &columns);
  };
  CHECK_FAILS(bad, "stream is null",
              melpix_stream_push(nullptr, &signal, out.data(), 480, nullptr));
  CHECK_FAILS(bad, "stream is null", melpix_stream_flush(nullptr, out.data(), 480, nullptr));
  CHECK_FAILS(bad, "stream is null", melpix_stream_columns(nullptr, 1, &columns));
  CHECK_FAILS(bad, "stream is null", melpix_stream_tail(nullptr, &columns));
  CHECK_FAILS(bad, "stream is null", melpix_stream_reset(nullptr));
  CHECK_FAILS(bad, "columns is null", melpix_stream_columns(stream, 1, nullptr));
  CHECK_FAILS(bad, "signal is null", push(nullptr, out.data(), out.size()));
  CHECK_FAILS(bad, "out is null", push(&signal, nullptr, out.size()));
  CHECK_FAILS(bad, "out must be aligned to",
              push(&signal, reinterpret_cast<char*>(out.data()) + 1, 9));
  CHECK_FAILS(bad, "is empty", melpix_stream_flush(stream, out.data(), out.size(), &columns));
  CHECK_FAILS(MELPIX_TOO_LARGE, "overflows",
              melpix_stream_columns(stream, std::numeric_limits<std::size_t>::max(), &columns));
  CHECK_EQUAL(columns, std::size_t{77});
  CHECK_OK(push(&signal, out.data(), out.size()));

  y[500] = std::numeric_limits<float>::infinity();
  CHECK_FAILS(MELPIX_NON_FINITE, "sample 1500", push(&signal, out.data(), out.size()));
  CHECK_FAILS(bad, "has seen an error", push(&signal, out.data(), out.size()));
  CHECK_OK(melpix_stream_reset(stream));
  y[500] = 0;
  CHECK_OK(push(&signal, out.data(), out.size()));
  melpix_stream_destroy(stream);
  melpix_stream_destroy(nullptr);
  melpix_frontend_destroy(f);
}

}  // namespace

int main() {
  for (const char* precision : {"", " precision=single", " precision=double"}) {
    any_chunking<float>(MELPIX_FLOAT32, precision);
    any_chunking<double>(MELPIX_FLOAT64, precision);
    any_chunking<std::uint8_t>(MELPIX_UINT8, precision);
    any_chunking<std::uint16_t>(MELPIX_UINT16, precision);
  }
  refused();
  return failures();
}
