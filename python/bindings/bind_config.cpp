// SPDX-License-Identifier: MIT
#include "bind_config.h"

#include <array>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "bindings.h"

namespace {

// "slaney", None or the p of a p-norm
using MelNormLike = std::variant<std::string, double, std::nullptr_t>;
// (name, parameters) or samples
using WindowLike = std::variant<std::pair<std::string, std::vector<double>>, std::vector<double>>;
// (kind, mean, std)
using NormaliseLike = std::tuple<std::string, std::vector<double>, std::vector<double>>;

template <class Enum>
using Names = std::map<std::string, Enum>;

const Names<melpix::Fit> kFits = {{"pad", melpix::Fit::kPad},
                                  {"repeat", melpix::Fit::kRepeat},
                                  {"repeat_pad", melpix::Fit::kRepeatPad}};
const Names<melpix::Level> kLevels = {{"none", melpix::Level::kNone},
                                      {"int16", melpix::Level::kInt16},
                                      {"minmax", melpix::Level::kMinmax}};
const Names<melpix::Tail> kTails = {{"drop", melpix::Tail::kDrop}, {"pad", melpix::Tail::kPad}};
const Names<melpix::Framing> kFramings = {{"center", melpix::Framing::kCenter},
                                          {"uncentered", melpix::Framing::kUncentered},
                                          {"snip", melpix::Framing::kSnip},
                                          {"middle", melpix::Framing::kMiddle}};
const Names<melpix::PadMode> kPadModes = {{"constant", melpix::PadMode::kConstant},
                                          {"reflect", melpix::PadMode::kReflect},
                                          {"edge", melpix::PadMode::kEdge},
                                          {"symmetric", melpix::PadMode::kSymmetric},
                                          {"linear_ramp", melpix::PadMode::kLinearRamp}};
const Names<melpix::Spectrum> kSpectra = {{"magnitude", melpix::Spectrum::kMagnitude},
                                          {"real", melpix::Spectrum::kReal}};
const Names<melpix::MelScale> kMelScales = {{"slaney", melpix::MelScale::kSlaney},
                                            {"htk", melpix::MelScale::kHtk},
                                            {"kaldi", melpix::MelScale::kKaldi},
                                            {"tf", melpix::MelScale::kTf}};
const Names<melpix::Compress> kCompressions = {
    {"none", melpix::Compress::kNone},   {"ln", melpix::Compress::kLn},
    {"log10", melpix::Compress::kLog10}, {"db", melpix::Compress::kDb},
    {"power", melpix::Compress::kPower}, {"pcen", melpix::Compress::kPcen}};
const Names<melpix::Normalise::Kind> kNormalisations = {
    {"none", melpix::Normalise::Kind::kNone},
    {"given", melpix::Normalise::Kind::kGiven},
    {"image", melpix::Normalise::Kind::kImage},
    {"frequency", melpix::Normalise::Kind::kFrequency},
    {"max", melpix::Normalise::Kind::kMax}};
const Names<melpix::Rounding> kRoundings = {{"truncate", melpix::Rounding::kTruncate},
                                            {"nearest", melpix::Rounding::kNearest},
                                            {"ceil", melpix::Rounding::kCeil}};

melpix::Window to_window(const WindowLike& window) {
  if (const auto* samples = std::get_if<std::vector<double>>(&window)) return {"", {}, *samples};
  const auto& named = std::get<0>(window);
  return {named.first, named.second, {}};
}

melpix::MelNorm to_norm(const MelNormLike& norm) {
  using Kind = melpix::MelNorm::Kind;
  if (const double* p = std::get_if<double>(&norm)) return {Kind::kP, *p};
  return {std::holds_alternative<std::nullptr_t>(norm) ? Kind::kNone : Kind::kSlaney, 0};
}

// Entries by their names, each once.
class Entries {
 public:
  explicit Entries(const py::dict& entries) : entries_(entries) {}

  template <class V>
  void take(const char* name, V& field) {
    if (!entries_.contains(name)) return;
    field = entries_[name].cast<V>();
    ++taken_;
  }
  template <class Enum>
  void take(const char* name, Enum& field, const Names<Enum>& names) {
    std::string value;
    const std::size_t before = taken_;
    take(name, value);
    if (taken_ != before) field = names.at(value);
  }
  template <class Like, class V, class Convert>
  void take_as(const char* name, V& field, const Convert& convert) {
    Like value{};
    const std::size_t before = taken_;
    take(name, value);
    if (taken_ != before) field = convert(value);
  }
  void check_all_taken() const {
    if (taken_ != entries_.size()) throw py::type_error("a parameter has no field of its name");
  }

 private:
  const py::dict& entries_;
  std::size_t taken_ = 0;
};

void take_mel(Entries& entries, melpix::MelConfig& c) {
  entries.take("sr", c.sr);
  entries.take("n_fft", c.n_fft);
  entries.take("n_mels", c.n_mels);
  entries.take("fmin", c.fmin);
  entries.take("fmax", c.fmax);
  entries.take("mel_sr", c.mel_sr);
  entries.take("mel_scale", c.scale, kMelScales);
  entries.take_as<MelNormLike>("norm", c.norm, to_norm);
}

// A vector that NumPy owns from now on.
template <class T>
py::array_t<T> to_array(std::vector<T> values, std::vector<py::ssize_t> shape) {
  auto* kept = new std::vector<T>(std::move(values));
  const py::capsule owner(kept, [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return py::array_t<T>(std::move(shape), kept->data(), owner);
}

template <class T>
py::tuple filterbank(const melpix::MelConfig& config) {
  melpix::DenseFilterbank<T> bank;
  {
    const Unlocked unlocked;
    bank = melpix::mel_filterbank<T>(config);
  }
  const py::ssize_t n_mels = static_cast<py::ssize_t>(config.n_mels);
  const py::ssize_t n_bins = static_cast<py::ssize_t>(config.n_fft / 2 + 1);
  return py::make_tuple(to_array(std::move(bank.weights), {n_mels, n_bins}), bank.empty_filters);
}

}  // namespace

melpix::Config to_config(const py::dict& parameters) {
  Entries entries(parameters);
  melpix::Config c;
  take_mel(entries, c.mel);
  entries.take("duration", c.duration);
  entries.take("fit", c.fit, kFits);
  entries.take("level", c.level, kLevels);
  entries.take("hop_length", c.hop_length);
  entries.take("win_length", c.win_length);
  entries.take_as<WindowLike>("window", c.window, to_window);
  entries.take("periodic", c.window.periodic);
  entries.take("framing", c.framing, kFramings);
  entries.take("pad_mode", c.pad_mode, kPadModes);
  entries.take("gain", c.gain);
  entries.take("remove_dc", c.remove_dc);
  entries.take("preemphasis", c.preemphasis);
  entries.take("spectrum", c.spectrum, kSpectra);
  entries.take("power", c.power);
  entries.take("bin_offset", c.bin_offset);
  entries.take("compress", c.compress, kCompressions);
  entries.take("offset", c.offset);
  entries.take("floor", c.floor);
  entries.take("ref", c.ref);
  entries.take("top_db", c.top_db);
  entries.take("exponent", c.exponent);
  using PcenLike = std::array<double, 5>;
  entries.take_as<PcenLike>(
      "pcen", c.pcen, [](const PcenLike& p) { return melpix::Pcen{p[0], p[1], p[2], p[3], p[4]}; });
  entries.take("columns", c.columns);
  entries.take_as<NormaliseLike>("normalise", c.normalise, [](const NormaliseLike& n) {
    return melpix::Normalise{kNormalisations.at(std::get<0>(n)), std::get<1>(n), std::get<2>(n)};
  });
  entries.take("patch", c.patch);
  entries.take("patch_step", c.patch_step);
  entries.take("tail", c.tail, kTails);
  using RangeLike = std::optional<std::pair<double, double>>;
  entries.take_as<RangeLike>("range", c.range, [](const RangeLike& r) {
    return r ? std::optional(melpix::Range{r->first, r->second}) : std::nullopt;
  });
  entries.take("rounding", c.rounding, kRoundings);
  entries.take("flip", c.flip);
  entries.take("invert", c.invert);
  entries.take("single_filterbank", c.single_filterbank);
  entries.check_all_taken();
  return c;
}

void bind_config(py::module_& m) {
  m.def("mel_filterbank", [](const py::kwargs& parameters) {
    Entries entries(parameters);
    melpix::MelConfig config;
    bool single = false;
    take_mel(entries, config);
    entries.take("single", single);
    entries.check_all_taken();
    return single ? filterbank<float>(config) : filterbank<double>(config);
  });
  m.def(
      "window",
      [](const WindowLike& window, std::size_t length, bool periodic) {
        melpix::Window wanted = to_window(window);
        wanted.periodic = periodic;
        return to_array(melpix::window_samples(wanted, length), {static_cast<py::ssize_t>(length)});
      },
      py::arg("window"), py::arg("length"), py::arg("periodic") = true);
}
