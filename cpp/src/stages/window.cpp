// SPDX-License-Identifier: MIT
// Window functions as scipy.signal.get_window(name, length, fftbins) defines them: symmetric, or
// periodic, which is the symmetric window of length + 1 samples without its last.
#include <cmath>
#include <functional>
#include <map>

#include "base/check.h"
#include "melpix/config.h"

namespace melpix {
namespace {

constexpr double kPi = 3.141592653589793;

// A shape is a function of (n, M) over the symmetric window's samples n = 0 ... M.
using Shape = std::function<double(double n, double M)>;

// Sum of (-1)^k a_k cos(2 pi k n / M): F. J. Harris, Proc. IEEE 66(1), 1978.
Shape cosine_sum(std::vector<double> a) {
  return [a = std::move(a)](double n, double M) {
    double sum = 0;
    for (std::size_t k = 0; k < a.size(); ++k)
      sum += (k % 2 ? -a[k] : a[k]) * std::cos(2 * kPi * static_cast<double>(k) * n / M);
    return sum;
  };
}

// Modified Bessel function of order 0 by its power series: all terms are positive, so nothing
// cancels (Abramowitz & Stegun 9.6.12).
double bessel_i0(double x) {
  double term = 1, sum = 1;
  for (int k = 1; term > sum * 1e-18; ++k) {
    term *= (x / (2 * k)) * (x / (2 * k));
    sum += term;
  }
  return sum;
}

Shape kaiser(double beta) {
  return [beta](double n, double M) {
    const double r = 2 * n / M - 1;
    return bessel_i0(beta * std::sqrt(std::fmax(0, 1 - r * r))) / bessel_i0(beta);
  };
}

Shape gaussian(double std) {
  return [std](double n, double M) {
    const double r = (n - M / 2) / std;
    return std::exp(-r * r / 2);
  };
}

Shape tukey(double alpha) {
  return [alpha](double n, double M) {
    if (alpha <= 0) return 1.0;
    const double edge = std::fmin(n, M - n) / M;  // the window is even
    if (edge >= std::fmin(alpha, 1) / 2) return 1.0;
    return (1 - std::cos(2 * kPi * edge / std::fmin(alpha, 1))) / 2;
  };
}

// Kaldi's own: a Hann window to the power of 0.85.
Shape povey() {
  return [](double n, double M) {
    return std::pow(std::fmax(0, 0.5 - 0.5 * std::cos(2 * kPi * n / M)), 0.85);
  };
}

Shape bartlett() {
  return [](double n, double M) { return 1 - std::fabs(2 * n / M - 1); };
}

struct Entry {
  std::size_t parameters;  // how many the window needs
  Shape (*make)(const std::vector<double>& p);
};

const std::map<std::string, Entry>& windows() {
  using P = const std::vector<double>&;
  static const std::map<std::string, Entry> table = {
      {"hann", {0, [](P) { return cosine_sum({0.5, 0.5}); }}},
      {"hamming", {0, [](P) { return cosine_sum({0.54, 0.46}); }}},
      {"blackman", {0, [](P) { return cosine_sum({0.42, 0.5, 0.08}); }}},
      {"blackmanharris", {0, [](P) { return cosine_sum({0.35875, 0.48829, 0.14128, 0.01168}); }}},
      {"bartlett", {0, [](P) { return bartlett(); }}},
      {"povey", {0, [](P) { return povey(); }}},
      {"boxcar", {0, [](P) { return cosine_sum({1}); }}},
      {"ones", {0, [](P) { return cosine_sum({1}); }}},
      {"kaiser", {1, [](P p) { return kaiser(p[0]); }}},
      {"gaussian", {1, [](P p) { return gaussian(p[0]); }}},
      {"tukey", {1, [](P p) { return tukey(p[0]); }}},
      {"general_hamming", {1, [](P p) { return cosine_sum({p[0], 1 - p[0]}); }}},
  };
  return table;
}

}  // namespace

std::vector<double> window_samples(const Window& window, std::size_t length) {
  if (length < 1) throw refused("win_length", " must be >= 1, got ", length);
  if (!window.samples.empty()) {
    if (window.samples.size() != length)
      throw refused("window", " has ", window.samples.size(), " samples, but win_length is ",
                    length);
    for (double w : window.samples)
      if (!std::isfinite(w)) throw refused("window", " samples must be finite, got ", w);
    return window.samples;
  }
  const auto entry = windows().find(window.name);
  if (entry == windows().end()) {
    std::string names;
    for (const auto& known : windows()) names += (names.empty() ? "" : ", ") + known.first;
    throw refused("window", " must be one of ", names, " or an array of samples, got '",
                  window.name, "'");
  }
  if (window.parameters.size() != entry->second.parameters)
    throw refused("window", " '", window.name, "' takes ", entry->second.parameters,
                  " parameter(s), got ", window.parameters.size());
  for (double p : window.parameters)
    if (!std::isfinite(p)) throw refused("window", " parameters must be finite, got ", p);
  if (window.name == "kaiser" && std::fabs(window.parameters[0]) > 600)
    throw refused("window", " 'kaiser' takes |beta| <= 600, got ", window.parameters[0]);
  if (window.name == "gaussian" && window.parameters[0] == 0)
    throw refused("window", " 'gaussian' takes std != 0, got 0");

  // A window of one sample is 1, whatever its shape (scipy's convention).
  std::vector<double> samples(length, 1.0);
  if (length == 1) return samples;
  const Shape shape = entry->second.make(window.parameters);
  const std::size_t last = window.periodic ? length : length - 1;
  for (std::size_t n = 0; n < length; ++n)
    samples[n] = shape(static_cast<double>(n), static_cast<double>(last));
  return samples;
}

}  // namespace melpix
