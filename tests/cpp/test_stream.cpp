// SPDX-License-Identifier: MIT
// A stream's columns are those of the whole signal, bit by bit, however it is cut.
#include <algorithm>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "check.h"
#include "melpix/melpix.h"
#include "signals.h"
#include "stages/frame.h"

using melpix::Config;
using melpix::Signal;
using melpix::Stream;
using melpix::Values;

namespace {

class Dice {
 public:
  explicit Dice(unsigned seed) : bits_(seed) {}
  std::size_t below(std::size_t n) { return bits_() % n; }
  bool odds(std::size_t n) { return below(n) == 0; }
  template <class V>
  V one_of(std::initializer_list<V> values) {
    return values.begin()[below(values.size())];
  }

 private:
  std::mt19937 bits_;
};

Config random_config(Dice& dice) {
  using melpix::Compress;
  using melpix::Framing;
  using melpix::PadMode;
  Config c;
  c.mel.n_fft = dice.one_of<std::size_t>({1, 2, 3, 16, 31, 64, 97, 100, 128, 200});
  c.framing = dice.one_of(
      {Framing::kCenter, Framing::kCenter, Framing::kUncentered, Framing::kSnip, Framing::kMiddle});
  c.hop_length = 1 + dice.below(c.framing == Framing::kMiddle ? c.mel.n_fft : 2 * c.mel.n_fft + 3);
  if (dice.odds(2)) c.win_length = 1 + dice.below(c.mel.n_fft);
  c.pad_mode = dice.one_of({PadMode::kConstant, PadMode::kReflect, PadMode::kEdge,
                            PadMode::kSymmetric, PadMode::kLinearRamp});
  c.remove_dc = dice.odds(4);
  c.preemphasis = dice.odds(4) ? 0.97 : 0;
  c.power = dice.one_of({2.0, 2.0, 1.0, 1.7, 0.5});
  c.mel.n_mels = 1 + dice.below(7);
  c.compress = dice.one_of({Compress::kLn, Compress::kLn, Compress::kDb, Compress::kPcen,
                            Compress::kPower, Compress::kNone});
  c.exponent = 0.25;
  if (dice.odds(3)) {
    c.normalise.kind = melpix::Normalise::Kind::kGiven;
    c.normalise.mean.assign(c.mel.n_mels, -1.5);
    c.normalise.std.assign(c.mel.n_mels, 2.5);
  }
  c.range = melpix::Range{-20, 3};
  c.rounding = dice.one_of(
      {melpix::Rounding::kTruncate, melpix::Rounding::kNearest, melpix::Rounding::kCeil});
  c.flip = dice.odds(2);
  c.invert = dice.odds(2);
  if (dice.odds(4)) c.level = melpix::Level::kInt16;
  return c;
}

// A part of a signal.
Signal part(const Signal& y, std::size_t begin, std::size_t count) {
  Signal some = y;
  const std::size_t size = y.type == melpix::SampleType::kInt16     ? 2
                           : y.type == melpix::SampleType::kFloat32 ? 4
                                                                    : 8;
  some.data = static_cast<const char*>(y.data) +
              static_cast<std::ptrdiff_t>(size) * static_cast<std::ptrdiff_t>(begin) * y.stride;
  some.length = count;
  return some;
}

// Whether the columns of a stream are `expected`, n_mels rows of `frames` values.
template <class V, class T>
bool same(Stream<T>& stream, const Signal& y, Dice& dice, const std::vector<V>& expected,
          std::size_t frames) {
  const std::size_t n_mels = stream.config().mel.n_mels;
  std::vector<V> got(n_mels * frames);
  const auto stride = static_cast<std::ptrdiff_t>(frames);
  const std::size_t typical = 1 + dice.below(dice.odds(3) ? 2000 : 150);
  std::size_t at = 0;
  for (std::size_t begin = 0; begin < y.length;) {
    const std::size_t count = std::min(y.length - begin, dice.below(typical + 1));
    const std::size_t announced = stream.columns(count);
    if (at + announced > frames) return false;
    const std::size_t written = stream.push(part(y, begin, count), got.data() + at, stride);
    at += written;
    begin += count;
    if (written != announced || stream.samples() != begin) return false;
    if (begin >= stream.latency() + 2 &&
        at != (begin - stream.latency()) / stream.config().hop_length + 1)
      return false;
  }
  if (at + stream.tail() != frames) return false;
  at += stream.flush(got.data() + at, stride);
  return at == frames && std::memcmp(got.data(), expected.data(), got.size() * sizeof(V)) == 0;
}

template <class T>
void test_signal(const melpix::Frontend<T>& f, const Signal& y, Dice& dice) {
  const Config& c = f.config();
  Stream<T> mel(f, Values::kMel), features(f), image(f, Values::kImage);
  std::size_t frames = 0;
  try {
    frames = f.frames(y.length);
  } catch (const std::invalid_argument&) {
    // It stays as it was, so more samples may follow; and it has nothing to say until then.
    std::vector<T> none(1);
    const std::size_t written = features.push(y, none.data(), 1);
    CHECK_EQUAL(written, 0u);
    CHECK_THROWS(std::invalid_argument, "y is", features.flush(none.data(), 1));
    CHECK_THROWS(std::invalid_argument, "y is", features.tail());
    features.push(part(y, 0, 0), none.data(), 1);
    CHECK_EQUAL(features.samples(), y.length);
    return;
  }
  const auto stride = static_cast<std::ptrdiff_t>(frames);
  const std::size_t size = c.mel.n_mels * frames;
  std::vector<T> values(size);
  std::vector<float> floats(size);
  std::vector<double> doubles(size);
  std::vector<std::uint8_t> pixels(size);
  std::vector<std::uint16_t> deep(size);
  f.mel(y, values.data(), stride);
  CHECK((same(mel, y, dice, values, frames)));
  mel.reset();
  f.mel(y, floats.data(), stride);
  CHECK((same(mel, y, dice, floats, frames)));
  mel.reset();
  f.mel(y, doubles.data(), stride);
  CHECK((same(mel, y, dice, doubles, frames)));
  f.features(y, floats.data(), stride);
  CHECK((same(features, y, dice, floats, frames)));
  features.reset();
  f.features(y, doubles.data(), stride);
  CHECK((same(features, y, dice, doubles, frames)));
  f.image(y, pixels.data(), stride);
  CHECK((same(image, y, dice, pixels, frames)));
  image.reset();
  f.image(y, deep.data(), stride);
  CHECK((same(image, y, dice, deep, frames)));
}

template <class T>
void test_isa(const std::string& isa, unsigned rounds) {
  for (unsigned round = 0; round < rounds; ++round) {
    Dice dice(round);
    const Config c = random_config(dice);
    const melpix::Frontend<T> f(c, isa);
    const std::size_t n = dice.odds(3) ? dice.below(8) : dice.below(dice.odds(4) ? 4000 : 500);
    std::vector<double> y = noise<double>(3 * n, round);
    // Also what is in doubt in single precision: a loud tone, and faint noise on a constant.
    if (dice.odds(2))
      for (std::size_t i = 0; i < 3 * n; ++i)
        y[i] = dice.odds(2) ? std::sin(0.3 * static_cast<double>(i)) : 0.5 + 1e-5 * y[i];
    const std::vector<float> floats(y.begin(), y.end());
    std::vector<std::int16_t> integers;
    for (double x : y) integers.push_back(static_cast<std::int16_t>(x * 32767));

    test_signal(f, Signal(y.data(), n), dice);
    test_signal(f, Signal(floats.data(), n), dice);
    test_signal(f, Signal(integers.data(), n), dice);
    Signal interleaved(floats.data(), n);
    interleaved.channels = 3;
    interleaved.stride = 3;
    interleaved.channel_stride = 1;
    test_signal(f, interleaved, dice);
    interleaved.data = integers.data();
    interleaved.type = melpix::SampleType::kInt16;
    test_signal(f, interleaved, dice);
    if (check::failed() > 0) {
      std::cerr << isa << ", round " << round << ", n_fft " << c.mel.n_fft << "\n";
      return;
    }
  }
}

// n_fft whose transforms are of each kind, full blocks and partial ones, with many bands.
template <class T>
void test_sizes(const std::string& isa) {
  for (std::size_t n_fft : {400u, 512u, 1024u, 1021u, 4096u}) {
    Config c;
    c.mel.n_fft = n_fft;
    c.mel.n_mels = 40;
    c.hop_length = n_fft / 4;
    c.pad_mode = melpix::PadMode::kReflect;
    c.range = melpix::Range{-20, 5};
    const melpix::Frontend<T> f(c, isa);
    Dice dice(static_cast<unsigned>(n_fft));
    const std::vector<float> y = noise<float>(40 * n_fft + 7);
    test_signal(f, Signal(y.data(), y.size()), dice);
  }
}

// librosa's reflection at the very end, which exists where the length is a multiple of a long hop.
void test_the_last_sample() {
  for (std::size_t hop : {8u, 11u})
    for (std::size_t n : {hop, 2 * hop, 5 * hop, 5 * hop + 1}) {
      Config c;
      c.mel.n_fft = 16;
      c.mel.n_mels = 4;
      c.hop_length = hop;
      c.pad_mode = melpix::PadMode::kReflect;
      c.range = melpix::Range{-20, 5};
      Dice dice(static_cast<unsigned>(n));
      const std::vector<float> y = noise<float>(n);
      for (int i = 0; i < 20; ++i)
        test_signal(melpix::Frontend<float>(c), Signal(y.data(), n), dice);
    }
}

void test_latency() {
  Config c;
  c.mel.n_fft = 400;
  c.hop_length = 160;
  const auto latency = [&] { return Stream<float>(melpix::Frontend<float>(c)).latency(); };
  CHECK_EQUAL(latency(), 200u);
  c.win_length = 300;  // the zeros around the window need not be waited for
  CHECK_EQUAL(latency(), 150u);
  c.framing = melpix::Framing::kUncentered;
  CHECK_EQUAL(latency(), 400u);  // or there might be no such frame
  c.framing = melpix::Framing::kSnip;
  CHECK_EQUAL(latency(), 300u);
  c.framing = melpix::Framing::kMiddle;
  CHECK_EQUAL(latency(), 230u);

  const Stream<float> small{melpix::Frontend<float>(c)};
  CHECK(small.bytes() > 800 * 12);
  CHECK(small.bytes() < 1000 * 12);
}

// Rows and columns anywhere, and forwards or backwards.
void test_strides() {
  Config c;
  c.mel.n_fft = 64;
  c.mel.n_mels = 3;
  c.hop_length = 16;
  const melpix::Frontend<double> f(c);
  const std::vector<double> y = noise<double>(16 * 50);
  std::vector<double> expected(3 * 51), got(3 * 51);
  f.features(Signal(y.data(), y.size()), expected.data() + 2, -1, 3);
  Stream<double> stream(f);
  const std::size_t ready = stream.push(Signal(y.data(), y.size()), got.data() + 2, -1, 3);
  stream.flush(got.data() + 3 * ready + 2, -1, 3);
  CHECK(got == expected);
}

void test_errors() {
  Config c;
  c.mel.n_fft = 64;
  c.hop_length = 16;
  c.mel.n_mels = 2;
  const auto refuses = [](Config bad, Values values, const char* name) {
    CHECK_THROWS(std::invalid_argument, name, Stream<float>(melpix::Frontend<float>(bad), values));
    CHECK(Stream<float>(melpix::Frontend<float>(bad), Values::kMel).samples() == 0);
  };
  refuses(c, Values::kImage, "range must be (lo, hi)");
  Config bad = c;
  bad.ref.reset();
  refuses(bad, Values::kFeatures, "ref must be a number");
  bad = c;
  bad.top_db = 80;
  refuses(bad, Values::kFeatures, "range=(lo, hi)");
  bad.compress = melpix::Compress::kNone;  // which has no decibels
  CHECK_EQUAL(Stream<float>(melpix::Frontend<float>(bad)).samples(), 0u);
  bad = c;
  bad.columns = 7;
  refuses(bad, Values::kFeatures, "got 7");
  for (auto kind : {melpix::Normalise::Kind::kImage, melpix::Normalise::Kind::kFrequency,
                    melpix::Normalise::Kind::kMax}) {
    bad = c;
    bad.normalise.kind = kind;
    refuses(bad, Values::kFeatures, "normalise must be None or (mean, std)");
  }

  // What depends on the signal's length or extremes is refused for mel values too.
  const auto refuses_all = [&c](const auto& change, const char* name) {
    Config whole = c;
    change(whole);
    const melpix::Frontend<float> f(whole);
    for (const Values values : {Values::kMel, Values::kFeatures, Values::kImage})
      CHECK_THROWS(std::invalid_argument, name, Stream<float>(f, values));
  };
  refuses_all([](Config& w) { w.duration = 2.5; },
              "duration must be None in a stream, which goes on for as long as samples come, got "
              "2.5: push as many samples as are wanted");
  refuses_all([](Config& w) { w.level = melpix::Level::kMinmax; },
              "level must be None or 'int16' in a stream");
  refuses_all([](Config& w) { w.patch = 4, w.tail = melpix::Tail::kPad; },
              "tail must be 'drop' in a stream");

  Stream<double> stream{melpix::Frontend<double>(c)};
  std::vector<double> y = noise<double>(300);
  std::vector<double> out(2 * 30), expected(2 * 19);
  std::vector<std::uint8_t> pixels(60);
  CHECK_THROWS(std::invalid_argument, "pixels",
               stream.push(Signal(y.data(), 9), pixels.data(), 30));
  Signal none(y.data(), 9);
  none.channels = 0;
  CHECK_THROWS(std::invalid_argument, "channel", stream.push(none, out.data(), 30));
  CHECK_EQUAL(stream.samples(), 0u);

  stream.push(Signal(y.data(), 200), out.data(), 30);
  CHECK(stream.peak() > 0.9);
  y[217] = std::numeric_limits<double>::infinity();
  CHECK_THROWS(std::domain_error, "sample 217 is inf",
               stream.push(Signal(y.data() + 200, 100), out.data(), 30));
  y[217] = 0.5;
  CHECK_THROWS(std::logic_error, "reset", stream.push(Signal(y.data(), 9), out.data(), 30));
  CHECK_THROWS(std::logic_error, "reset", stream.flush(out.data(), 30));
  stream.reset();
  y[100] = 1e200;
  CHECK_THROWS(std::overflow_error, "peak of 1e+200",
               stream.push(Signal(y.data(), 300), out.data(), 30));
  y[100] = 0;
  CHECK_THROWS(std::logic_error, "error", stream.push(Signal(y.data(), 9), out.data(), 30));
  stream.reset();
  CHECK_EQUAL(stream.peak(), 0.0);
  const std::size_t ready = stream.push(Signal(y.data(), 300), out.data(), 19);
  stream.flush(out.data() + ready, 19);
  CHECK_THROWS(std::logic_error, "flushed", stream.push(Signal(y.data(), 9), out.data(), 19));
  CHECK_THROWS(std::logic_error, "flushed", stream.tail());
  out.resize(2 * 19);
  melpix::Frontend<double>(c).features(Signal(y.data(), 300), expected.data(), 19);
  CHECK(out == expected);
}

// A level hides no sample, neither its place in the stream nor its channel.
void test_levels() {
  Config c;
  c.mel.n_fft = 64;
  c.hop_length = 16;
  c.mel.n_mels = 2;
  c.level = melpix::Level::kInt16;
  std::vector<float> y = noise<float>(400);
  Signal stereo(y.data(), 200);
  stereo.channels = 2;
  stereo.stride = 2;
  stereo.channel_stride = 1;
  std::vector<float> out(2 * 40);
  Stream<float> stream{melpix::Frontend<float>(c)};
  y[20] = 3;
  stream.push(part(stereo, 0, 100), out.data(), 40);
  CHECK(stream.peak() <= 1);
  y[2 * 150 + 1] = std::numeric_limits<float>::infinity();
  CHECK_THROWS(std::domain_error, "sample 150 of channel 1 is inf",
               stream.push(part(stereo, 100, 100), out.data(), 40));
}

}  // namespace

int main() {
  for (const std::string& isa : melpix::available_isas()) {
    test_isa<float>(isa, 150);
    test_isa<double>(isa, 150);
    test_sizes<float>(isa);
    test_sizes<double>(isa);
  }
  test_the_last_sample();
  test_latency();
  test_strides();
  test_errors();
  test_levels();
  return failures();
}
