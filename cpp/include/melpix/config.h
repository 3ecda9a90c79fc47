// SPDX-License-Identifier: MIT
// Every number that turns samples into an image. The defaults are the recipe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace melpix {

// A window is a name of scipy.signal.get_window with its parameters ("kaiser", {beta}), made
// periodic; or, where `samples` is not empty, those very samples (win_length of them).
struct Window {
  std::string name = "hann";
  std::vector<double> parameters;
  std::vector<double> samples;
};

enum class Framing { kCenter, kUncentered };
enum class PadMode { kConstant, kReflect, kEdge, kSymmetric, kLinearRamp };
enum class MelScale { kSlaney, kHtk };

// How each filter of the mel filterbank is scaled: to the same area (Slaney), not at all, or
// to unit p-norm, where p may be infinite, negative infinite or 0 (the count of its bins).
struct MelNorm {
  enum class Kind { kSlaney, kNone, kP } kind = Kind::kSlaney;
  double p = 0;
};

struct MelConfig {
  double sr = 22050;  // Hz
  std::size_t n_fft = 1024;
  std::size_t n_mels = 128;
  double fmin = 0;             // Hz
  std::optional<double> fmax;  // Hz; nothing: sr / 2
  MelScale scale = MelScale::kSlaney;
  MelNorm norm;
};

// Features from lo to hi: lo < hi, neither beyond 1e30.
struct Range {
  double lo = 0, hi = 0;
};

struct Config {
  MelConfig mel;
  std::size_t hop_length = 512;
  std::optional<std::size_t> win_length;  // nothing: n_fft
  Window window;
  Framing framing = Framing::kCenter;
  PadMode pad_mode = PadMode::kConstant;
  double power = 2;      // the exponent of |X|
  double offset = 1e-9;  // added before the logarithm
  // The features that the greys stand for: those outside are clipped to its ends. Nothing: from
  // each image's own least feature to its greatest.
  std::optional<Range> range;
  // Rounds the filterbank to float32 even where the arithmetic is double: what
  // librosa.feature.melspectrogram does to a float64 signal unless told otherwise.
  bool single_filterbank = false;
};

// Throws std::invalid_argument, naming the parameter, its value and the allowed range.
void validate(const MelConfig& config);
void validate(const Config& config);

// The window of `length` samples, in double.
std::vector<double> window_samples(const Window& window, std::size_t length);

// The filterbank as a dense row-major matrix, n_mels x (1 + n_fft / 2), and the number of
// filters that catch no bin although they lie above 0 Hz. T is float or double.
template <class T>
struct DenseFilterbank {
  std::vector<T> weights;
  std::size_t empty_filters = 0;
};
template <class T>
DenseFilterbank<T> mel_filterbank(const MelConfig& config);

}  // namespace melpix
