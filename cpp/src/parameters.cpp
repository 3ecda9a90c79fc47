// SPDX-License-Identifier: MIT
#include "parameters.h"

#include <cstring>
#include <limits>
#include <locale>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <vector>

#include "base/check.h"

namespace melpix {
namespace {

template <class Enum>
using Names = std::map<std::string_view, Enum>;

const Names<bool> kFlags = {{"true", true}, {"false", false}};
const Names<Precision> kPrecisions = {
    {"mixed", Precision::kMixed}, {"single", Precision::kSingle}, {"double", Precision::kDouble}};
const Names<Fit> kFits = {
    {"pad", Fit::kPad}, {"repeat", Fit::kRepeat}, {"repeat_pad", Fit::kRepeatPad}};
const Names<Level> kLevels = {
    {"none", Level::kNone}, {"int16", Level::kInt16}, {"minmax", Level::kMinmax}};
const Names<Tail> kTails = {{"drop", Tail::kDrop}, {"pad", Tail::kPad}};
const Names<Framing> kFramings = {{"center", Framing::kCenter},
                                  {"uncentered", Framing::kUncentered},
                                  {"snip", Framing::kSnip},
                                  {"middle", Framing::kMiddle}};
const Names<PadMode> kPadModes = {{"constant", PadMode::kConstant},
                                  {"reflect", PadMode::kReflect},
                                  {"edge", PadMode::kEdge},
                                  {"symmetric", PadMode::kSymmetric},
                                  {"linear_ramp", PadMode::kLinearRamp}};
const Names<Spectrum> kSpectra = {{"magnitude", Spectrum::kMagnitude}, {"real", Spectrum::kReal}};
const Names<MelScale> kMelScales = {{"slaney", MelScale::kSlaney},
                                    {"htk", MelScale::kHtk},
                                    {"kaldi", MelScale::kKaldi},
                                    {"tf", MelScale::kTf}};
const Names<Compress> kCompressions = {{"none", Compress::kNone},   {"ln", Compress::kLn},
                                       {"log10", Compress::kLog10}, {"db", Compress::kDb},
                                       {"power", Compress::kPower}, {"pcen", Compress::kPcen}};
const Names<Normalise::Kind> kNormalisations = {{"none", Normalise::Kind::kNone},
                                                {"image", Normalise::Kind::kImage},
                                                {"frequency", Normalise::Kind::kFrequency},
                                                {"max", Normalise::Kind::kMax}};
const Names<Rounding> kRoundings = {
    {"truncate", Rounding::kTruncate}, {"nearest", Rounding::kNearest}, {"ceil", Rounding::kCeil}};

// A value of the text, which may be a list with commas. What asks for one of another kind throws.
class Value {
 public:
  Value(std::string_view name, std::string_view text) : name_(name) {
    for (std::size_t comma; (comma = text.find(',')) != text.npos; text.remove_prefix(comma + 1))
      parts_.push_back(text.substr(0, comma));
    parts_.push_back(text);
  }

  // The value is this word alone.
  bool is(std::string_view word) const { return parts_.size() == 1 && parts_[0] == word; }
  std::string_view word() const { return parts_[0]; }
  std::size_t size() const { return parts_.size(); }

  template <class Enum>
  Enum one_of(const Names<Enum>& names) const {
    expect(parts_.size() == 1, "one word");
    const auto found = names.find(parts_[0]);
    if (found != names.end()) return found->second;
    std::string known;
    for (const auto& entry : names) known.append(known.empty() ? "" : ", ").append(entry.first);
    throw invalid(name_, " must be one of ", known, ", got '", shown(parts_[0]), "'");
  }

  std::size_t count() const {
    expect(parts_.size() == 1 && !parts_[0].empty(), "a whole number");
    std::size_t value = 0;
    for (const char c : parts_[0]) {
      expect('0' <= c && c <= '9', "a whole number");
      const std::size_t digit = static_cast<std::size_t>(c - '0');
      expect(value <= (kMaxSize - digit) / 10, "a smaller number");
      value = 10 * value + digit;
    }
    return value;
  }

  double number() const {
    expect(parts_.size() == 1, "a number");
    return number_at(0);
  }

  // All from the `first` on.
  std::vector<double> numbers(std::size_t first = 0) const {
    std::vector<double> values;
    for (std::size_t i = first; i < parts_.size(); ++i) values.push_back(number_at(i));
    return values;
  }

  std::optional<double> number_unless(std::string_view none) const {
    return is(none) ? std::nullopt : std::optional(number());
  }
  std::optional<std::size_t> count_unless(std::string_view none) const {
    return is(none) ? std::nullopt : std::optional(count());
  }

  void expect(bool good, const char* wanted) const {
    if (good) return;
    throw invalid(name_, " must be ", wanted, ", got '", shown(parts_[0]),
                  parts_.size() > 1 ? ",...'" : "'");
  }

 private:
  static std::string_view shown(std::string_view text) { return text.substr(0, 60); }

  // Not strtod: what it takes for the decimal point is the locale's.
  double number_at(std::size_t i) const {
    const std::string_view text = parts_[i];
    if (text == "inf") return std::numeric_limits<double>::infinity();
    if (text == "-inf") return -std::numeric_limits<double>::infinity();
    std::istringstream in{std::string(text)};
    in.imbue(std::locale::classic());
    double value = 0;
    if (!(in >> std::noskipws >> value) || in.peek() != std::istringstream::traits_type::eof())
      throw invalid(name_, " must be a number, got '", shown(text), "'");
    return value;
  }

  std::string_view name_;
  std::vector<std::string_view> parts_;
};

Window window_of(const Value& v, bool periodic) {
  return {std::string(v.word()), v.numbers(1), {}, periodic};
}

MelNorm norm_of(const Value& v) {
  if (v.is("slaney")) return {MelNorm::Kind::kSlaney, 0};
  if (v.is("none")) return {MelNorm::Kind::kNone, 0};
  return {MelNorm::Kind::kP, v.number()};
}

void compress_as(const Value& v, Config& c) {
  const auto found = kCompressions.find(v.word());
  c.compress = found == kCompressions.end() ? v.one_of(kCompressions) : found->second;
  const std::vector<double> p = v.numbers(1);
  if (c.compress == Compress::kPower) {
    v.expect(p.size() == 1, "power,EXPONENT");
    c.exponent = p[0];
  } else if (c.compress == Compress::kPcen) {
    v.expect(p.empty() || p.size() == 5, "pcen or pcen,GAIN,BIAS,POWER,TIME_CONSTANT,EPS");
    if (!p.empty()) c.pcen = {p[0], p[1], p[2], p[3], p[4]};
  } else {
    v.one_of(kCompressions);
  }
}

Normalise normalise_of(const Value& v) {
  if (v.size() == 1) return {v.one_of(kNormalisations), {}, {}};
  v.expect(v.size() % 2 == 0, "none, image, frequency, max, or as many means as deviations");
  const std::vector<double> all = v.numbers();
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  return {Normalise::Kind::kGiven, {all.begin(), middle}, {middle, all.end()}};
}

std::optional<Range> range_of(const Value& v) {
  if (v.is("minmax")) return std::nullopt;
  v.expect(v.size() == 2, "minmax or LO,HI");
  const std::vector<double> ends = v.numbers();
  return Range{ends[0], ends[1]};
}

using Set = void (*)(Settings& s, const Value& v);

// In the order of the stages.
const std::map<std::string_view, Set>& setters() {
  using S = Settings&;
  using V = const Value&;
  static const std::map<std::string_view, Set> table = {
      {"sr", [](S s, V v) { s.config.mel.sr = v.number(); }},
      {"duration", [](S s, V v) { s.config.duration = v.number_unless("none"); }},
      {"fit", [](S s, V v) { s.config.fit = v.one_of(kFits); }},
      {"level", [](S s, V v) { s.config.level = v.one_of(kLevels); }},
      {"n_fft", [](S s, V v) { s.n_fft = v.count_unless("none"); }},
      {"hop_length", [](S s, V v) { s.config.hop_length = v.count(); }},
      {"win_length", [](S s, V v) { s.config.win_length = v.count_unless("none"); }},
      {"window", [](S s, V v) { s.config.window = window_of(v, s.config.window.periodic); }},
      {"window_samples", [](S s, V v) { s.config.window.samples = v.numbers(); }},
      {"periodic", [](S s, V v) { s.config.window.periodic = v.one_of(kFlags); }},
      {"framing", [](S s, V v) { s.config.framing = v.one_of(kFramings); }},
      {"pad_mode", [](S s, V v) { s.config.pad_mode = v.one_of(kPadModes); }},
      {"gain", [](S s, V v) { s.config.gain = v.number(); }},
      {"remove_dc", [](S s, V v) { s.config.remove_dc = v.one_of(kFlags); }},
      {"preemphasis", [](S s, V v) { s.config.preemphasis = v.number(); }},
      {"spectrum", [](S s, V v) { s.config.spectrum = v.one_of(kSpectra); }},
      {"power", [](S s, V v) { s.config.power = v.number(); }},
      {"bin_offset", [](S s, V v) { s.config.bin_offset = v.number(); }},
      {"n_mels", [](S s, V v) { s.config.mel.n_mels = v.count(); }},
      {"fmin", [](S s, V v) { s.config.mel.fmin = v.number(); }},
      {"fmax", [](S s, V v) { s.config.mel.fmax = v.number_unless("none"); }},
      {"mel_sr", [](S s, V v) { s.config.mel.mel_sr = v.number_unless("none"); }},
      {"mel_scale", [](S s, V v) { s.config.mel.scale = v.one_of(kMelScales); }},
      {"norm", [](S s, V v) { s.config.mel.norm = norm_of(v); }},
      {"compress", [](S s, V v) { compress_as(v, s.config); }},
      {"offset", [](S s, V v) { s.config.offset = v.number(); }},
      {"floor", [](S s, V v) { s.config.floor = v.number_unless("none").value_or(0); }},
      {"ref", [](S s, V v) { s.config.ref = v.number_unless("max"); }},
      {"top_db", [](S s, V v) { s.config.top_db = v.number_unless("none"); }},
      {"columns", [](S s, V v) { s.config.columns = v.count_unless("none"); }},
      {"normalise", [](S s, V v) { s.config.normalise = normalise_of(v); }},
      {"patch", [](S s, V v) { s.config.patch = v.count_unless("none"); }},
      {"patch_step", [](S s, V v) { s.config.patch_step = v.count_unless("none"); }},
      {"tail", [](S s, V v) { s.config.tail = v.one_of(kTails); }},
      {"range", [](S s, V v) { s.config.range = range_of(v); }},
      {"rounding", [](S s, V v) { s.config.rounding = v.one_of(kRoundings); }},
      {"flip", [](S s, V v) { s.config.flip = v.one_of(kFlags); }},
      {"invert", [](S s, V v) { s.config.invert = v.one_of(kFlags); }},
      {"single_filterbank", [](S s, V v) { s.config.single_filterbank = v.one_of(kFlags); }},
      {"precision", [](S s, V v) { s.precision = v.one_of(kPrecisions); }},
      {"isa", [](S s, V v) { s.isa = v.is("none") ? "" : std::string(v.word()); }},
  };
  return table;
}

}  // namespace

Settings parse_settings(const char* text) {
  constexpr const char* kBlank = " \t\r\n";
  Settings s;
  std::set<std::string_view> given;
  while (text != nullptr && *(text += std::strspn(text, kBlank)) != '\0') {
    const std::string_view word(text, std::strcspn(text, kBlank));
    text += word.size();
    const std::size_t equals = word.find('=');
    if (equals == word.npos)
      throw invalid("a parameter must be name=value, got '", word.substr(0, 60), "'");
    const std::string_view name = word.substr(0, equals);
    const auto setter = setters().find(name);
    if (setter == setters().end())
      throw invalid("there is no parameter '", name.substr(0, 60), "'");
    if (!given.insert(name).second) throw invalid("the parameter '", name, "' is given twice");
    setter->second(s, Value(name, word.substr(equals + 1)));
  }
  if (given.count("window") != 0 && given.count("window_samples") != 0)
    throw invalid("window and window_samples are both given");
  s.config.mel.n_fft = s.n_fft.value_or(2 * s.config.hop_length);
  return s;
}

}  // namespace melpix
