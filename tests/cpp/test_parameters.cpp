// SPDX-License-Identifier: MIT
#include <algorithm>
#include <limits>
#include <locale>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "melpix/parameters.h"

namespace {

using melpix::parse_settings;

melpix::Config parsed(const std::string& text) { return parse_settings(text.c_str()).config; }

#define CHECK_REFUSED(part, text) CHECK_THROWS(std::invalid_argument, part, parse_settings(text))

void every_parameter() {
  CHECK(parsed("sr=8000.5").mel.sr == 8000.5);
  CHECK(parsed("duration=2.5").duration == 2.5 && !parsed("duration=none").duration);
  CHECK(parsed("fit=repeat").fit == melpix::Fit::kRepeat);
  CHECK(parsed("fit=repeat_pad").fit == melpix::Fit::kRepeatPad);
  CHECK(parsed("level=int16").level == melpix::Level::kInt16);
  CHECK(parsed("level=minmax").level == melpix::Level::kMinmax);
  CHECK(parsed("patch=96").patch == std::size_t{96});
  CHECK(parsed("patch_step=48").patch_step == std::size_t{48});
  CHECK(parsed("tail=pad").tail == melpix::Tail::kPad);
  CHECK_EQUAL(parsed("n_fft=400").mel.n_fft, std::size_t{400});
  CHECK_EQUAL(parsed("hop_length=160").hop_length, std::size_t{160});
  CHECK(parsed("win_length=320").win_length == std::size_t{320});
  CHECK(parsed("window=hamming").window.name == "hamming");
  CHECK(parsed("window=kaiser,14.5").window.parameters == std::vector<double>{14.5});
  CHECK(
      (parsed("window_samples=0,0.5,-1e-3").window.samples == std::vector<double>{0, 0.5, -1e-3}));
  for (const char* text : {"window=kaiser,2 periodic=false", "periodic=false window=kaiser,2"}) {
    const melpix::Window w = parsed(text).window;
    CHECK(w.name == "kaiser" && !w.periodic);
  }
  CHECK(parsed("framing=uncentered").framing == melpix::Framing::kUncentered);
  CHECK(parsed("framing=snip").framing == melpix::Framing::kSnip);
  CHECK(parsed("framing=middle").framing == melpix::Framing::kMiddle);
  CHECK(parsed("pad_mode=reflect").pad_mode == melpix::PadMode::kReflect);
  CHECK(parsed("pad_mode=edge").pad_mode == melpix::PadMode::kEdge);
  CHECK(parsed("pad_mode=symmetric").pad_mode == melpix::PadMode::kSymmetric);
  CHECK(parsed("pad_mode=linear_ramp").pad_mode == melpix::PadMode::kLinearRamp);
  CHECK(parsed("gain=32768").gain == 32768);
  CHECK(parsed("remove_dc=true").remove_dc);
  CHECK(parsed("preemphasis=.97").preemphasis == 0.97);
  CHECK(parsed("spectrum=real").spectrum == melpix::Spectrum::kReal);
  CHECK(parsed("power=1").power == 1);
  CHECK(parsed("bin_offset=1e-9").bin_offset == 1e-9);
  CHECK_EQUAL(parsed("n_mels=80").mel.n_mels, std::size_t{80});
  CHECK(parsed("fmin=20").mel.fmin == 20);
  CHECK(parsed("fmax=8000").mel.fmax == 8000.0);
  CHECK(parsed("mel_sr=32000").mel.mel_sr == 32000.0);
  CHECK(parsed("mel_scale=htk").mel.scale == melpix::MelScale::kHtk);
  CHECK(parsed("mel_scale=kaldi").mel.scale == melpix::MelScale::kKaldi);
  CHECK(parsed("mel_scale=tf").mel.scale == melpix::MelScale::kTf);
  using Kind = melpix::MelNorm::Kind;
  CHECK(parsed("norm=none").mel.norm.kind == Kind::kNone);
  CHECK(parsed("norm=2").mel.norm.kind == Kind::kP && parsed("norm=2").mel.norm.p == 2);
  CHECK(parsed("norm=-inf").mel.norm.p == -std::numeric_limits<double>::infinity());
  CHECK(parsed("compress=none").compress == melpix::Compress::kNone);
  CHECK(parsed("compress=log10").compress == melpix::Compress::kLog10);
  CHECK(parsed("compress=db").compress == melpix::Compress::kDb);
  CHECK(parsed("compress=power,0.25").compress == melpix::Compress::kPower);
  CHECK(parsed("compress=power,0.25").exponent == 0.25);
  CHECK(parsed("compress=pcen").compress == melpix::Compress::kPcen);
  CHECK(parsed("compress=pcen").pcen.time_constant == 0.4);
  const melpix::Pcen pcen = parsed("compress=pcen,1,2,3,4,5").pcen;
  CHECK(pcen.gain == 1 && pcen.bias == 2 && pcen.power == 3);
  CHECK(pcen.time_constant == 4 && pcen.eps == 5);
  CHECK(parsed("offset=0").offset == 0);
  CHECK(parsed("floor=1e-10").floor == 1e-10);
  CHECK(parsed("ref=3").ref == 3.0);
  CHECK(!parsed("ref=max").ref.has_value());
  CHECK(parsed("top_db=80").top_db == 80.0);
  CHECK(parsed("columns=3000").columns == std::size_t{3000});
  using Normal = melpix::Normalise::Kind;
  CHECK(parsed("normalise=image").normalise.kind == Normal::kImage);
  CHECK(parsed("normalise=frequency").normalise.kind == Normal::kFrequency);
  CHECK(parsed("normalise=max").normalise.kind == Normal::kMax);
  const melpix::Normalise given = parsed("normalise=1,2,3,4").normalise;
  CHECK(given.kind == Normal::kGiven);
  CHECK((given.mean == std::vector<double>{1, 2} && given.std == std::vector<double>{3, 4}));
  const melpix::Config c = parsed("range=-20,4");
  CHECK(c.range && c.range->lo == -20 && c.range->hi == 4);
  CHECK(parsed("rounding=nearest").rounding == melpix::Rounding::kNearest);
  CHECK(parsed("rounding=ceil").rounding == melpix::Rounding::kCeil);
  CHECK(!parsed("flip=false").flip);
  CHECK(!parsed("invert=false").invert);
  CHECK(parsed("single_filterbank=true").single_filterbank);
  CHECK(parse_settings("precision=double").precision == melpix::Precision::kDouble);
  CHECK(parse_settings("precision=single").precision == melpix::Precision::kSingle);
  CHECK(parse_settings("isa=generic").isa == "generic");
}

// What the table calls the default is what nothing written means.
void defaults() {
  std::string written;
  for (std::size_t i = 0; const melpix::Parameter* p = melpix::parameter(i); ++i)
    if (*p->initial != '\0') written += std::string(" ") + p->name + "=" + p->initial;
  for (const char* text : {static_cast<const char*>(nullptr), "", " \n\t ", written.c_str()}) {
    const melpix::Settings s = parse_settings(text);
    const melpix::Config &c = s.config, recipe;
    CHECK(s.precision == melpix::Precision::kMixed && s.isa.empty());
    CHECK(c.mel.sr == recipe.mel.sr && c.mel.n_fft == recipe.mel.n_fft);
    CHECK(c.mel.n_mels == recipe.mel.n_mels && c.mel.fmin == 0 && !c.mel.fmax && !c.mel.mel_sr);
    CHECK(c.spectrum == recipe.spectrum);
    CHECK(c.mel.scale == recipe.mel.scale && c.mel.norm.kind == recipe.mel.norm.kind);
    CHECK(!c.duration && c.fit == recipe.fit && c.level == recipe.level);
    CHECK(!c.patch && !c.patch_step && c.tail == recipe.tail);
    CHECK(c.hop_length == recipe.hop_length && !c.win_length);
    CHECK(c.window.name == "hann" && c.window.parameters.empty() && c.window.samples.empty());
    CHECK(c.window.periodic && c.framing == recipe.framing && c.pad_mode == recipe.pad_mode);
    CHECK(c.gain == 1 && !c.remove_dc && c.preemphasis == 0 && c.power == 2 && c.bin_offset == 0);
    CHECK(c.compress == recipe.compress && c.offset == recipe.offset && c.floor == 0);
    CHECK(c.ref == 1.0 && !c.top_db && !c.columns);
    CHECK(c.normalise.kind == melpix::Normalise::Kind::kNone && !c.range);
    CHECK(c.rounding == recipe.rounding && c.flip && c.invert && !c.single_filterbank);
  }
  CHECK_EQUAL(parsed("hop_length=160").mel.n_fft, std::size_t{320});
  CHECK_EQUAL(parsed("n_fft=none hop_length=160").mel.n_fft, std::size_t{320});
}

void refused() {
  CHECK_REFUSED("a parameter must be name=value, got 'n_fft'", "n_fft 400");
  CHECK_REFUSED("a parameter must be name=value, got '400'", "n_fft=1 400");
  CHECK_REFUSED("there is no parameter 'n_ftt'", "n_ftt=400");
  CHECK_REFUSED("there is no parameter ''", "=400");
  CHECK_REFUSED("there is no parameter 'layout'", "layout=frames");  // what strides say
  CHECK_REFUSED("fit must be one of pad, repeat, repeat_pad, got 'cut'", "fit=cut");
  CHECK_REFUSED("'sr' is given twice", "sr=1 n_fft=2 sr=1");
  CHECK_REFUSED("window and window_samples", "window=hann window_samples=1,2");
  CHECK_REFUSED("n_fft must be a whole number or none, got ''", "n_fft=");
  CHECK_REFUSED("n_fft must be in 1 ... 1048576, got -1", "n_fft=-1");
  CHECK_REFUSED("n_fft must be a whole number or none, got '1e3'", "n_fft=1e3");
  CHECK_REFUSED("n_fft must be a whole number or none, got '1,2'", "n_fft=1,2");
  CHECK_REFUSED("n_fft must be in 1 ... 1048576, got 99999999999999999999",
                "n_fft=99999999999999999999");
  for (const char* text : {"sr=", "sr=x", "sr=1x", "sr=1e", "sr=+", "sr=nan", "sr=1e999", "sr=--1"})
    CHECK_REFUSED("sr must be a number, got '", text);
  CHECK_REFUSED("sr must be a number, got '1,5'", "sr=1,5");
  CHECK_REFUSED("framing must be one of center, uncentered, snip, middle, got 'left'",
                "framing=left");
  CHECK_REFUSED("flip must be one of false, true, got '1'", "flip=1");
  CHECK_REFUSED("compress must be none or ln or", "compress=sqrt");
  CHECK_REFUSED("pcen,GAIN,BIAS,POWER,TIME_CONSTANT,EPS, got 'ln,2'", "compress=ln,2");
  CHECK_REFUSED("or power,EXPONENT or", "compress=power");
  CHECK_REFUSED("got 'pcen,1'", "compress=pcen,1");
  CHECK_REFUSED("range must be minmax or LO,HI, got '1'", "range=1");
  CHECK_REFUSED("range must have numbers, got ''", "range=,");
  CHECK_REFUSED("ref must be 1 without a logarithm: compress (none), got max",
                "compress=none ref=max");
  CHECK_REFUSED("top_db must be none without a logarithm: compress (pcen), got 80",
                "top_db=80 compress=pcen");
  CHECK_REFUSED("floor must be > 0, got 0", "floor=0");
  CHECK_REFUSED("normalise must be none or image or frequency or max or MEAN,STD, got",
                "normalise=1,2,3");
  CHECK_REFUSED("window must have numbers, got 'x'", "window=kaiser,x");
  const std::string endless = "framing=" + std::string(100000, 'x');
  CHECK_REFUSED(std::string(60, 'x').append("'").c_str(), endless.c_str());
}

// Of each parameter what the table says, for itself.
void the_table() {
  std::size_t count = 0;
  for (; const melpix::Parameter* p = melpix::parameter(count); ++count) {
    const std::string name = p->name, words = p->words;
    const bool numbers = std::string(p->kind) == "numbers";
    if (!numbers) parse_settings((name + "=" + p->initial).c_str());
    for (std::size_t at = 0; at < words.size();) {
      const std::size_t end = std::min(words.find(' ', at), words.size());
      std::string value;  // a number for each word in capitals
      for (const char c : words.substr(at, end - at))
        if (c < 'A' || c > 'Z')
          value += c == '_' && value.back() == '1' ? '1' : c;
        else if (value.empty() || value.back() != '1')
          value += '1';
      const melpix::Settings s = parse_settings((name + "=" + value).c_str());
      if (name == "window") melpix::window_samples(s.config.window, 8);
      at = end + 1;
    }
    if (std::string(p->kind) == "number" && p->least == 0 && p->above_least)
      CHECK_REFUSED((name + " must be > 0").c_str(), (name + "=0").c_str());
    CHECK(std::string(p->about).back() == '.');
  }
  CHECK_EQUAL(count, std::size_t{41});
  try {
    parse_settings("fmin=-1");
    CHECK(false);
  } catch (const melpix::ParameterError& e) {
    CHECK(e.parameter() == "fmin" && e.reason() == " must be >= 0, got -1");
  }
}

struct Continental : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

void any_locale() {
  const std::locale before =
      std::locale::global(std::locale(std::locale::classic(), new Continental));
  CHECK(parsed("sr=1234.5").mel.sr == 1234.5);
  CHECK_THROWS(std::invalid_argument, "1 ... 1048576, got 2000000",
               melpix::validate(parsed("n_fft=2000000")));
  std::locale::global(before);
}

}  // namespace

int main() {
  every_parameter();
  defaults();
  refused();
  the_table();
  any_locale();
  return failures();
}
