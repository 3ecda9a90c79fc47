// SPDX-License-Identifier: MIT
#include <cmath>
#include <thread>
#include <variant>
#include <vector>

#include "check.h"
#include "melpix/mixed.h"

namespace {

using melpix::Config;
using melpix::MixedFrontend;
using melpix::Precision;
using melpix::Product;

constexpr Product kProducts[] = {Product::kMel, Product::kFeatures, Product::kImage8,
                                 Product::kImage16};

bool made_in_single(const MixedFrontend& f, Product product) {
  return std::holds_alternative<melpix::Frontend<float>>(f.of(product));
}

void test_rule() {
  Config c;
  for (const Product product : kProducts) {
    const bool expected = product == Product::kMel || product == Product::kImage8;
    CHECK_EQUAL(melpix::is_single(c, Precision::kMixed, product), expected);
    CHECK(melpix::is_single(c, Precision::kSingle, product));
    CHECK(!melpix::is_single(c, Precision::kDouble, product));
    for (const Precision precision : {Precision::kMixed, Precision::kSingle, Precision::kDouble})
      CHECK_EQUAL(made_in_single({c, precision, Product::kImage16}, product),
                  melpix::is_single(c, precision, product));
  }
  c.compress = melpix::Compress::kPower;
  CHECK(!melpix::is_single(c, Precision::kMixed, Product::kImage8));
  CHECK(melpix::is_single(c, Precision::kMixed, Product::kMel));
  Config root;
  root.power = 0.5;
  Config spread;
  spread.level = melpix::Level::kMinmax;
  for (const Product product : kProducts) {
    CHECK(!melpix::is_single(root, Precision::kMixed, product));
    CHECK(!melpix::is_single(spread, Precision::kMixed, product));
  }
  c.hop_length = 0;
  CHECK_THROWS(std::invalid_argument, "hop_length",
               MixedFrontend(c, Precision::kMixed, Product::kMel));
}

// Whoever asks first plans, the others wait; a moved front-end keeps what it has.
void test_threads() {
  MixedFrontend f(Config(), Precision::kMixed, Product::kImage8);
  const MixedFrontend::Either* found[4] = {};
  std::vector<std::thread> pool;
  for (auto& it : found) pool.emplace_back([&] { it = &f.of(Product::kFeatures); });
  for (std::thread& thread : pool) thread.join();
  for (const auto* it : found) CHECK(it == found[0]);
  const MixedFrontend moved = std::move(f);
  CHECK(&moved.of(Product::kFeatures) == found[0]);
}

// A constant that the window keeps out of the bands, nearly: float32 alone is 1e-3 off.
void test_mel() {
  Config c;
  c.mel.fmin = 1000;
  c.mel.n_mels = 20;
  std::vector<double> y(20000);
  for (std::size_t i = 0; i < y.size(); ++i)
    y[i] = 0.9 + 1e-3 * std::sin(0.5 * static_cast<double>(i * i % 1013));
  const melpix::Signal signal(y.data(), y.size());
  const melpix::Frontend<float> single(c);
  const melpix::Frontend<double> twice(c);
  const std::size_t frames = single.mel_frames(y.size());
  const auto stride = static_cast<std::ptrdiff_t>(frames);
  std::vector<float> floats(20 * frames), rounded(floats);
  std::vector<double> wide(20 * frames), exact(wide);
  single.mel(signal, floats.data(), stride);
  single.mel(signal, wide.data(), stride);
  const double peak = twice.mel(signal, exact.data(), stride).max;
  twice.mel(signal, rounded.data(), stride);
  for (std::size_t i = 0; i < exact.size(); ++i) {
    CHECK_NEAR(static_cast<double>(floats[i]), exact[i], 2e-6 * peak);
    CHECK(static_cast<double>(floats[i]) == wide[i]);
    CHECK(static_cast<float>(exact[i]) == rounded[i]);
  }
}

}  // namespace

int main() {
  test_rule();
  test_threads();
  test_mel();
  return failures();
}
