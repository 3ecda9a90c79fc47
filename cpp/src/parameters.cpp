// SPDX-License-Identifier: MIT
// The table of the front-end's parameters, and what reads it: text becomes a configuration, and a
// configuration is checked.
#include "melpix/parameters.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>

#include "base/check.h"
#include "parameter_text.h"

namespace melpix {
namespace {

// How a number, or the place of a word among all of them, lies in a configuration.
struct Field {
  std::optional<double> (*get)(const Config& c) = nullptr;  // nothing: the first of the words
  void (*set)(Config& c, std::optional<double> value) = nullptr;
};

template <auto... Members>
constexpr Field field() {
  return {[](const Config& c) {
            const auto& value = (c.*....*Members);
            using T = std::decay_t<decltype(value)>;
            if constexpr (std::is_same_v<T, std::optional<double>>)
              return value;
            else if constexpr (std::is_same_v<T, std::optional<std::size_t>>)
              return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
            else
              return std::optional(static_cast<double>(value));
          },
          [](Config& c, std::optional<double> value) {
            auto& to = (c.*....*Members);
            using T = std::decay_t<decltype(to)>;
            if constexpr (std::is_same_v<T, std::optional<double>>)
              to = value;
            else if constexpr (std::is_same_v<T, std::optional<std::size_t>>)
              to = value ? std::optional(static_cast<std::size_t>(*value)) : std::nullopt;
            else
              to = static_cast<T>(value.value_or(0));
          }};
}

struct Row {
  Parameter is;
  Field field;
  void (*read)(Settings& s, const Text& text) = nullptr;  // where there is no field to set
  bool (*holds)(const Config& c) = nullptr;               // the rule
  // The rule is for text alone: there a value without effect is a mistake, in a Config it is a
  // default.
  bool of_text = false;
};

constexpr double kNone = std::numeric_limits<double>::infinity();  // no limit

// Ranges: least, most, and whether these are left out.
struct Interval {
  double least = -kNone, most = kNone;
  bool above_least = false, below_most = false;
};

constexpr Interval kAny, kAboveZero{0, kNone, true}, kNotBelowZero{0},
    kPreemphasis{0, 1, false, true};
// Far above any use, and low enough that a typing error does not fill the memory.
constexpr Interval kFft{1, 1 << 20}, kMels{1, 1 << 16}, kMany{1, 1 << 30};
constexpr Interval kGain{0, 1e12, true};      // far above 2^31, and its square is finite in float
constexpr double kMaxSamples = 2147483648.0;  // of a duration
constexpr double kMaxFeature = 1e30;          // in float, too, lo, hi and hi - lo are finite

constexpr Parameter is(const char* name, const char* kind, const char* words, const char* initial,
                       Interval range, const char* rule, const char* about) {
  return {name, kind, words, initial, range.least, range.most, range.above_least, range.below_most,
          rule, about};
}

bool is_real(const Config& c) { return c.spectrum == Spectrum::kReal; }

double samples_of(const Config& c) { return *c.duration * c.mel.sr; }

constexpr const char* kFlag = "false true";

// In the order of the stages. The words of a field stand in the order of its enumerators.
constexpr Row kRows[] = {
    {is("sr", "number", "", "22050", kAboveZero, "", "Sampling rate of the signals, in Hz."),
     field<&Config::mel, &MelConfig::sr>()},
    {is("duration", "number", "none", "none", kAboveZero, "1 ... 2147483648 samples long at sr",
        "Seconds that every signal is brought to; none: as it is."),
     field<&Config::duration>(), nullptr,
     [](const Config& c) {
       return !c.duration || (samples_of(c) > 0.5 && samples_of(c) <= kMaxSamples);
     }},
    {is("fit", "word", "pad repeat repeat_pad", "pad", kAny, "",
        "What fills a signal up to its duration: zeros, itself, or itself and then zeros."),
     field<&Config::fit>()},
    {is("level", "word", "none int16 minmax", "none", kAny, "",
        "Whether samples are rounded to 16 bits, or stretched to -1 ... 1."),
     field<&Config::level>()},
    {is("gain", "number", "", "1", kGain, "", "What samples are multiplied by."),
     field<&Config::gain>()},
    {is("n_fft", "count", "none", "none", kFft, "", "Samples per FFT; none: 2 * hop_length."),
     field<&Config::mel, &MelConfig::n_fft>()},
    {is("hop_length", "count", "", "512", kMany, "<= n_fft with framing='middle'",
        "Samples from one frame (a column) to the next."),
     field<&Config::hop_length>(), nullptr,
     [](const Config& c) { return c.framing != Framing::kMiddle || c.hop_length <= c.mel.n_fft; }},
    {is("win_length", "count", "none", "none", kFft, "<= n_fft",
        "Samples of the window; none: n_fft."),
     field<&Config::win_length>(), nullptr,
     [](const Config& c) { return !c.win_length || *c.win_length <= c.mel.n_fft; }},
    {is("window", "window",
        "hann hamming blackman blackmanharris bartlett povey boxcar kaiser,BETA gaussian,STD "
        "tukey,ALPHA general_hamming,ALPHA",
        "hann", kAny, "", "The window's name, with its number where it has one."),
     {},
     [](Settings& s, const Text& text) {
       const Text::Form form = text.window();
       s.config.window.name = form.word;
       s.config.window.parameters = form.numbers;
     }},
    {is("window_samples", "numbers", "", "", kAny, "", "The window itself: win_length numbers."),
     {},
     [](Settings& s, const Text& text) { s.config.window.samples = text.numbers(); }},
    {is("periodic", "flag", kFlag, "true", kAny, "",
        "Whether the window is periodic, or symmetric."),
     field<&Config::window, &Window::periodic>()},
    {is("framing", "word", "center uncentered snip middle", "center", kAny, "",
        "Where frames lie, and what pads the signal's ends."),
     field<&Config::framing>()},
    {is("pad_mode", "word", "constant reflect edge symmetric linear_ramp", "constant", kAny, "",
        "What frames see beyond the ends of the signal."),
     field<&Config::pad_mode>()},
    {is("remove_dc", "flag", kFlag, "false", kAny, "",
        "Take the mean of its samples from each frame."),
     field<&Config::remove_dc>()},
    {is("preemphasis", "number", "", "0", kPreemphasis, "",
        "What part of the sample before is taken from each, inside a frame."),
     field<&Config::preemphasis>()},
    {is("spectrum", "word", "magnitude real", "magnitude", kAny, "",
        "What of each bin of the FFT goes into the bands: its magnitude, or its real part."),
     field<&Config::spectrum>()},
    {is("power", "number", "", "2", kAboveZero, "1 with spectrum='real'",
        "Exponent of the magnitude: 2 for power, 1 for magnitude."),
     field<&Config::power>(), nullptr, [](const Config& c) { return !is_real(c) || c.power == 1; }},
    {is("bin_offset", "number", "", "0", kNotBelowZero, "0 with spectrum='real'",
        "Added to the power of each bin of the FFT."),
     field<&Config::bin_offset>(), nullptr,
     [](const Config& c) { return !is_real(c) || c.bin_offset == 0; }},
    {is("n_mels", "count", "", "128", kMels, "", "Mel bands: rows of the image."),
     field<&Config::mel, &MelConfig::n_mels>()},
    {is("fmin", "number", "", "0", kNotBelowZero, "below fmax",
        "Where the lowest band begins, in Hz."),
     field<&Config::mel, &MelConfig::fmin>(), nullptr,
     [](const Config& c) { return c.mel.fmin < c.mel.highest(); }},
    {is("fmax", "number", "none", "none", kAny, "",
        "Where the highest band ends, in Hz; none: mel_sr / 2."),
     field<&Config::mel, &MelConfig::fmax>()},
    {is("mel_sr", "number", "none", "none", kAboveZero, "",
        "The rate that the filterbank is made for; none: sr."),
     field<&Config::mel, &MelConfig::mel_sr>()},
    {is("mel_scale", "word", "slaney htk kaldi tf", "slaney", kAny, "", "The scale of the bands."),
     field<&Config::mel, &MelConfig::scale>()},
    {is("norm", "norm", "slaney none inf -inf", "slaney", kNotBelowZero,
        "none with mel_scale='kaldi' or 'tf'",
        "Scaling of the filters: to equal area, none, or to this p-norm."),
     {},
     [](Settings& s, const Text& text) {
       using Kind = MelNorm::Kind;
       s.config.mel.norm = text.is("slaney") ? MelNorm{Kind::kSlaney, 0}
                           : text.is("none") ? MelNorm{Kind::kNone, 0}
                                             : MelNorm{Kind::kP, text.number()};
     },
     [](const Config& c) {
       const bool linear_in_mel = c.mel.scale == MelScale::kKaldi || c.mel.scale == MelScale::kTf;
       return !linear_in_mel || c.mel.norm.kind == MelNorm::Kind::kNone;
     }},
    {is("compress", "form",
        "none ln log10 db power,EXPONENT pcen pcen,GAIN,BIAS,POWER,TIME_CONSTANT,EPS", "ln", kAny,
        "none or power,EXPONENT with spectrum='real'",
        "What becomes of mel values: a logarithm, none, a power or PCEN."),
     {},
     [](Settings& s, const Text& text) {
       Config& c = s.config;
       const Text::Form form = text.form();
       const std::vector<double>& p = form.numbers;
       c.compress = static_cast<Compress>(form.place);
       if (c.compress == Compress::kPower) c.exponent = p[0];
       if (c.compress == Compress::kPcen && !p.empty()) c.pcen = {p[0], p[1], p[2], p[3], p[4]};
     },
     [](const Config& c) {
       return !is_real(c) || c.compress == Compress::kNone || c.compress == Compress::kPower;
     }},
    {is("offset", "number", "", "1e-9", kNotBelowZero, "> 0 with floor=none",
        "Added before the logarithm."),
     field<&Config::offset>(), nullptr,
     [](const Config& c) { return !is_log(c.compress) || c.offset > 0 || c.floor > 0; }},
    {is("floor", "number", "none", "none", kAboveZero, "none with spectrum='real'",
        "What mel values are raised to."),
     {[](const Config& c) { return c.floor == 0 ? std::nullopt : std::optional(c.floor); },
      [](Config& c, std::optional<double> value) { c.floor = value.value_or(0); }},
     nullptr,
     [](const Config& c) { return !is_real(c) || c.floor == 0; }},
    {is("ref", "number", "max", "1", kAboveZero, "1 without a logarithm: compress",
        "The mel value whose logarithm becomes 0; max: the signal's greatest."),
     field<&Config::ref>(), nullptr,
     [](const Config& c) { return is_log(c.compress) || c.ref == 1.0; }, true},
    {is("top_db", "number", "none", "none", kAboveZero, "none without a logarithm: compress",
        "How far below the greatest feature a logarithm may lie, in dB."),
     field<&Config::top_db>(), nullptr,
     [](const Config& c) { return is_log(c.compress) || !c.top_db; }, true},
    {is("columns", "count", "none", "none", kMany, "",
        "Exactly so many frames; none: as many as there are."),
     field<&Config::columns>()},
    {is("normalise", "form", "none image frequency max MEAN,STD", "none", kAny, "",
        "What features are normalised by: these (or all bands' means and then deviations), or the "
        "signal's own statistics."),
     {},
     [](Settings& s, const Text& text) {
       using Kind = Normalise::Kind;
       constexpr Kind kKinds[] = {Kind::kNone, Kind::kImage, Kind::kFrequency, Kind::kMax};
       Normalise& n = s.config.normalise;
       n = {};
       if (const auto place = text.word()) {
         n.kind = kKinds[*place];
         return;
       }
       const std::vector<double> all = text.pairs();
       const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
       n = {Kind::kGiven, {all.begin(), middle}, {middle, all.end()}};
     }},
    {is("patch", "count", "none", "none", kMany, "",
        "Columns that are taken at a time, as a patch; none: all."),
     field<&Config::patch>()},
    {is("patch_step", "count", "none", "none", kMany, "none with patch=none",
        "Columns from one patch to the next; none: those of a patch."),
     field<&Config::patch_step>(), nullptr,
     [](const Config& c) { return c.patch || !c.patch_step; }},
    {is("tail", "word", "drop pad", "drop", kAny, "drop with patch=none",
        "What becomes of the columns behind the last whole patch."),
     field<&Config::tail>(), nullptr,
     [](const Config& c) { return c.patch || c.tail == Tail::kDrop; }},
    {is("range", "form", "minmax LO,HI", "minmax", kAny, "",
        "Features that become no energy and the most: LO,HI, or each image's own."),
     {},
     [](Settings& s, const Text& text) {
       const std::vector<double> ends = text.form().numbers;
       if (ends.empty())
         s.config.range = std::nullopt;
       else
         s.config.range = Range{ends[0], ends[1]};
     }},
    {is("rounding", "word", "truncate nearest ceil", "truncate", kAny, "",
        "How a grey value becomes a whole number."),
     field<&Config::rounding>()},
    {is("flip", "flag", kFlag, "true", kAny, "", "Low frequencies at the bottom."),
     field<&Config::flip>()},
    {is("invert", "flag", kFlag, "true", kAny, "", "Black is more energy."),
     field<&Config::invert>()},
    {is("single_filterbank", "flag", kFlag, "false", kAny, "",
        "Round the filterbank to float32 in double precision too."),
     field<&Config::single_filterbank>()},
    {is("precision", "word", "mixed single double", "mixed", kAny, "",
        "Arithmetic; mixed: single for 8-bit images of logarithms, double for all else."),
     {},
     [](Settings& s, const Text& text) { s.precision = static_cast<Precision>(text.one_of()); }},
    {is("isa", "name", "none", "none", kAny, "",
        "The instruction set; none: the best one that runs here."),
     {},
     [](Settings& s, const Text& text) {
       s.isa = text.is("none") ? std::string() : std::string(text.all());
     }},
};

const Row* find(const std::string& name) {
  const auto found = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& row) {
    return std::strcmp(row.is.name, name.c_str()) == 0;
  });
  return found == std::end(kRows) ? nullptr : found;
}

// A value as messages show it.
std::string value_of(const Row& row, const Config& c) {
  const std::string_view name = row.is.name;
  const std::vector<std::string_view> words = split(row.is.words, ' ');
  if (name == "norm" && c.mel.norm.kind == MelNorm::Kind::kP) return shown(c.mel.norm.p);
  if (name == "norm") return std::string(words[static_cast<std::size_t>(c.mel.norm.kind)]);
  if (name == "compress")
    return std::string(split(words[static_cast<std::size_t>(c.compress)], ',')[0]);
  const std::optional<double> value = row.field.get(c);
  if (!value) return std::string(words[0]);
  const bool number =
      row.is.kind == std::string_view("number") || row.is.kind == std::string_view("count");
  return number ? shown(*value) : std::string(words[static_cast<std::size_t>(*value)]);
}

// A rule with the values of the parameters that it names behind them.
std::string explained(const Parameter& is, const Config& c) {
  std::string text;
  for (const std::string_view word : split(is.rule, ' ')) {
    text.append(text.empty() ? "" : " ").append(word);
    if (const Row* row = find(std::string(word))) text += text_of(" (", value_of(*row, c), ")");
  }
  return text;
}

void check(const Row& row, const Config& c) {
  if (row.field.get == nullptr) return;
  const std::optional<double> value = row.field.get(c);
  if (value && !in_range(row.is, *value)) throw out_of_range(row.is, *value, shown(*value));
}

void check_rule(const Row& row, const Config& c) {
  if (row.holds == nullptr || row.holds(c)) return;
  const Config all = completed(c);
  throw refused(row.is.name, " must be ", explained(row.is, all), ", got ", value_of(row, c));
}

void check_number(const char* parameter, const char* part, double value, bool above_zero) {
  if (std::isfinite(value) && (above_zero ? value > 0 : value >= 0)) return;
  throw refused(parameter, "'s ", part, " must be ", above_zero ? "> 0" : ">= 0", ", got ",
                shown(value));
}

void check_statistics(const char* part, const std::vector<double>& values, std::size_t n_mels) {
  if (values.size() != 1 && values.size() != n_mels)
    throw refused("normalise", "'s ", part, " must have 1 or n_mels (", n_mels, ") values, got ",
                  values.size());
  for (const double value : values)
    if (!(std::fabs(value) <= kMaxFeature))
      throw refused("normalise", "'s ", part, " must be within +-", kMaxFeature, ", got ", value);
}

// Of parameters that are more than one number or word.
void check_parts(const Config& c) {
  const MelNorm& norm = c.mel.norm;
  if (norm.kind == MelNorm::Kind::kP && !(norm.p >= 0) && norm.p != -kNone)
    throw refused("norm", " must be >= 0, inf or -inf, got ", shown(norm.p));
  check_number("compress", "exponent", c.exponent, true);
  check_number("compress", "gain", c.pcen.gain, false);
  check_number("compress", "bias", c.pcen.bias, false);
  check_number("compress", "power", c.pcen.power, false);
  check_number("compress", "time_constant", c.pcen.time_constant, true);
  check_number("compress", "eps", c.pcen.eps, true);
  if (c.normalise.kind == Normalise::Kind::kGiven) {
    check_statistics("mean", c.normalise.mean, c.mel.n_mels);
    check_statistics("std", c.normalise.std, c.mel.n_mels);
    for (const double std : c.normalise.std) check_number("normalise", "std", std, true);
  }
  const Range range = c.range.value_or(Range{0, 1});
  if (!(-kMaxFeature <= range.lo && range.lo < range.hi && range.hi <= kMaxFeature))
    throw refused("range", " must be minmax or LO,HI with ", -kMaxFeature,
                  " <= LO < HI <= ", kMaxFeature, ", got ", shown(range.lo), ",", shown(range.hi));
}

}  // namespace

bool is_log(Compress compress) {
  return compress == Compress::kLn || compress == Compress::kLog10 || compress == Compress::kDb;
}

const Parameter* parameter(std::size_t index) {
  return index < std::size(kRows) ? &kRows[index].is : nullptr;
}

Config completed(const Config& config) {
  Config c = config;
  c.win_length = c.win_length.value_or(c.mel.n_fft);
  c.mel.mel_sr = c.mel.bank_sr();
  c.mel.fmax = c.mel.highest();
  if (c.patch) c.patch_step = c.patch_step.value_or(*c.patch);
  return c;
}

void validate(const MelConfig& config) {
  Config c;
  c.mel = config;
  validate(c);
}

void validate(const Config& c) {
  for (const Row& row : kRows) check(row, c);
  for (const Row& row : kRows)
    if (!row.of_text) check_rule(row, c);
  check_parts(c);
}

Settings parse_settings(const std::vector<std::pair<std::string, std::string>>& values) {
  Settings s;
  Config& c = s.config;
  c.mel.n_fft = 0;  // it may follow
  bool given[std::size(kRows)] = {};
  for (const auto& [name, value] : values) {
    const Row* row = find(name);
    if (row == nullptr) throw invalid("there is no parameter '", name.substr(0, 60), "'");
    bool& twice = given[row - kRows];
    if (twice) throw invalid("the parameter '", name, "' is given twice");
    twice = true;
    const Text text(row->is, value);
    if (row->read != nullptr)
      row->read(s, text);
    else
      row->field.set(c, text.value());
  }
  if (given[find("window") - kRows] && given[find("window_samples") - kRows])
    throw invalid("window and window_samples are both given");
  if (c.mel.n_fft == 0) c.mel.n_fft = 2 * c.hop_length;
  for (const Row& row : kRows)
    if (row.of_text) check_rule(row, c);
  return s;
}

Settings parse_settings(const char* text) {
  constexpr const char* kBlank = " \t\r\n";
  std::vector<std::pair<std::string, std::string>> values;
  while (text != nullptr && *(text += std::strspn(text, kBlank)) != '\0') {
    const std::string_view word(text, std::strcspn(text, kBlank));
    text += word.size();
    const std::size_t equals = word.find('=');
    if (equals == word.npos)
      throw invalid("a parameter must be name=value, got '", word.substr(0, 60), "'");
    values.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return parse_settings(values);
}

}  // namespace melpix
