// SPDX-License-Identifier: MIT
// Once a thread is warm, rendering allocates nothing: every way into the heap is counted.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "check.h"
#include "melpix/c_api.h"
#include "melpix/melpix.h"
#include "signals.h"

namespace {

std::size_t allocations = 0;

}  // namespace

// glibc lets a program bring its own malloc, and has the real one under another name. operator new
// calls these too.
extern "C" void* __libc_malloc(std::size_t);
extern "C" void* __libc_memalign(std::size_t, std::size_t);
extern "C" void* malloc(std::size_t bytes) {
  ++allocations;
  return __libc_malloc(bytes);
}
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  ++allocations;
  return __libc_memalign(alignment, bytes);
}

template <class T>
void test(std::size_t n_fft, melpix::SampleType type, bool loud,
          melpix::Level level = melpix::Level::kNone) {
  melpix::Config c;
  c.mel.n_fft = n_fft;
  c.hop_length = n_fft / 3;
  c.mel.n_mels = 24;
  c.level = level;
  if (level != melpix::Level::kNone) c.duration = 30 * static_cast<double>(n_fft) / c.mel.sr;
  const auto samples = noise<float>(std::min(20 * n_fft, std::size_t{400000}));
  std::vector<float> y;
  // A loud tone in quiet noise: frames in doubt, which are computed a second time.
  for (std::size_t i = 0; i < samples.size(); ++i)
    y.push_back(loud ? std::sin(0.3f * static_cast<float>(i)) : samples[i]);
  std::vector<std::int16_t> integers;
  for (const float value : y) integers.push_back(static_cast<std::int16_t>(value * 32767));

  melpix::Signal signal(y.data(), y.size());
  if (type == melpix::SampleType::kInt16) signal = {integers.data(), integers.size()};
  for (const std::string& isa : melpix::available_isas()) {
    const melpix::Frontend<T> f(c, isa);
    const std::size_t frames = f.frames(y.size());
    std::vector<std::uint8_t> image(24 * frames);
    const auto render = [&] { f.image(signal, image.data(), static_cast<std::ptrdiff_t>(frames)); };
    render();
    render();
    const std::size_t before = allocations;
    for (int i = 0; i < 3; ++i) render();
    const std::size_t made = allocations - before;  // a check allocates
    CHECK_EQUAL(made, std::size_t{0});
  }
}

// Images whose features take 12 and 76 MB, as ten minutes and an hour of the recipe.
void test_long() {
  melpix::Config c;
  c.mel.n_fft = 64;
  c.hop_length = 16;
  c.mel.n_mels = 512;
  const melpix::Frontend<float> f(c);
  const auto y = noise<float>(600000);
  std::vector<std::uint8_t> image(512 * f.frames(y.size()));
  const auto render = [&](std::size_t n) {
    const std::size_t before = allocations;
    f.image({y.data(), n}, image.data(), static_cast<std::ptrdiff_t>(f.frames(n)));
    return allocations - before;
  };
  render(95000);
  render(600000);
  for (const std::size_t n : {95000u, 600000u, 95000u, 95000u}) {
    const std::size_t made = render(n);
    CHECK_EQUAL(made, std::size_t{0});
  }
}

// 10 ms by 10 ms, from the start of a stream to its end.
template <class T>
void test_stream(melpix::Values values, bool loud) {
  melpix::Config c;
  c.mel.n_fft = 400;
  c.hop_length = 160;
  c.mel.n_mels = 40;
  c.pad_mode = melpix::PadMode::kReflect;
  c.range = melpix::Range{-20, 5};
  c.normalise = {melpix::Normalise::Kind::kGiven, {-5}, {4}};
  const std::vector<float> samples = noise<float>(160);
  std::vector<float> y;
  for (std::size_t i = 0; i < samples.size(); ++i)
    y.push_back(loud ? std::sin(0.3f * static_cast<float>(i)) : samples[i]);
  for (const std::string& isa : melpix::available_isas()) {
    melpix::Stream<T> stream(melpix::Frontend<T>(c, isa), values);
    std::vector<T> out(40 * 16);
    std::vector<std::uint8_t> pixels(out.size());
    const auto run = [&] {
      stream.reset();
      for (int i = 0; i < 20; ++i) {
        if (values == melpix::Values::kImage)
          stream.push({y.data(), y.size()}, pixels.data(), 16);
        else
          stream.push({y.data(), y.size()}, out.data(), 16);
      }
      values == melpix::Values::kImage ? stream.flush(pixels.data(), 16)
                                       : stream.flush(out.data(), 16);
    };
    run();
    run();
    const std::size_t before = allocations;
    run();
    const std::size_t made = allocations - before;
    CHECK_EQUAL(made, std::size_t{0});
  }
}

// The way through C adds none.
void test_c() {
  melpix_frontend* f = nullptr;
  melpix_stream* stream = nullptr;
  CHECK(melpix_frontend_create("n_mels=24 range=-20,5", &f) == MELPIX_OK);
  CHECK(melpix_stream_create(f, MELPIX_UINT16, &stream) == MELPIX_OK);
  const auto y = noise<float>(10000);
  const melpix_signal signal = {y.data(), y.size(), 1, 0, 0, MELPIX_FLOAT32};
  std::vector<std::uint8_t> image(24 * 20);
  std::vector<std::uint16_t> columns(24 * 20);
  std::vector<double> features(24 * 20);
  std::size_t before = 0;
  for (int i = 0; i < 5; ++i) {
    if (i == 2) before = allocations;
    int sum = melpix_image8(f, &signal, image.data(), image.size(), 0, 0, nullptr);
    sum += melpix_features64(f, &signal, features.data(), features.size(), 1, 24, nullptr);
    sum += melpix_stream_push(stream, &signal, columns.data(), columns.size(), nullptr);
    sum += melpix_stream_flush(stream, columns.data(), columns.size(), nullptr);
    sum += melpix_stream_reset(stream);
    if (sum != MELPIX_OK) before = 0;
  }
  const std::size_t made = allocations - before;
  CHECK_EQUAL(made, std::size_t{0});
  melpix_stream_destroy(stream);
  melpix_frontend_destroy(f);
}

int main() {
  delete new int;
  CHECK(allocations > 0);  // they are counted at all
  // The transforms of each kind: chains, direct, split in a written-out and in another way,
  // Rader's, Bluestein's, and lengths whose scratch is large: up to what the process keeps.
  for (std::size_t n_fft :
       {256u, 1024u, 882u, 1021u, 1018u, 4096u, 17640u, 65536u, 65537u, 131072u})
    for (bool loud : {false, true}) {
      test<float>(n_fft, melpix::SampleType::kFloat32, loud);
      test<float>(n_fft, melpix::SampleType::kInt16, loud);
      test<double>(n_fft, melpix::SampleType::kFloat32, loud);
    }
  for (const melpix::Level level : {melpix::Level::kInt16, melpix::Level::kMinmax})
    for (const auto type : {melpix::SampleType::kInt16, melpix::SampleType::kFloat32}) {
      test<float>(1024, type, true, level);
      test<double>(1024, type, true, level);
    }
  using melpix::Values;
  for (Values values : {Values::kMel, Values::kFeatures, Values::kImage})
    for (bool loud : {false, true}) {
      test_stream<float>(values, loud);
      test_stream<double>(values, loud);
    }
  test_c();
#ifdef __linux__
  test_long();  // elsewhere no large piece is kept
#endif
  return failures();
}
