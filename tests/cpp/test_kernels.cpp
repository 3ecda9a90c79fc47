// SPDX-License-Identifier: MIT
// Every kernel of every instruction set that runs here, by name, against the plain definition.
#include <algorithm>
#include <complex>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <vector>

#include "check.h"
#include "kernels/kernels.h"
#include "melpix/isa.h"
#include "signals.h"

namespace {

const double kPi = std::acos(-1.0);

template <class T>
struct Block {
  explicit Block(std::size_t n)
      : data(static_cast<T*>(::operator new(std::max<std::size_t>(n, 1) * sizeof(T),
                                            std::align_val_t{melpix::kAlignment}))) {}
  ~Block() { ::operator delete(data, std::align_val_t{melpix::kAlignment}); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  T* data;
};

template <class T>
void test_spectrum(const melpix::Kernels<T>& k, std::size_t n_fft, T power) {
  const std::size_t stride = 5, n_bins = n_fft / 2 + 1;
  const auto y = noise<T>(stride * k.lanes + n_fft);
  auto window = noise<T>(n_fft, 2);
  const std::size_t filled = power == 1 ? n_fft - n_fft / 3 : n_fft;
  std::fill(window.begin() + static_cast<std::ptrdiff_t>(filled), window.end(), T(0));
  const std::unique_ptr<void, void (*)(void*)> plan(k.fft_create(n_fft), k.fft_destroy);
  CHECK(plan != nullptr);
  Block<T> block(k.fft_rows(plan.get()) * k.lanes), bins(n_bins * k.lanes), energy(k.lanes);
  k.load(plan.get(), y.data(), static_cast<std::ptrdiff_t>(stride), window.data(), filled, n_fft,
         block.data, energy.data, nullptr, 0);
  for (std::size_t lane = 0; lane < k.lanes; ++lane) {
    double sum = 0;
    for (std::size_t n = 0; n < n_fft; ++n)
      sum += std::pow(double(y[lane * stride + n]) * double(window[n]), 2);
    CHECK_NEAR(double(energy.data[lane]), sum, sum * (sizeof(T) == 4 ? 1e-5 : 1e-13));
  }
  const T bin_offset = power == 3 ? T(0.25) : T(0);
  k.spectrum(plan.get(), block.data, power, bin_offset, 0, n_bins, bins.data);
  Block<T> parts(n_bins * k.lanes);
  k.load(plan.get(), y.data(), static_cast<std::ptrdiff_t>(stride), window.data(), filled, n_fft,
         block.data, energy.data, nullptr, 0);
  k.real_spectrum(plan.get(), block.data, parts.data);
  std::vector<std::complex<double>> roots;
  for (std::size_t i = 0; i < n_fft; ++i)
    roots.push_back(
        std::polar(1.0, -2 * kPi * static_cast<double>(i) / static_cast<double>(n_fft)));
  double most = 0, longest = 0;
  std::vector<double> expected(n_bins * k.lanes), real(n_bins * k.lanes);
  for (std::size_t lane = 0; lane < k.lanes; ++lane)
    for (std::size_t bin = 0; bin < n_bins; ++bin) {
      std::complex<double> sum = 0;
      for (std::size_t n = 0; n < n_fft; ++n)
        sum += double(y[lane * stride + n]) * double(window[n]) * roots[bin * n % n_fft];
      expected[bin * k.lanes + lane] =
          std::pow(std::norm(sum) + double(bin_offset), double(power) / 2);
      most = std::max(most, expected[bin * k.lanes + lane]);
      real[bin * k.lanes + lane] = sum.real();
      longest = std::max(longest, std::abs(sum));
    }
  const double tolerance = most * (sizeof(T) == 4 ? 2e-6 : 1e-13) * double(power);
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK_NEAR(double(bins.data[i]), expected[i], tolerance);
  for (std::size_t i = 0; i < real.size(); ++i)  // with its sign
    CHECK_NEAR(double(parts.data[i]), real[i], longest * (sizeof(T) == 4 ? 2e-6 : 1e-13));
}

// Frames that overlap share loaded samples; to the last bit, as if each had its own.
template <class T>
void test_hop(const melpix::Kernels<T>& k, std::size_t n_fft, std::size_t hop) {
  const auto y = noise<T>(hop * (k.lanes - 1) + n_fft), window = noise<T>(n_fft, 2);
  std::vector<T> apart(n_fft * k.lanes);
  for (std::size_t lane = 0; lane < k.lanes; ++lane)
    std::copy_n(y.begin() + static_cast<std::ptrdiff_t>(lane * hop), n_fft,
                apart.begin() + static_cast<std::ptrdiff_t>(lane * n_fft));
  const std::unique_ptr<void, void (*)(void*)> plan(k.fft_create(n_fft), k.fft_destroy);
  const std::size_t n_bins = n_fft / 2 + 1;
  Block<T> block(k.fft_rows(plan.get()) * k.lanes), energy(k.lanes), energy_apart(k.lanes),
      bins(n_bins * k.lanes), bins_apart(n_bins * k.lanes);
  const auto run = [&](const T* samples, std::size_t stride, const Block<T>& to,
                       const Block<T>& sum) {
    k.load(plan.get(), samples, static_cast<std::ptrdiff_t>(stride), window.data(), n_fft, n_fft,
           block.data, sum.data, nullptr, 0);
    k.spectrum(plan.get(), block.data, T(2), T(0), 0, n_bins, to.data);
  };
  run(y.data(), hop, bins, energy);
  run(apart.data(), n_fft, bins_apart, energy_apart);
  for (std::size_t lane = 0; lane < k.lanes; ++lane)
    CHECK_EQUAL(energy.data[lane], energy_apart.data[lane]);
  for (std::size_t i = 0; i < n_bins * k.lanes; ++i) CHECK_EQUAL(bins.data[i], bins_apart.data[i]);
}

// Logarithms with neither offset nor floor.
template <class T>
melpix::Compression<T> plain_log() {
  melpix::Compression<T> rule;
  rule.kind = melpix::Compression<T>::Kind::kLog;
  return rule;
}

template <class T, class Bits>
void test_log(const melpix::Kernels<T>& k, Bits step) {
  Block<T> row(k.lanes);
  const auto log_of = [&](T x) {
    std::fill_n(row.data, k.lanes, x);
    k.compress(row.data, 1, k.lanes, plain_log<T>(), nullptr);
    return row.data[k.lanes - 1];
  };
  // Bit patterns from 0 through the subnormal and normal numbers up to the largest.
  const T largest = std::numeric_limits<T>::max();
  Bits end;
  std::memcpy(&end, &largest, sizeof(T));
  double worst = 0;
  for (Bits bits = 1; bits <= end && bits + step > bits; bits += step) {
    T x;
    std::memcpy(&x, &bits, sizeof(T));
    const long double exact = std::log(static_cast<long double>(x));
    const T near = static_cast<T>(exact);
    const long double ulp = std::fabs(
        static_cast<long double>(std::nextafter(near, std::numeric_limits<T>::infinity())) -
        static_cast<long double>(near));
    worst = std::max(worst, static_cast<double>(std::fabs(log_of(x) - exact) / ulp));
  }
  std::cout << "log, " << sizeof(T) * 8 << " bits, " << k.lanes << " lanes: " << worst << " ulp\n";
  CHECK(worst <= 1.0);
  CHECK_EQUAL(log_of(1), T(0));
  CHECK_EQUAL(log_of(0), -std::numeric_limits<T>::infinity());
  CHECK_EQUAL(log_of(std::numeric_limits<T>::infinity()), std::numeric_limits<T>::infinity());
  CHECK(std::isnan(log_of(std::numeric_limits<T>::quiet_NaN())));
}

template <class T>
void test_mel_and_store(const melpix::Kernels<T>& k) {
  const std::vector<std::size_t> first = {0, 1, 0, 3}, offset = {0, 1, 4, 4, 9};
  const std::size_t n_bins = 8, n_mels = 4;
  const auto weights = noise<T>(9, 3), values = noise<T>(n_bins * k.lanes, 4);
  Block<T> bins(n_bins * k.lanes), bands(n_mels * k.lanes);
  std::copy(values.begin(), values.end(), bins.data);
  k.mel(bins.data, weights.data(), first.data(), offset.data(), n_mels, bands.data);
  for (std::size_t m = 0; m < n_mels; ++m)
    for (std::size_t lane = 0; lane < k.lanes; ++lane) {
      double sum = 0;
      for (std::size_t i = offset[m]; i < offset[m + 1]; ++i)
        sum += double(weights[i]) * double(values[(first[m] + i - offset[m]) * k.lanes + lane]);
      CHECK_NEAR(double(bands.data[m * k.lanes + lane]), sum, sizeof(T) == 4 ? 1e-6 : 1e-14);
    }

  // A partial block writes its columns and nothing else.
  for (std::size_t frames = 1; frames <= k.lanes; ++frames) {
    melpix::Extremes<T> extremes;
    std::fill_n(extremes.lo, melpix::kMaxLanes, T(100));
    std::fill_n(extremes.hi, melpix::kMaxLanes, T(-100));
    std::fill_n(extremes.poison, melpix::kMaxLanes, T(0));
    const std::size_t stride = k.lanes + 3;
    std::vector<T> out(n_mels * stride, T(7));
    const T least = T(-0.2), most = T(0.1);
    k.store(bands.data, n_mels, frames, out.data(), static_cast<std::ptrdiff_t>(stride), least,
            most, &extremes);
    for (std::size_t m = 0; m < n_mels; ++m)
      for (std::size_t i = 0; i < stride; ++i) {
        const auto clipped = [&] {
          return std::min(std::max(bands.data[m * k.lanes + i], least), most);
        };
        CHECK_EQUAL(out[m * stride + i], i < frames ? clipped() : T(7));
      }
    const T* all = bands.data;
    CHECK_EQUAL(*std::min_element(extremes.lo, extremes.lo + k.lanes),
                *std::min_element(all, all + n_mels * k.lanes));
    CHECK_EQUAL(*std::max_element(extremes.hi, extremes.hi + k.lanes),
                *std::max_element(all, all + n_mels * k.lanes));
    CHECK_EQUAL(extremes.poison[0], T(0));
    bands.data[frames - 1] = std::numeric_limits<T>::quiet_NaN();
    k.store(bands.data, n_mels, frames, out.data(), static_cast<std::ptrdiff_t>(stride), least,
            most, &extremes);
    CHECK(std::isnan(extremes.poison[frames - 1]));
    CHECK(std::isnan(out[frames - 1]));
    bands.data[frames - 1] = T(0);
  }
}

template <class T, class Pixel>
void test_pixels(const melpix::Kernels<T>& k,
                 void (*pixels)(const T*, std::size_t, const melpix::Greys<T>&, Pixel*)) {
  using Greys = melpix::Greys<T>;
  using Rounding = typename Greys::Rounding;
  constexpr int most = std::numeric_limits<Pixel>::max();
  CHECK(pixels != nullptr && k.lanes > 0);
  for (const Rounding rounding : {Rounding::kTruncate, Rounding::kNearest, Rounding::kCeil})
    for (const bool invert : {true, false}) {
      for (std::size_t count = 0; count < 70; ++count) {
        std::vector<T> values = noise<T>(count, 5);
        std::vector<Pixel> out(count + 1, 99);
        pixels(values.data(), count, Greys{T(-1), T(2), rounding, invert}, out.data());
        for (std::size_t i = 0; i < count; ++i) {
          const T grey = (values[i] + T(1)) / T(2) * T(most);
          const int whole =
              static_cast<int>(rounding == Rounding::kTruncate  ? std::floor(grey)
                               : rounding == Rounding::kNearest ? std::floor(grey + T(0.5))
                                                                : std::ceil(grey));
          CHECK_EQUAL(int{out[i]}, invert ? most - whole : whole);
        }
        CHECK_EQUAL(int{out[count]}, 99);
      }
      const T ends[] = {T(-20.7), T(3.1)};
      Pixel out[2];
      pixels(ends, 2, Greys{ends[0], ends[1] - ends[0], rounding, invert}, out);
      CHECK_EQUAL(int{out[0]}, invert ? most : 0);
      CHECK_EQUAL(int{out[1]}, invert ? 0 : most);
    }
}

// Powers over the whole range of numbers, within the error of a logarithm times the exponent.
template <class T>
void test_powers(const melpix::Kernels<T>& k) {
  melpix::Compression<T> rule;
  rule.kind = melpix::Compression<T>::Kind::kPower;
  Block<T> row(k.lanes);
  const auto power_of = [&](T x) {
    std::fill_n(row.data, k.lanes, x);
    k.compress(row.data, 1, k.lanes, rule, nullptr);
    return row.data[k.lanes - 1];
  };
  for (const double exponent : {0.5, 0.25, 0.33, 0.2262, 0.9, 1.5, 3.0}) {
    rule.exponent = static_cast<T>(exponent);
    double worst = 0;
    for (int e = std::numeric_limits<T>::min_exponent - 5; e < std::numeric_limits<T>::max_exponent;
         ++e) {
      const T x = static_cast<T>(std::ldexp(1.3, e));
      const double exact = std::pow(double(x), double(rule.exponent));
      if (exact > double(std::numeric_limits<T>::max()) / 2) {
        if (exact > double(std::numeric_limits<T>::max())) CHECK(std::isinf(power_of(x)));
        continue;
      }
      const double epsilon = double(std::numeric_limits<T>::epsilon());
      const double allowed = 4 + std::fabs(double(rule.exponent) * std::log(double(x)));
      if (exact < double(std::numeric_limits<T>::min())) {
        CHECK_NEAR(double(power_of(x)), exact,
                   exact * allowed * epsilon + double(std::numeric_limits<T>::denorm_min()));
        continue;
      }
      worst = std::max(worst, std::fabs(double(power_of(x)) / exact - 1) / epsilon / allowed);
    }
    CHECK(worst <= 1);
    CHECK_EQUAL(power_of(0), T(0));
    CHECK(std::isnan(power_of(std::numeric_limits<T>::quiet_NaN())));
    CHECK(std::isinf(power_of(std::numeric_limits<T>::infinity())));
  }
  rule.kind = melpix::Compression<T>::Kind::kNone;
  rule.floor = T(0.5);
  CHECK_EQUAL(power_of(T(0.25)), T(0.5));
  CHECK_EQUAL(power_of(T(2)), T(2));
}

// Two blocks, the second of three frames, against the recursion as it is written down.
template <class T>
void test_pcen(const melpix::Kernels<T>& k) {
  const std::size_t n_mels = 3;
  for (const double bias : {2.0, 0.0, 1e-3})
    for (const double power : {0.5, 0.0, 0.1}) {
      melpix::Compression<T> rule;
      rule.kind = melpix::Compression<T>::Kind::kPcen;
      rule.gain = T(0.98), rule.bias = static_cast<T>(bias), rule.power = static_cast<T>(power);
      rule.smoothing = T(0.06), rule.eps = T(1e-6);
      std::vector<T> smooth(n_mels, T(1));
      std::vector<double> M(n_mels, 1.0);
      for (const std::size_t frames : {k.lanes, std::min<std::size_t>(3, k.lanes)}) {
        const auto values = noise<T>(n_mels * k.lanes, 8);
        Block<T> bands(n_mels * k.lanes);
        for (std::size_t i = 0; i < values.size(); ++i)
          bands.data[i] = std::fabs(values[i]) * (i / k.lanes == 2 ? T(1e-9) : T(10));
        const std::vector<T> before(bands.data, bands.data + values.size());
        k.compress(bands.data, n_mels, frames, rule, smooth.data());
        for (std::size_t m = 0; m < n_mels; ++m)
          for (std::size_t t = 0; t < frames; ++t) {
            const double x = double(before[m * k.lanes + t]);
            M[m] += double(rule.smoothing) * (x - M[m]);
            const double r = x * std::pow(double(rule.eps) + M[m], -double(rule.gain));
            const double d = double(rule.bias), p = double(rule.power);
            const double exact = p == 0   ? std::log1p(r)
                                 : d == 0 ? std::pow(r, p)
                                          : std::pow(d, p) * std::expm1(p * std::log1p(r / d));
            CHECK_NEAR(double(bands.data[m * k.lanes + t]), exact,
                       exact * 60 * double(std::numeric_limits<T>::epsilon()));
          }
      }
      for (std::size_t m = 0; m < n_mels; ++m)
        CHECK_NEAR(double(smooth[m]), M[m], M[m] * 60 * double(std::numeric_limits<T>::epsilon()));
    }
}

template <class T>
void test_prepare(const melpix::Kernels<T>& k) {
  for (const std::size_t count : {1u, 2u, 15u, 16u, 17u, 400u})
    for (const bool remove_dc : {false, true})
      for (const double a : {0.0, 0.97}) {
        auto x = noise<T>(count, 9);
        for (T& value : x) value += T(3);
        std::vector<T> out(count + 1, T(99));
        const double energy = k.prepare(x.data(), count, remove_dc, a, out.data());
        double sum = 0, squares = 0;
        for (const T value : x) {
          sum += double(value);
          squares += double(value) * double(value);
        }
        CHECK_NEAR(energy, squares, squares * 1e-14);
        const double mean = remove_dc ? sum / static_cast<double>(count) : 0;
        // Relative to what is left, not to what it was taken from.
        const double near = double(std::numeric_limits<T>::epsilon());
        for (std::size_t i = 0; i < count; ++i) {
          const double exact = double(x[i]) - mean - a * (double(x[i > 0 ? i - 1 : 0]) - mean);
          CHECK_NEAR(double(out[i]), exact, std::fabs(exact) * near + 1e-14);
        }
        CHECK_EQUAL(out[count], T(99));
      }
}

template <class T>
void test_normalise(const melpix::Kernels<T>& k) {
  for (const std::size_t count : {1u, 5u, 16u, 33u}) {
    const auto values = noise<T>(count, 10);
    std::vector<T> out = values;
    out.push_back(T(99));
    const melpix::Normalisation<T> rule = {T(-0.5), T(0.25), T(2), T(-0.2), T(0.1)};
    T extremes[2], lo = 1, hi = -1;
    k.normalise(out.data(), count, rule, extremes);
    double sums[2], sum = 0, squares = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const T raised = std::max(values[i], rule.least);
      const T feature = (raised - rule.shift) / rule.scale;
      lo = std::min(lo, feature), hi = std::max(hi, feature);
      CHECK_EQUAL(out[i], std::min(std::max(feature, rule.lo), rule.hi));
      sum += double(values[i]) - 0.125;
      squares += std::pow(double(values[i]) - 0.125, 2);
    }
    CHECK_EQUAL(out[count], T(99));
    CHECK_EQUAL(extremes[0], lo);
    CHECK_EQUAL(extremes[1], hi);
    k.moments(values.data(), count, 0.125, sums);
    CHECK_NEAR(sums[0], sum, 1e-12);
    CHECK_NEAR(sums[1], squares, 1e-12);
  }
}

template <class T>
void test_levels(const melpix::Kernels<T>& k) {
  for (const std::size_t count : {1u, 5u, 16u, 33u, 130u}) {
    const auto x = noise<T>(count, 11);
    for (const T bound : {T(0), T(2)}) {
      T least = bound, greatest = -bound, lo = least, hi = greatest;
      for (const T value : x) lo = std::min(lo, value), hi = std::max(hi, value);
      k.extremes(x.data(), count, &least, &greatest);
      CHECK_EQUAL(least, lo);
      CHECK_EQUAL(greatest, hi);
    }
    std::vector<T> out(count + 1, T(99)), in_place = x;
    k.rescale(x.data(), count, T(-0.5), T(1.75), out.data());
    k.rescale(in_place.data(), count, T(-0.5), T(1.75), in_place.data());
    std::vector<float> steps(count + 1, 99.0f);
    k.to_steps(x.data(), count, 100.0f, steps.data());
    for (std::size_t i = 0; i < count; ++i) {
      CHECK_EQUAL(out[i], ((x[i] + T(0.5)) / T(1.75) - T(0.5)) * 2);
      CHECK_EQUAL(out[i], in_place[i]);
      CHECK_EQUAL(steps[i], std::trunc(static_cast<float>(x[i]) * 100) / 100);
    }
    CHECK(out[count] == T(99) && steps[count] == 99.0f);
  }
  const T far = sizeof(T) == 4 ? T(3e38) : T(1e300);
  const T x[] = {T(1), T(-1), T(1.5), T(-1.5), far, -far, T(0.015), T(-0.015)};
  const float expected[] = {1, -1, 1, -1, 1, -1, 0.01f, -0.01f};
  float steps[8];
  k.to_steps(x, 8, 100.0f, steps);
  for (std::size_t i = 0; i < 8; ++i) CHECK_EQUAL(steps[i], expected[i]);
}

// The rounding error of single precision keeps to the bound that BlockPlan's doubts build on.
void test_fft_error(const melpix::Kernels<float>& single, const melpix::Kernels<double>& twice) {
  for (std::size_t n : {8u, 10u, 48u, 97u, 256u, 281u, 400u, 480u, 509u, 567u, 1021u, 1024u, 1102u,
                        1200u, 2036u, 2048u, 2673u, 4096u}) {
    const std::vector<float> ones(n, 1.0f);
    const std::vector<double> ones_twice(n, 1.0);
    const std::unique_ptr<void, void (*)(void*)> plan(single.fft_create(n), single.fft_destroy);
    const std::unique_ptr<void, void (*)(void*)> exact(twice.fft_create(n), twice.fft_destroy);
    const std::size_t n_bins = n / 2 + 1;
    Block<float> x(single.fft_rows(plan.get()) * single.lanes), power(n_bins * single.lanes),
        energy(single.lanes);
    Block<double> x_twice(twice.fft_rows(exact.get()) * twice.lanes),
        power_twice(n_bins * twice.lanes), energy_twice(twice.lanes);
    double squares = 0, count = 0;
    for (unsigned seed = 1; seed <= 8; ++seed) {
      const auto y = noise<float>(n * single.lanes, seed);
      const std::vector<double> y_twice(y.begin(), y.end());
      const auto stride = static_cast<std::ptrdiff_t>(n);
      single.load(plan.get(), y.data(), stride, ones.data(), n, n, x.data, energy.data, nullptr, 0);
      twice.load(exact.get(), y_twice.data(), stride, ones_twice.data(), n, n, x_twice.data,
                 energy_twice.data, nullptr, 0);
      single.spectrum(plan.get(), x.data, 2.0f, 0.0f, 0, n_bins, power.data);
      twice.spectrum(exact.get(), x_twice.data, 2.0, 0.0, 0, n_bins, power_twice.data);
      // The noise in the direction of X is what changes |X|.
      for (std::size_t k = 0; k < n_bins; ++k)
        for (std::size_t lane = 0; lane < twice.lanes; ++lane, ++count)
          squares += std::pow(std::sqrt(double(power.data[k * single.lanes + lane])) -
                                  std::sqrt(power_twice.data[k * twice.lanes + lane]),
                              2) /
                     energy_twice.data[lane];
    }
    const double error = std::sqrt(squares / count), bound = single.fft_error(plan.get());
    std::cout << "FFT of " << n << " points: rounding error " << error / bound << " of its bound\n";
    CHECK(error <= bound);
    CHECK(error >= bound / 4);  // the bound is no guess
  }
}

template <class T>
void test_doubt(const melpix::Kernels<T>& k) {
  Block<T> bands(2 * k.lanes), energy(k.lanes);
  std::fill_n(energy.data, k.lanes, T(1));
  std::fill_n(bands.data, 2 * k.lanes, T(1));
  const T reach[] = {T(1), T(0.25), T(1)}, floor[] = {T(1e-13), T(1e-13)};
  const T offset = T(1e-6), noise = T(1e-4);
  const auto doubts = [&](T power, T least = T(0)) {
    return k.doubt(bands.data, reach, floor, 2, least, offset, power, energy.data, noise);
  };
  CHECK_EQUAL(doubts(2), 0u);
  // In doubt below noise * reach, until the offset covers it: near noise * reach / offset^2.
  bands.data[1] = T(0.9e-4);
  CHECK_EQUAL(doubts(2), 2u);
  CHECK_EQUAL(doubts(2, T(0.95e-4)), 0u);  // nor where a floor covers it
  bands.data[1] = T(1e-9);
  CHECK_EQUAL(doubts(2), 0u);
  bands.data[k.lanes] = T(0.3e-4);
  CHECK_EQUAL(doubts(2), 0u);
  bands.data[k.lanes] = T(0.2e-4);
  CHECK_EQUAL(doubts(2), 1u);
  energy.data[0] = T(0.5);
  CHECK_EQUAL(doubts(2), 0u);
  energy.data[0] = T(1);
  // Silence beside something loud: the floor is what noise makes of it.
  std::fill_n(bands.data, 2 * k.lanes, T(1));
  bands.data[0] = T(0);
  CHECK_EQUAL(doubts(2), 0u);
  energy.data[0] = T(1e9);
  CHECK_EQUAL(doubts(2) & 1u, 1u);
  energy.data[0] = T(1);
  // At power 1 noise does not shrink with the band: b + offset < sqrt(noise * reach).
  std::fill_n(bands.data, 2 * k.lanes, T(1));
  bands.data[0] = T(0.009);
  CHECK_EQUAL(doubts(1), 1u);
  bands.data[0] = T(0.011);
  CHECK_EQUAL(doubts(1), 0u);
}

template <class T, class S>
void test_mix(const melpix::Kernels<T>& k, double unit, melpix::SampleType type) {
  const auto values = noise<double>(700, 6);
  std::vector<S> x;
  for (const double value : values) x.push_back(static_cast<S>(value / unit));
  std::vector<T> out(101);
  struct Layout {
    std::size_t channels;
    std::ptrdiff_t stride, channel_stride;
  };
  for (const Layout& layout : {Layout{1, 1, 0},
                               {1, 3, 0},
                               {1, -1, 0},
                               {2, 2, 1},
                               {2, 1, 100},
                               {2, 2, -1},
                               {3, 3, 1},
                               {6, 1, 100}}) {
    for (std::size_t count : {0u, 1u, 7u, 40u}) {
      melpix::Signal y;
      y.data = x.data() + 100;
      y.type = type;
      y.channels = layout.channels;
      y.stride = layout.stride;
      y.channel_stride = layout.channel_stride;
      out[count] = T(99);
      k.mix(y, 2, count, out.data());
      for (std::size_t i = 0; i < count; ++i) {
        double sum = 0;
        for (std::size_t c = 0; c < layout.channels; ++c)
          sum += unit * double(x[static_cast<std::size_t>(
                            100 + static_cast<std::ptrdiff_t>(2 + i) * layout.stride +
                            static_cast<std::ptrdiff_t>(c) * layout.channel_stride)]);
        const double mean = sum / static_cast<double>(layout.channels);
        CHECK_NEAR(double(out[i]), mean, 4e-7 * (sizeof(T) == 4) + 1e-15);
      }
      CHECK_EQUAL(out[count], T(99));
    }
  }
}

// A frame's features must not depend on whether its neighbours are odd ones.
template <class T>
void test_log_of_neighbours(const melpix::Kernels<T>& k) {
  const auto values = noise<T>(3 * k.lanes, 7);
  Block<T> plain(3 * k.lanes), odd(3 * k.lanes);
  for (std::size_t i = 0; i < values.size(); ++i)
    plain.data[i] = odd.data[i] = values[i] * values[i];
  odd.data[0] = std::numeric_limits<T>::denorm_min();
  k.compress(plain.data, 3, k.lanes, plain_log<T>(), nullptr);
  k.compress(odd.data, 3, k.lanes, plain_log<T>(), nullptr);
  for (std::size_t i = 1; i < values.size(); ++i) CHECK_EQUAL(odd.data[i], plain.data[i]);
}

template <class T>
void test_peak(const melpix::Kernels<T>& k) {
  const std::vector<T> x = {T(1), T(-7), T(3), T(5), T(-2), T(6), T(0)};
  CHECK_EQUAL(k.peak(x.data(), 7, 1), T(7));
  CHECK_EQUAL(k.peak(x.data(), 4, 2), T(3));
  CHECK_EQUAL(k.peak(x.data() + 6, 3, -2), T(3));
  CHECK_EQUAL(k.peak(x.data(), 0, 1), T(0));
}

template <class T, class Bits>
void test_all(const melpix::Kernels<T>& k, Bits log_step) {
  // Those behind 1024 are joined from 2 ... 8, 11 and 16 sub-sequences.
  for (std::size_t n_fft :
       {1u,   2u,   3u,   4u,   5u,    7u,   8u,   9u,   16u,  17u,  30u,  31u,  64u,  80u,
        96u,  100u, 101u, 127u, 128u,  144u, 210u, 240u, 251u, 256u, 264u, 294u, 302u, 400u,
        480u, 509u, 512u, 882u, 1024u, 122u, 159u, 212u, 265u, 318u, 371u, 424u, 583u, 848u})
    for (double power : {2.0, 1.0, 0.5, 3.0}) test_spectrum<T>(k, n_fft, static_cast<T>(power));
  for (std::size_t n_fft : {16u, 32u, 48u, 64u, 256u, 400u, 882u, 1021u, 1024u, 2048u})
    for (std::size_t hop : {n_fft / 4, n_fft / 2, n_fft / 4 + 1}) test_hop<T>(k, n_fft, hop);
  test_log<T, Bits>(k, log_step);
  test_log_of_neighbours(k);
  test_peak(k);
  test_mix<T, float>(k, 1, melpix::SampleType::kFloat32);
  test_mix<T, double>(k, 1, melpix::SampleType::kFloat64);
  test_mix<T, std::int16_t>(k, 1.0 / 32768, melpix::SampleType::kInt16);
  test_mel_and_store(k);
  test_doubt(k);
  test_powers(k);
  test_pcen(k);
  test_prepare(k);
  test_normalise(k);
  test_levels(k);
  test_pixels<T, std::uint8_t>(k, k.pixels8);
  test_pixels<T, std::uint16_t>(k, k.pixels16);
}

}  // namespace

int main() {
  for (const std::string& name : melpix::available_isas()) {
    std::cout << name << "\n";
    const melpix::Isa& isa = melpix::find_isa(name.c_str());
    CHECK(name == isa.name);
    test_fft_error(melpix::kernels<float>(isa), melpix::kernels<double>(isa));
    test_all<float, std::uint32_t>(melpix::kernels<float>(isa), 4099);
    test_all<double, std::uint64_t>(melpix::kernels<double>(isa), 9223372036854ull);
  }
  CHECK_THROWS(std::invalid_argument, "got 'mmx'", melpix::find_isa("mmx"));
  return failures();
}
