// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>
#include <limits>
#include <locale>
#include <stdexcept>
#include <string>
#include <vector>

#include "melpix/frontend.h"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "check.h"
#include "signals.h"

namespace {

template <class T>
std::vector<std::uint8_t> image_of(const melpix::Frontend<T>& f, const melpix::Signal& y) {
  const std::size_t frames = f.frames(y.length), n_mels = f.config().mel.n_mels;
  std::vector<std::uint8_t> out(frames * n_mels);
  f.image(y, out.data(), static_cast<std::ptrdiff_t>(frames));
  return out;
}

// A frame's column does not depend on its neighbours: rendering any part of a signal gives the
// same values, full blocks or partial ones.
template <class T>
void test_columns_stand_alone() {
  melpix::Config c;
  c.mel.n_fft = 256;
  c.hop_length = 100;
  c.framing = melpix::Framing::kUncentered;
  c.mel.n_mels = 20;
  const melpix::Frontend<T> f(c);
  const auto y = noise<T>(4000);
  const std::size_t frames = f.frames(y.size());
  std::vector<T> whole(frames * 20), part(frames * 20);
  f.features({y.data(), y.size()}, whole.data(), static_cast<std::ptrdiff_t>(frames));
  for (std::size_t first = 0; first < frames; first += 3)
    for (std::size_t count : {1u, 2u, 5u, 9u}) {
      if (first + count > frames) continue;
      f.features({y.data() + first * 100, (count - 1) * 100 + 256}, part.data(),
                 static_cast<std::ptrdiff_t>(count));
      for (std::size_t m = 0; m < 20; ++m)
        CHECK(std::memcmp(&part[m * count], &whole[m * frames + first], count * sizeof(T)) == 0);
    }
}

// Of the same samples, every type, layout and stride gives the same image, byte for byte.
template <class T>
void test_layouts() {
  melpix::Config c;
  c.mel.n_fft = 200;
  c.hop_length = 64;
  c.mel.n_mels = 16;
  for (std::size_t hop_length : {64u, 500u}) {
    c.hop_length = hop_length;
    const melpix::Frontend<T> f(c);
    const std::size_t n = 3001;
    std::vector<std::int16_t> pcm(n);
    const auto random = noise<double>(n);
    std::transform(random.begin(), random.end(), pcm.begin(),
                   [](double x) { return static_cast<std::int16_t>(x * 32767); });
    std::vector<float> single(n);
    std::vector<double> twice(n);
    std::vector<float> stereo(2 * n), backwards(n);
    for (std::size_t i = 0; i < n; ++i) {
      single[i] = static_cast<float>(pcm[i]) / 32768;
      twice[i] = single[i];
      stereo[2 * i] = stereo[2 * i + 1] = single[i];
      backwards[n - 1 - i] = single[i];
    }
    const auto expected = image_of(f, {single.data(), n});
    CHECK(image_of(f, {pcm.data(), n}) == expected);
    CHECK(image_of(f, {twice.data(), n}) == expected);
    melpix::Signal interleaved(stereo.data(), n);
    interleaved.channels = 2;
    interleaved.stride = 2;
    interleaved.channel_stride = 1;
    CHECK(image_of(f, interleaved) == expected);
    interleaved.channels = 1;  // every second sample
    CHECK(image_of(f, interleaved) == expected);
    melpix::Signal reversed(backwards.data() + n - 1, n);
    reversed.stride = -1;
    CHECK(image_of(f, reversed) == expected);
  }
}

template <class T>
void test_image() {
  melpix::Config c;
  const melpix::Frontend<T> f(c);
  const auto y = noise<float>(20000);
  const std::size_t frames = f.frames(y.size()), n_mels = c.mel.n_mels;
  std::vector<T> values(frames * n_mels);
  const auto stride = static_cast<std::ptrdiff_t>(frames);
  const auto seen = f.features({y.data(), y.size()}, values.data(), stride);
  CHECK_EQUAL(seen.min, double(*std::min_element(values.begin(), values.end())));
  CHECK_EQUAL(seen.max, double(*std::max_element(values.begin(), values.end())));
  const auto image = image_of(f, {y.data(), y.size()});
  CHECK_EQUAL(int{*std::min_element(image.begin(), image.end())}, 0);
  CHECK_EQUAL(int{*std::max_element(image.begin(), image.end())}, 255);
  const T lo = static_cast<T>(seen.min), hi = static_cast<T>(seen.max);
  for (std::size_t m = 0; m < n_mels; ++m)
    for (std::size_t t = 0; t < frames; ++t) {
      const T grey = (values[m * frames + t] - lo) / (hi - lo) * 255;
      CHECK_EQUAL(int{image[(n_mels - 1 - m) * frames + t]}, 255 - static_cast<int>(grey));
    }

  const std::vector<float> silence(5000);
  for (std::uint8_t pixel : image_of(f, {silence.data(), silence.size()}))
    CHECK_EQUAL(int{pixel}, 255);
  const std::vector<double> loud(5000, 1e200);
  std::vector<std::uint8_t> out(f.frames(5000) * n_mels);
  CHECK_THROWS(std::overflow_error, "1e+200", f.image({loud.data(), loud.size()}, out.data(), 10));
}

// A range clips the features on their way to the pixels, and nothing else.
template <class T>
void test_range() {
  const auto y = noise<float>(20000);
  melpix::Config c;
  const melpix::Frontend<T> plain(c);
  const std::size_t frames = plain.frames(y.size()), n_mels = c.mel.n_mels;
  std::vector<T> values(frames * n_mels), again(values);
  const auto stride = static_cast<std::ptrdiff_t>(frames);
  const auto seen = plain.features({y.data(), y.size()}, values.data(), stride);
  c.range = melpix::Range{seen.min + 1.1, seen.max - 0.9};
  const melpix::Frontend<T> f(c);
  f.features({y.data(), y.size()}, again.data(), stride);
  CHECK(again == values);
  std::vector<std::uint8_t> image(values.size());
  const auto summary = f.image({y.data(), y.size()}, image.data(), stride);
  CHECK_EQUAL(summary.min, seen.min);
  CHECK_EQUAL(summary.max, seen.max);
  const T lo = static_cast<T>(c.range->lo), hi = static_cast<T>(c.range->hi);
  for (std::size_t m = 0; m < n_mels; ++m)
    for (std::size_t t = 0; t < frames; ++t) {
      const T clipped = std::min(std::max(values[m * frames + t], lo), hi);
      CHECK_EQUAL(int{image[(n_mels - 1 - m) * frames + t]},
                  255 - static_cast<int>((clipped - lo) / (hi - lo) * 255));
    }

  // An image's own range changes nothing; one too narrow for T is a step.
  c.range = melpix::Range{seen.min, seen.max};
  CHECK(image_of(melpix::Frontend<T>(c), {y.data(), y.size()}) ==
        image_of(plain, {y.data(), y.size()}));
  for (const melpix::Range& narrow :
       {melpix::Range{-3, std::nextafter(-3.0, 0.0)},
        melpix::Range{0, std::numeric_limits<double>::denorm_min()}}) {
    c.range = narrow;
    const auto step = image_of(melpix::Frontend<T>(c), {y.data(), y.size()});
    for (std::size_t m = 0; m < n_mels; ++m)
      for (std::size_t t = 0; t < frames; ++t)
        CHECK_EQUAL(int{step[(n_mels - 1 - m) * frames + t]},
                    values[m * frames + t] > static_cast<T>(narrow.lo) ? 0 : 255);
  }
}

// Wherever rows and columns go: forwards, backwards, across, and between those of another mel.
template <class T, class Pixel>
void test_strides() {
  const auto y = noise<float>(3000);
  const melpix::Signal signal(y.data(), y.size());
  melpix::Config c;
  c.mel.n_fft = 128;
  c.hop_length = 60;
  c.mel.n_mels = 37;
  const melpix::Frontend<T> f(c);
  c.mel.fmax = 5000;
  const melpix::Frontend<T> g(c);
  const std::size_t columns = f.frames(y.size()), rows = 37, size = rows * columns;
  const auto n_rows = static_cast<std::ptrdiff_t>(rows);
  const auto n_columns = static_cast<std::ptrdiff_t>(columns);
  std::vector<Pixel> first(size), second(size), both(2 * size), across(size), reversed(size);
  f.image(signal, first.data(), n_columns);
  const auto seen = g.image(signal, second.data(), n_columns);
  f.image(signal, both.data(), 2 * n_columns, 2);
  const auto again = g.image(signal, both.data() + 1, 2 * n_columns, 2);
  f.image(signal, across.data(), 1, n_rows);
  f.image(signal, reversed.data() + size - 1, -n_columns, -1);
  CHECK(seen.min == again.min && seen.max == again.max && seen.peak == again.peak);
  for (std::size_t i = 0; i < size; ++i) {
    CHECK(both[2 * i] == first[i] && both[2 * i + 1] == second[i]);
    CHECK(across[i % columns * rows + i / columns] == first[i]);
    CHECK(reversed[size - 1 - i] == first[i]);
  }
  typename melpix::Frontend<T>::template Task<Pixel> tasks[2] = {
      {signal, both.data() + 1, 2 * n_columns, 2, {}}, {signal, first.data(), n_columns, 1, {}}};
  both.assign(2 * size, 7);
  f.images(tasks, 2, 2);
  for (std::size_t i = 0; i < size; ++i) CHECK(both[2 * i] == 7 && both[2 * i + 1] == first[i]);
}

// Length, level and the last patch's zeros come before everything else, in whatever is asked for.
template <class T>
void test_conditioned() {
  melpix::Config c;
  c.mel.sr = 1000;
  c.mel.n_fft = 64;
  c.mel.n_mels = 8;
  c.hop_length = 20;
  const melpix::Frontend<T> plain(c);
  c.duration = 0.7;
  c.fit = melpix::Fit::kRepeat;
  c.level = melpix::Level::kInt16;
  c.patch = 10;
  c.tail = melpix::Tail::kPad;
  const melpix::Frontend<T> f(c);
  const auto y = noise<float>(300);
  std::vector<float> by_hand(780, 0.0f);  // of 700 samples and so many that there are 40 frames
  for (std::size_t i = 0; i < 700; ++i) by_hand[i] = std::trunc(y[i % 300] * 32767) / 32767;
  const melpix::Signal given(y.data(), 300), expected(by_hand.data(), by_hand.size());
  CHECK_EQUAL(f.frames(300), 40u);
  CHECK_EQUAL(f.mel_frames(300), 40u);
  CHECK_EQUAL(f.frames(0), 1u);  // nothing cannot be filled up
  CHECK_EQUAL(plain.frames(780), 40u);
  CHECK(image_of(f, given) == image_of(plain, expected));
  std::vector<T> values(320), same(320);
  f.mel(given, values.data(), 40);
  plain.mel(expected, same.data(), 40);
  CHECK(values == same);
  f.features(given, values.data(), 1, 8);
  plain.features(expected, same.data(), 1, 8);
  CHECK(values == same);
}

// A profile is the same image, and each stage takes time.
template <class T>
void test_profile() {
  const melpix::Frontend<T> f{melpix::Config()};
  const auto y = noise<float>(20000);
  const std::size_t frames = f.frames(y.size());
  std::vector<std::uint8_t> out(frames * f.config().mel.n_mels);
  melpix::StageSeconds seconds;
  seconds.fill(-1);
  f.profile({y.data(), y.size()}, out.data(), static_cast<std::ptrdiff_t>(frames), &seconds);
  CHECK(out == image_of(f, {y.data(), y.size()}));
  for (double stage : seconds) CHECK(stage > 0);
}

#if defined(__unix__) || defined(__APPLE__)
// Reads and writes nothing outside of the caller's arrays: they end where memory ends.
void test_page_ends() {
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const auto guarded = [&](std::size_t bytes) {
    const std::size_t pages = (bytes + page - 1) / page;
    char* base = static_cast<char*>(mmap(nullptr, (pages + 1) * page, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base + pages * page, page, PROT_NONE);
    return base + pages * page - bytes;  // not unmapped: the program is short
  };
  for (std::size_t n_fft : {64u, 101u, 130u})
    for (std::size_t hop_length : {32u, 200u})
      for (std::size_t length : {1u, 63u, 64u, 65u, 777u, 1024u}) {
        melpix::Config c;
        c.mel.n_fft = n_fft;
        c.mel.n_mels = 3;
        c.hop_length = hop_length;
        const melpix::Frontend<float> f(c);
        const std::size_t frames = f.frames(length);
        float* y = reinterpret_cast<float*>(guarded(length * sizeof(float)));
        const auto random = noise<float>(length);
        std::copy(random.begin(), random.end(), y);
        auto* out = reinterpret_cast<std::uint8_t*>(guarded(frames * 3));
        f.image({y, length}, out, static_cast<std::ptrdiff_t>(frames));
        auto* mel = reinterpret_cast<float*>(guarded(frames * 3 * sizeof(float)));
        f.mel({y, length}, mel, static_cast<std::ptrdiff_t>(frames));
        CHECK(std::all_of(mel, mel + frames * 3, [](float x) { return x >= 0; }));
      }
}
#endif

// Frames that float cannot hold are computed in double, wherever they stand in a block and however
// quiet their neighbours are: here the window's first value, 0, meets an infinite sample.
void test_beyond_float() {
  melpix::Config c;
  c.mel.n_mels = 8;
  const melpix::Frontend<float> f(c);
  const std::size_t length = 40 * c.hop_length, frames = f.frames(length);
  std::vector<float> out(8 * frames);
  for (std::size_t k = 0; k < 40; ++k) {
    std::vector<double> y(length, 0.0);
    y[k * c.hop_length] = 1e39;
    const auto seen =
        f.features({y.data(), length}, out.data(), static_cast<std::ptrdiff_t>(frames));
    CHECK_NEAR(seen.max, 176.6, 0.2);
  }

  // |X|^2 overflows here, though neither the samples nor the features do.
  for (double power : {1.0, 1.5, 2.0, 3.0}) {
    c.power = power;
    std::vector<double> y(length);
    for (std::size_t i = 0; i < length; ++i) y[i] = 3e17 * std::sin(0.3 * static_cast<double>(i));
    std::vector<double> expected(8 * frames);
    const auto stride = static_cast<std::ptrdiff_t>(frames);
    const auto seen = melpix::Frontend<float>(c).features({y.data(), length}, out.data(), stride);
    const auto exact =
        melpix::Frontend<double>(c).features({y.data(), length}, expected.data(), stride);
    CHECK_NEAR(seen.max, exact.max, 0.01);
    CHECK_NEAR(seen.min, exact.min, 0.01);
  }
}

// At a power of 1, an offset may be so small that it does not hide what float loses of |X|^2.
void test_below_float() {
  for (double offset : {1e-20, 1e-19, 1e-16}) {
    for (double amplitude : {1e-21, 1e-23, 1e-25, 1e-27}) {
      melpix::Config c;
      c.power = 1;
      c.offset = offset;
      c.mel.n_mels = 4;
      c.mel.norm = {melpix::MelNorm::Kind::kNone, 0};
      auto y = noise<double>(4 * c.mel.n_fft);
      for (double& sample : y) sample *= amplitude;
      const melpix::Frontend<float> single(c);
      const melpix::Frontend<double> twice(c);
      const std::size_t frames = single.frames(y.size());
      std::vector<float> out(4 * frames);
      std::vector<double> expected(4 * frames);
      const auto stride = static_cast<std::ptrdiff_t>(frames);
      single.features({y.data(), y.size()}, out.data(), stride);
      twice.features({y.data(), y.size()}, expected.data(), stride);
      for (std::size_t i = 0; i < out.size(); ++i)
        CHECK_NEAR(static_cast<double>(out[i]), expected[i], 0.02);
    }
  }
}

// Of one sample the stride is never used, so any is allowed.
void test_any_stride_of_one_sample() {
  const melpix::Frontend<float> f{melpix::Config()};
  const float sample = 0.5f;
  const auto expected = image_of(f, {&sample, 1});
  for (const std::ptrdiff_t stride :
       {std::numeric_limits<std::ptrdiff_t>::min(), std::numeric_limits<std::ptrdiff_t>::max()}) {
    melpix::Signal y(&sample, 1);
    y.stride = stride;
    CHECK(image_of(f, y) == expected);
  }
}

struct Continental : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

void test_messages_are_of_no_locale() {
  const std::locale before =
      std::locale::global(std::locale(std::locale::classic(), new Continental));
  const melpix::Frontend<float> f(melpix::Config{});
  std::vector<double> y(200000, 1.5e200);
  CHECK_THROWS(std::overflow_error, "a peak of 1.5e+200, is", image_of(f, {y.data(), y.size()}));
  y[123456] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS(std::domain_error, "sample 123456 is nan", image_of(f, {y.data(), y.size()}));
  std::locale::global(before);
}

}  // namespace

int main() {
  test_columns_stand_alone<float>();
  test_columns_stand_alone<double>();
  test_layouts<float>();
  test_layouts<double>();
  test_image<float>();
  test_image<double>();
  test_range<float>();
  test_range<double>();
  test_strides<float, std::uint8_t>();
  test_strides<double, std::uint16_t>();
  test_conditioned<float>();
  test_conditioned<double>();
  test_profile<float>();
  test_profile<double>();
  test_beyond_float();
  test_below_float();
  test_any_stride_of_one_sample();
  test_messages_are_of_no_locale();
#if defined(__unix__) || defined(__APPLE__)
  test_page_ends();
#endif
  CHECK_THROWS(std::invalid_argument, "isa must be one of",
               melpix::Frontend<float>(melpix::Config(), "mmx"));
  return failures();
}
