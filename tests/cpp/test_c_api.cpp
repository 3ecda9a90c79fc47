// SPDX-License-Identifier: MIT
// The C API gives what the C++ API gives, refuses everything else with a code and a message, and
// writes nowhere but where it may. (tests/consumer compiles the header as C99.)
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "melpix/c_api.h"
#include "melpix/melpix.h"
#include "signals.h"
#include "status.h"

namespace {
bool no_memory_left = false;
}

void* operator new(std::size_t bytes) {
  void* p = no_memory_left ? nullptr : std::malloc(bytes > 0 ? bytes : 1);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace {

constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();

class Handle {
 public:
  explicit Handle(const char* parameters) {
    CHECK_OK(melpix_frontend_create(parameters, &handle_));
  }
  ~Handle() { melpix_frontend_destroy(handle_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator const melpix_frontend*() const { return handle_; }

 private:
  melpix_frontend* handle_ = nullptr;
};

melpix_signal mono(const std::vector<float>& y) {
  return {y.data(), y.size(), 1, 0, 0, MELPIX_FLOAT32};
}

// T is what makes images of 8 bits, U all else.
template <class T, class U = T>
void same_as_cpp(const char* parameters, const melpix::Config& config) {
  const melpix::Frontend<T> of_image8(config);
  const melpix::Frontend<U> f(config);
  const Handle handle(parameters);
  const auto y = noise<float>(5000);
  const melpix_signal signal = mono(y);
  const std::size_t columns = f.frames(y.size()), rows = f.config().mel.n_mels;
  std::size_t got_rows = 0, got_columns = 0;
  CHECK_OK(melpix_frames(handle, y.size(), &got_rows, &got_columns));
  CHECK_EQUAL(got_rows, rows);
  CHECK_EQUAL(got_columns, columns);
  CHECK_OK(melpix_frames(handle, y.size(), nullptr, nullptr));

  const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(columns);
  const std::size_t n = rows * columns;
  const auto compare = [&](auto zero, const auto& cpp, const auto& c) {
    std::vector<decltype(zero)> expected(n), out(n);
    const auto seen = cpp(expected.data());
    melpix_summary summary = {};
    CHECK_OK(c(out.data(), &summary));
    CHECK(out == expected);
    CHECK(summary.min == seen.min && summary.max == seen.max && summary.peak == seen.peak);
    CHECK_OK(c(out.data(), static_cast<melpix_summary*>(nullptr)));
  };
  const melpix::Signal view = {y.data(), y.size()};
  const auto image = [&](auto* out) { return f.image(view, out, stride); };
  const auto features = [&](auto* out) { return f.features(view, out, stride); };
  const auto image8 = [&](auto* out) { return of_image8.image(view, out, stride); };
  compare(std::uint8_t{}, image8, [&](std::uint8_t* out, melpix_summary* seen) {
    return melpix_image8(handle, &signal, out, n, 0, 0, seen);
  });
  compare(std::uint16_t{}, image, [&](std::uint16_t* out, melpix_summary* seen) {
    return melpix_image16(handle, &signal, out, n, 0, 0, seen);
  });
  compare(float{}, features, [&](float* out, melpix_summary* seen) {
    return melpix_features32(handle, &signal, out, n, 0, 0, seen);
  });
  compare(double{}, features, [&](double* out, melpix_summary* seen) {
    return melpix_features64(handle, &signal, out, n, 0, 0, seen);
  });
}

melpix::Config whisper() {
  melpix::Config c;
  c.mel.sr = 16000, c.mel.n_fft = 400, c.mel.n_mels = 80, c.mel.fmax = 8000;
  c.hop_length = 160, c.pad_mode = melpix::PadMode::kReflect;
  c.compress = melpix::Compress::kLog10, c.offset = 0, c.floor = 1e-10, c.top_db = 80;
  c.columns = 40, c.normalise = {melpix::Normalise::Kind::kGiven, {-4}, {4}};
  c.range = melpix::Range{-1, 1};
  return c;
}

// The same samples in every form that a signal can have.
void forms_of_signals() {
  const std::size_t n = 3000;
  const auto left = noise<std::int16_t>(n, 1), right = noise<std::int16_t>(n, 2);
  std::vector<std::int16_t> integers(2 * n), planes(2 * n), backwards(n);
  std::vector<float> floats(2 * n);
  std::vector<double> doubles(2 * n), wide(6 * n, 9.0);
  std::mt19937 bits(5);
  for (std::size_t i = 0; i < 2 * n; ++i) {
    integers[i] = static_cast<std::int16_t>(bits() >> 16);
    planes[i % 2 * n + i / 2] = integers[i];
    floats[i] = static_cast<float>(integers[i]) / 32768;
    doubles[i] = static_cast<double>(floats[i]);
    wide[3 * i] = doubles[i];
  }
  const Handle f("n_mels=32");
  const auto rendered = [&](const melpix_signal& signal) {
    std::size_t columns = 0;
    CHECK_OK(melpix_frames(f, n, nullptr, &columns));
    std::vector<std::uint8_t> out(32 * columns);
    CHECK_OK(melpix_image8(f, &signal, out.data(), out.size(), 0, 0, nullptr));
    return out;
  };
  const auto expected = rendered({floats.data(), n, 2, 0, 0, MELPIX_FLOAT32});
  CHECK(rendered({integers.data(), n, 2, 0, 0, MELPIX_INT16}) == expected);
  CHECK(rendered({integers.data(), n, 2, 2, 1, MELPIX_INT16}) == expected);
  CHECK(rendered({planes.data(), n, 2, 1, static_cast<std::ptrdiff_t>(n), MELPIX_INT16}) ==
        expected);
  CHECK(rendered({doubles.data(), n, 2, 0, 0, MELPIX_FLOAT64}) == expected);
  CHECK(rendered({wide.data(), n, 2, 6, 3, MELPIX_FLOAT64}) == expected);
  // The second channel first: the mean is the same.
  CHECK(rendered({integers.data() + 1, n, 2, 2, -1, MELPIX_INT16}) == expected);

  for (std::size_t i = 0; i < n; ++i) backwards[i] = planes[n - 1 - i];
  CHECK(rendered({planes.data() + n - 1, n, 1, -1, 77, MELPIX_INT16}) ==
        rendered({backwards.data(), n, 1, 0, 0, MELPIX_INT16}));
  CHECK(rendered({integers.data(), n, 1, 2, 0, MELPIX_INT16}) ==
        rendered({planes.data(), n, 1, 0, 77, MELPIX_INT16}));

  std::uint8_t column[32];
  const melpix_signal nothing = {nullptr, 0, 1, 0, 0, MELPIX_FLOAT32};
  CHECK_OK(melpix_image8(f, &nothing, column, 32, 0, 0, nullptr));
  for (const std::uint8_t pixel : column) CHECK_EQUAL(int{pixel}, 255);
}

// Random layouts: those taken hold the values and touch nothing else, the others touch nothing.
template <class V, class Render>
void layouts(const Render& render) {
  const Handle f("n_mels=7 n_fft=64 hop_length=64");
  const auto y = noise<float>(300);
  const melpix_signal signal = mono(y);
  const std::size_t rows = 7, columns = 5;
  std::vector<V> plain(rows * columns);
  CHECK_OK(render(f, &signal, plain.data(), plain.size(), 0, 0, nullptr));
  std::mt19937 bits(3);
  int taken = 0;
  for (int round = 0; round < 4000; ++round) {
    const std::size_t r = bits() % 12, c = bits() % 12, capacity = bits() % 90;
    std::vector<V> out(capacity + 1, V(42)), untouched = out;
    const melpix_status status = render(f, &signal, out.data(), capacity, r, c, nullptr);
    const std::size_t cs = c == 0 ? 1 : c, rs = r == 0 ? columns * cs : r;
    if (status == MELPIX_OK) {
      ++taken;
      for (std::size_t m = 0; m < rows; ++m)
        for (std::size_t t = 0; t < columns; ++t) {
          CHECK(out[m * rs + t * cs] == plain[m * columns + t]);
          untouched[m * rs + t * cs] = out[m * rs + t * cs];
        }
    } else {
      CHECK_EQUAL(status, melpix_status{MELPIX_INVALID_ARGUMENT});
      const std::size_t needed = (rows - 1) * rs + (columns - 1) * cs + 1;
      CHECK(needed > capacity || (rs <= (columns - 1) * cs && cs <= (rows - 1) * rs));
    }
    CHECK(out == untouched);
  }
  CHECK(taken > 100 && taken < 3000);
}

// What a text's front-end makes of a signal, frames as rows, is what `plain`, that without length
// and level, makes of the samples that were brought there by hand.
void fitted(const std::string& plain, const std::string& more, const std::vector<float>& y,
            const std::vector<double>& by_hand, std::size_t frames) {
  const Handle f((plain + more).c_str()), g(plain.c_str());
  const melpix_signal given = mono(y);
  const melpix_signal expected = {by_hand.data(), by_hand.size(), 1, 0, 0, MELPIX_FLOAT64};
  std::size_t rows = 0, columns = 0;
  CHECK_OK(melpix_frames(f, y.size(), &rows, &columns));
  CHECK_EQUAL(columns, frames);
  std::vector<float> out(rows * columns), same(rows * columns);
  CHECK_OK(melpix_features32(f, &given, out.data(), out.size(), 1, rows, nullptr));
  CHECK_OK(melpix_features32(g, &expected, same.data(), same.size(), 1, rows, nullptr));
  CHECK(out == same);
}

// Presets of Python (frontend/presets.py) that bring a signal to a length or a level.
void presets() {
  const auto y = noise<float>(20000);
  const std::vector<double> exact(y.begin(), y.end());

  std::vector<double> padded = exact;
  padded.resize(15600 + 7680);  // 96 frames of 10 ms, and 48 more
  fitted(
      "sr=16000 win_length=400 n_fft=512 hop_length=160 framing=snip power=1 n_mels=64 fmin=125 "
      "fmax=7500 mel_scale=tf norm=none offset=1e-3 precision=double ",
      "patch=96 patch_step=48 tail=pad", y, padded, 96 + 48);

  std::vector<double> loud(144000, 0.0);
  std::copy(exact.begin(), exact.end(), loud.begin());
  const auto [lo, hi] = std::minmax_element(loud.begin(), loud.end());
  const double least = *lo, width = *hi - least + 1e-6;
  for (double& x : loud) x = ((x - least) / width - 0.5) * 2;
  fitted(
      "sr=48000 n_fft=2048 hop_length=278 framing=snip power=1 n_mels=96 fmax=3000 mel_scale=tf "
      "norm=none compress=power,0.45 precision=double ",
      "duration=3 level=minmax", y, loud, 511);

  std::vector<double> repeated(480000, 0.0);
  for (std::size_t i = 0; i < 480000; ++i)
    repeated[i] = static_cast<double>(std::trunc(y[i % 20000] * 32767) / 32767);
  const std::string clap =
      "sr=48000 n_fft=1024 hop_length=480 n_mels=64 fmin=50 fmax=14000 pad_mode=reflect "
      "compress=db offset=0 floor=1e-10 precision=double ";
  fitted(clap, "duration=10 fit=repeat_pad level=int16", y, repeated, 1001);
  repeated.resize(50000);
  fitted(clap, "duration=1.0416666666666667 fit=repeat level=int16", y, repeated, 105);
  std::fill(repeated.begin() + 40000, repeated.end(), 0.0);
  fitted(clap, "duration=1.0416666666666667 fit=repeat_pad level=int16", y, repeated, 105);
}

void refused_parameters() {
  melpix_frontend* f = nullptr;
  CHECK_FAILS(MELPIX_INVALID_ARGUMENT, "frontend is null", melpix_frontend_create("", nullptr));
  const auto refused = [&](const char* part, const char* parameters) {
    f = reinterpret_cast<melpix_frontend*>(&f);
    CHECK_FAILS(MELPIX_INVALID_ARGUMENT, part, melpix_frontend_create(parameters, &f));
    CHECK(f == nullptr);
  };
  refused("there is no parameter 'hop'", "hop=160");
  refused("hop_length must be in 1 ... 1073741824, got 0", "hop_length=0 n_fft=8");
  refused("n_fft must be in 1 ... 1048576, got 0", "n_fft=0");
  refused("hop_length must be in", "hop_length=9223372036854775807");
  refused("norm must be none", "mel_scale=kaldi");
  refused("duration must be 1 ... 2147483648 samples long at sr (22050), got 1000000000",
          "duration=1e9");
  refused("tail must be drop with patch=none", "tail=pad");
  refused("isa must be one of", "isa=z80");
  melpix_parameter p;
  std::string defaults;
  for (size_t i = 0; melpix_parameter_at(i, &p) == MELPIX_OK; ++i)
    if (*p.initial != '\0') defaults.append(p.name).append("=").append(p.initial).append(" ");
  CHECK(defaults.find("sr=22050 duration=none ") == 0);
  CHECK_OK(melpix_frontend_create(defaults.c_str(), &f));
  melpix_frontend_destroy(f);
  CHECK_FAILS(MELPIX_INVALID_ARGUMENT, "there is no parameter 1000", melpix_parameter_at(1000, &p));
  CHECK_FAILS(MELPIX_INVALID_ARGUMENT, "parameter is null", melpix_parameter_at(0, nullptr));
  refused("window has 2 samples, but win_length is 4", "n_fft=4 window_samples=1,2");
  refused("window must be one of", ("window=" + std::string(100000, 'w')).c_str());
  CHECK(std::strlen(melpix_error()) < 512);
  melpix_frontend_destroy(nullptr);
  CHECK(std::strstr(melpix_error(), "window must be one of") != nullptr);
}

void refused_calls() {
  const Handle f("n_mels=16"), uncentered("n_mels=16 framing=uncentered");
  const auto y = noise<float>(2049);
  const melpix_signal good = mono(y);
  std::vector<std::uint8_t> image(16 * 5, 7);
  const std::vector<std::uint8_t> before = image;
  melpix_summary seen = {1, 2, 3};
  const auto render = [&](const melpix_signal& signal) {
    return melpix_image8(f, &signal, image.data(), image.size(), 0, 0, &seen);
  };
  const auto with = [&](const auto& change) {
    melpix_signal signal = good;
    change(signal);
    return render(signal);
  };
  const int bad = MELPIX_INVALID_ARGUMENT;
  std::uint8_t* const out = image.data();
  CHECK_FAILS(bad, "frontend is null", melpix_image8(nullptr, &good, out, 80, 0, 0, &seen));
  CHECK_FAILS(bad, "signal is null", melpix_image8(f, nullptr, out, 80, 0, 0, &seen));
  CHECK_FAILS(bad, "out is null", melpix_image8(f, &good, nullptr, 80, 0, 0, &seen));
  CHECK_FAILS(bad, "capacity must be >= 80, got 79", melpix_image8(f, &good, out, 79, 0, 0, &seen));
  CHECK_FAILS(bad, "capacity must be >= 95, got 80", melpix_image8(f, &good, out, 80, 6, 0, &seen));
  CHECK_FAILS(bad, "rows of 5 columns overlap: row_stride is 4",
              melpix_image8(f, &good, out, 80, 4, 0, &seen));
  CHECK_FAILS(MELPIX_TOO_LARGE, "overflows", melpix_image8(f, &good, out, kMost, kMost, 0, &seen));
  CHECK_FAILS(bad, "too short: 2 samples for n_fft 1024",
              melpix_image8(uncentered, &good, out, 80, 0, 0, &seen) == MELPIX_OK
                  ? melpix_frames(uncentered, 2, nullptr, nullptr)
                  : MELPIX_INTERNAL);
  image = before;
  seen = {1, 2, 3};
  CHECK_FAILS(bad, "signal's samples is null", with([](auto& s) { s.samples = nullptr; }));
  CHECK_FAILS(bad, "channels must be >= 1, got 0", with([](auto& s) { s.channels = 0; }));
  CHECK_FAILS(bad, "type must be MELPIX_INT16", with([](auto& s) { s.type = MELPIX_UINT8; }));
  CHECK_FAILS(bad, "got -1", with([](auto& s) { s.type = -1; }));
  CHECK_FAILS(bad, "must both be 0, or neither",
              with([](auto& s) { s.channels = 2, s.stride = 1; }));
  CHECK_FAILS(bad, "must both be 0, or neither",
              with([](auto& s) { s.channels = 2, s.channel_stride = 1; }));
  CHECK_FAILS(bad, "samples must be aligned to 4 bytes",
              with([](auto& s) { s.samples = static_cast<const char*>(s.samples) + 2; }));
  CHECK_FAILS(MELPIX_TOO_LARGE, "overflows", with([](auto& s) { s.length = kMost / 2; }));
  CHECK_FAILS(MELPIX_TOO_LARGE, "overflows", with([](auto& s) { s.length = kMost; }));
  CHECK_FAILS(MELPIX_TOO_LARGE, "overflows", with([](auto& s) { s.channels = kMost; }));
  CHECK_FAILS(MELPIX_TOO_LARGE, "overflows",
              with([](auto& s) { s.stride = std::numeric_limits<std::ptrdiff_t>::min(); }));
  CHECK_FAILS(bad, "frontend is null", melpix_frames(nullptr, 9, nullptr, nullptr));
  std::size_t rows = 3, columns = 4;
  CHECK_FAILS(MELPIX_TOO_LARGE, "overflows", melpix_frames(f, kMost, &rows, &columns));
  CHECK(rows == 3 && columns == 4);
  std::vector<double> features(81);
  CHECK_FAILS(bad, "out must be aligned to",
              melpix_features64(
                  f, &good, reinterpret_cast<double*>(reinterpret_cast<char*>(features.data()) + 1),
                  80, 0, 0, nullptr));
  CHECK_FAILS(bad, "column_stride 15",
              melpix_features64(f, &good, features.data(), 81, 1, 15, nullptr));
  CHECK_FAILS(bad, "column_stride 15", melpix_image8(f, &good, out, 80, 1, 15, nullptr));
  CHECK_FAILS(bad, "capacity must be >= 159, got 80",
              melpix_image8(f, &good, out, 80, 0, 2, nullptr));
  CHECK(image == before);
  CHECK(seen.min == 1 && seen.max == 2 && seen.peak == 3);

  auto spoilt = y;
  spoilt[1000] = std::numeric_limits<float>::quiet_NaN();
  CHECK_FAILS(MELPIX_NON_FINITE, "1000", render(mono(spoilt)));
  spoilt[1000] = 1e30f;
  const Handle linear("n_mels=16 compress=none precision=single");
  const melpix_signal loud = mono(spoilt);
  CHECK_FAILS(MELPIX_OVERFLOW, "too large in single precision",
              melpix_image8(linear, &loud, out, 80, 0, 0, &seen));
  CHECK(seen.min == 1 && seen.max == 2 && seen.peak == 3);
  CHECK_OK(render(good));
  CHECK(std::strstr(melpix_error(), "too large") != nullptr);  // until the next failure
}

void no_memory() {
  melpix_frontend* f = nullptr;
  no_memory_left = true;
  const melpix_status status = melpix_frontend_create("n_mels=16", &f);
  no_memory_left = false;
  CHECK_EQUAL(status, melpix_status{MELPIX_OUT_OF_MEMORY});
  CHECK(f == nullptr && std::strcmp(melpix_error(), "out of memory") == 0);
}

// Text that has been put together at random is taken or refused, and nothing else.
void random_parameters() {
  const std::vector<std::string> parts = {"n_fft",
                                          "hop_length",
                                          "n_mels",
                                          "=",
                                          "=",
                                          "=",
                                          "=",
                                          "16",
                                          "8",
                                          "1",
                                          "0",
                                          "-1",
                                          "1e-9",
                                          " ",
                                          " ",
                                          "\n",
                                          ",",
                                          ",",
                                          "none",
                                          "window",
                                          "kaiser",
                                          "hann",
                                          "window_samples",
                                          "inf",
                                          "power",
                                          "compress",
                                          "pcen",
                                          "range",
                                          "minmax",
                                          "normalise",
                                          "image",
                                          "norm",
                                          "\xff",
                                          "\x01",
                                          "ref",
                                          "max",
                                          "floor",
                                          "columns",
                                          "isa",
                                          "top_db",
                                          "mel_scale",
                                          "htk",
                                          "framing",
                                          "snip",
                                          "duration",
                                          "level",
                                          "patch",
                                          "tail",
                                          "pad"};
  std::mt19937 bits(11);
  int taken = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text = "n_fft=16 n_mels=4 ";
    if (round % 2) text.clear();
    for (std::size_t left = bits() % 9; left > 0; --left) text += parts[bits() % parts.size()];
    melpix_frontend* f = nullptr;
    const melpix_status status = melpix_frontend_create(text.c_str(), &f);
    CHECK(status == MELPIX_OK || status == MELPIX_INVALID_ARGUMENT);
    CHECK((f != nullptr) == (status == MELPIX_OK));
    taken += status == MELPIX_OK;
    melpix_frontend_destroy(f);
  }
  CHECK(taken > 100 && taken < 2900);
}

// One front-end in many threads: the same image in each, and errors that stay with their thread.
void threads() {
  const Handle f("n_mels=32");
  const auto y = noise<float>(20000);
  const melpix_signal signal = mono(y);
  std::vector<std::uint8_t> expected(32 * 40);
  CHECK_OK(melpix_image8(f, &signal, expected.data(), expected.size(), 0, 0, nullptr));
  CHECK(melpix_frames(nullptr, 1, nullptr, nullptr) != MELPIX_OK);
  std::vector<int> good(4, 0);
  std::vector<std::thread> pool;
  for (std::size_t id = 0; id < good.size(); ++id)
    pool.emplace_back([&, id] {
      bool all = *melpix_error() == '\0';
      const std::string own = "capacity must be >= 1280, got " + std::to_string(id);
      for (int round = 0; round < 20; ++round) {
        std::vector<std::uint8_t> out(expected.size());
        all &= melpix_image8(f, &signal, out.data(), out.size(), 0, 0, nullptr) == MELPIX_OK;
        all &= out == expected;
        all &= melpix_image8(f, &signal, out.data(), id, 0, 0, nullptr) == MELPIX_INVALID_ARGUMENT;
        all &= own == melpix_error();
      }
      good[id] = all;
    });
  for (std::thread& thread : pool) thread.join();
  for (const int all : good) CHECK_EQUAL(all, 1);
  CHECK(std::strcmp(melpix_error(), "frontend is null") == 0);
}

}  // namespace

int main() {
  CHECK(*melpix_error() == '\0');
  CHECK(std::strcmp(melpix_version(), MELPIX_VERSION) == 0);
  CHECK(std::strcmp(melpix::version(), MELPIX_VERSION) == 0);
  same_as_cpp<float, double>(nullptr, melpix::Config());
  same_as_cpp<float>("precision=single", melpix::Config());
  same_as_cpp<double>("precision=double", melpix::Config());
  const std::string text =
      "sr=16000 n_fft=400 hop_length=160 pad_mode=reflect n_mels=80 fmax=8000 compress=log10 "
      "offset=0 floor=1e-10 top_db=80 columns=40 normalise=-4,4 range=-1,1";
  same_as_cpp<float, double>(text.c_str(), whisper());
  same_as_cpp<float>((text + " precision=single").c_str(), whisper());
  melpix::Config linear;
  linear.compress = melpix::Compress::kNone;
  same_as_cpp<double>("compress=none", linear);  // float32 would not do where there is no logarithm
  same_as_cpp<double>((text + "\nprecision=double\n").c_str(), whisper());
  forms_of_signals();
  layouts<float>(melpix_features32);
  layouts<std::uint8_t>(melpix_image8);
  layouts<std::uint16_t>(melpix_image16);
  presets();
  refused_parameters();
  refused_calls();
  no_memory();
  random_parameters();
  threads();
  return failures();
}
