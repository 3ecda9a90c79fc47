// SPDX-License-Identifier: MIT
// Every number that turns samples into features and an image. The defaults are the recipe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "melpix/export.h"

namespace melpix {

// A window is a name of scipy.signal.get_window with its parameters ("kaiser", {beta}), or "povey",
// periodic or symmetric; or, where `samples` is not empty, those very samples (win_length of them).
struct Window {
  std::string name = "hann";
  std::vector<double> parameters;
  std::vector<double> samples;
  bool periodic = true;
};

// What fills a signal up to `duration`: zeros; the signal, again and again; or that as often as it
// fits whole, and then zeros.
enum class Fit { kPad, kRepeat, kRepeatPad };

// How loud a signal is made, which is then that of the mean of its channels: as it is; rounded
// through 16-bit integers, as CLAP does; or shifted and scaled so that its extremes become -1 and
// (nearly) 1, as BirdNET does.
enum class Level { kNone, kInt16, kMinmax };

// Where frame t lies:
//   kCenter      n_fft samples around t * hop_length, the signal padded by n_fft / 2 on both sides;
//   kUncentered  n_fft samples from t * hop_length on;
//   kSnip        win_length samples from there on, and zeros up to n_fft (Kaldi's snip-edges);
//   kMiddle      n_fft samples around the middle of hop t, the signal padded by
//                (n_fft - hop_length) / 2 on both sides.
enum class Framing { kCenter, kUncentered, kSnip, kMiddle };
enum class PadMode { kConstant, kReflect, kEdge, kSymmetric, kLinearRamp };

// Slaney's and HTK's scales with triangles that are linear in Hz; or 1127 ln(1 + f / 700) with
// triangles that are linear in mel, as Kaldi (no weight for the bin sr / 2) and TensorFlow (none
// for the bin 0) have them.
enum class MelScale { kSlaney, kHtk, kKaldi, kTf };

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
  std::optional<double> fmax;  // Hz; nothing: half the rate that the filterbank is made for
  MelScale scale = MelScale::kSlaney;
  MelNorm norm;
  // The rate that the filterbank is made for, in Hz: bin k lies at k * mel_sr / n_fft. Nothing: sr.
  // (Some models use the filterbank of one rate on signals of another.)
  std::optional<double> mel_sr;

  double bank_sr() const { return mel_sr.value_or(sr); }
  double highest() const { return fmax.value_or(bank_sr() / 2); }
};

// What of a bin X[k] of the spectrum goes into the bands: |X[k]|, with its power and offset; or Re
// X[k], with its sign. The phase of X counts from the frame's first sample: from that of the window
// with kSnip (as in tf.signal.stft), else from that of the n_fft samples in whose middle the window
// lies (as in torch.stft and librosa.stft).
enum class Spectrum { kMagnitude, kReal };

// What becomes of a mel value x, with f = max(x, floor):
//   kNone   f
//   kLn, kLog10, kDb   ln, log10, 10 log10 of f + offset, minus that of max(ref, floor)
//   kPower  f^exponent; of real parts, |x|^exponent
//   kPcen   per-channel energy normalisation: see Pcen
enum class Compress { kNone, kLn, kLog10, kDb, kPower, kPcen };

// V. Lostanlen et al., IEEE Signal Processing Letters 26(1), 2019, as librosa.pcen has it:
//   M[t] = (1 - b) M[t - 1] + b f[t], M[-1] = 1,
//   (f / (eps + M)^gain + bias)^power - bias^power,
// with b = (sqrt(1 + 4 T^2) - 1) / (2 T^2) and T = time_constant * sr / hop_length.
struct Pcen {
  double gain = 0.98, bias = 2, power = 0.5;
  double time_constant = 0.4;  // seconds
  double eps = 1e-6;
};

// How compressed values become features: as they are; minus `mean`, divided by `std` (one of each,
// or one for each band); the same with the mean and deviation of the signal's own values, in all or
// in each band (1e-6 is added to the deviation); or divided by the greatest.
struct Normalise {
  enum class Kind { kNone, kGiven, kImage, kFrequency, kMax } kind = Kind::kNone;
  std::vector<double> mean, std;
};

// What becomes of frames behind the last whole patch: whoever cuts patches leaves them out, or the
// signal gets the zeros that one more patch lacks.
enum class Tail { kDrop, kPad };

// Features from lo to hi: lo < hi, neither beyond 1e30.
struct Range {
  double lo = 0, hi = 0;
};

// Of a grey value that is no whole number.
enum class Rounding { kTruncate, kNearest, kCeil };

// In the order of the stages.
struct Config {
  MelConfig mel;

  // Seconds that every signal is brought to: what is longer is cut at its end. Nothing: as it is,
  // as is a signal without samples.
  std::optional<double> duration;
  Fit fit = Fit::kPad;
  Level level = Level::kNone;

  std::size_t hop_length = 512;
  std::optional<std::size_t> win_length;  // nothing: n_fft
  Window window;
  Framing framing = Framing::kCenter;
  PadMode pad_mode = PadMode::kConstant;  // where there is padding
  double gain = 1;                        // samples are multiplied by it
  bool remove_dc = false;                 // each frame minus its mean
  double preemphasis = 0;                 // a: each frame's x[i] - a x[i - 1], its x[0] - a x[0]

  Spectrum spectrum = Spectrum::kMagnitude;
  double power = 2;       // the exponent of |X|
  double bin_offset = 0;  // (|X|^2 + bin_offset)^(power / 2)

  Compress compress = Compress::kLn;
  double offset = 1e-9;             // of logarithms
  double floor = 0;                 // 0: none
  std::optional<double> ref = 1.0;  // of logarithms; nothing: the signal's greatest feature is 0
  // Of logarithms: features further below the greatest than this are raised to it.
  std::optional<double> top_db;
  double exponent = 1;
  Pcen pcen;

  // Exactly so many frames: later ones are left out, missing ones are compressed values of 0.
  std::optional<std::size_t> columns;
  Normalise normalise;

  // Columns that networks take at a time, and from one such patch to the next (nothing: `patch`).
  // The core cuts none: patch p is the columns from p * patch_step on, 1 + (columns - patch) /
  // patch_step of them, as long as columns >= patch. Where columns follow each other in memory (row
  // stride 1, column stride n_mels) it is the patch * n_mels values from p * patch_step * n_mels
  // on.
  std::optional<std::size_t> patch, patch_step;
  Tail tail = Tail::kDrop;

  // The features that the greys stand for: those outside are clipped to its ends. Nothing: from
  // each image's own least feature to its greatest.
  std::optional<Range> range;
  Rounding rounding = Rounding::kTruncate;
  bool flip = true;    // low frequencies in the last row
  bool invert = true;  // the greatest feature is 0

  // Rounds the filterbank to float32 even where the arithmetic is double: what
  // librosa.feature.melspectrogram does to a float64 signal unless told otherwise.
  bool single_filterbank = false;
};

// Throws std::invalid_argument, naming the parameter, its value and the allowed range.
MELPIX_API void validate(const MelConfig& config);
MELPIX_API void validate(const Config& config);

// Whether features are logarithms of mel values.
MELPIX_API bool is_log(Compress compress);

// The window of `length` samples, in double.
MELPIX_API std::vector<double> window_samples(const Window& window, std::size_t length);

// The filterbank as a dense row-major matrix, n_mels x (1 + n_fft / 2), and the number of
// filters that catch no bin although they lie above 0 Hz. T is float or double.
template <class T>
struct DenseFilterbank {
  std::vector<T> weights;
  std::size_t empty_filters = 0;
};
template <class T>
MELPIX_API DenseFilterbank<T> mel_filterbank(const MelConfig& config);

}  // namespace melpix
