// SPDX-License-Identifier: MIT
#include "parameter_text.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <locale>
#include <sstream>

namespace melpix {
namespace {

bool is_capital(char c) { return 'A' <= c && c <= 'Z'; }

bool is_whole(std::string_view text) {
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return '0' <= c && c <= '9'; });
}

std::optional<double> parsed(std::string_view text) {
  constexpr std::size_t kShort = 15;  // digits that a double holds, and a long long
  if (text.size() <= kShort && is_whole(text) && text[0] != '-') {
    long long value = 0;
    for (const char c : text) value = 10 * value + (c - '0');
    return static_cast<double>(value);
  }
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  // Not strtod: what it takes for the decimal point is the locale's.
  std::istringstream in{std::string(text)};
  in.imbue(std::locale::classic());
  double value = 0;
  if (!(in >> std::noskipws >> value) || in.peek() != std::istringstream::traits_type::eof())
    return std::nullopt;
  return value;
}

std::string joined(const char* words, const char* between) {
  std::string all;
  for (const std::string_view word : split(words, ' '))
    all.append(all.empty() ? "" : between).append(word);
  return all;
}

std::string range_of(const Parameter& is) {
  const bool from = std::isfinite(is.least), to = std::isfinite(is.most);
  if (from && to && !is.above_least && !is.below_most)
    return text_of("in ", shown(is.least), " ... ", shown(is.most));
  std::string range;
  if (from) range = text_of(is.above_least ? "> " : ">= ", shown(is.least));
  if (to)
    range += text_of(range.empty() ? "" : " and ", is.below_most ? "< " : "<= ", shown(is.most));
  return range.empty() ? "finite" : range;
}

}  // namespace

std::vector<std::string_view> split(std::string_view text, char between) {
  std::vector<std::string_view> parts;
  for (std::size_t end; (end = text.find(between)) != text.npos; text.remove_prefix(end + 1))
    parts.push_back(text.substr(0, end));
  parts.push_back(text);
  return parts;
}

std::string shown(double value) {
  constexpr double kMostWhole = 1 << 30;
  const bool whole = std::fabs(value) <= kMostWhole && value == std::floor(value);
  return whole ? text_of(static_cast<long>(value)) : text_of(value);
}

bool in_range(const Parameter& is, double value) {
  if (std::isinf(value)) return std::string_view(is.kind) == "norm";
  return value >= is.least && value <= is.most && !(is.above_least && value == is.least) &&
         !(is.below_most && value == is.most);
}

ParameterError out_of_range(const Parameter& is, double value, std::string_view text) {
  const bool count = std::string_view(is.kind) == "count";
  return refused(is.name, " must be ", std::isinf(value) && !count ? "finite" : range_of(is),
                 ", got ", text.substr(0, 60));
}

std::optional<std::size_t> Text::word() const {
  if (*is_.words == '\0') return std::nullopt;
  const std::vector<std::string_view> words = split(is_.words, ' ');
  const auto found = std::find(words.begin(), words.end(), text_);
  if (found == words.end()) return std::nullopt;
  return static_cast<std::size_t>(found - words.begin());
}

std::size_t Text::one_of() const {
  const std::optional<std::size_t> place = word();
  if (!place) refuse("one of " + joined(is_.words, ", "));
  return *place;
}

double Text::number() const {
  const bool count = std::string_view(is_.kind) == "count";
  const std::optional<double> value = parsed(text_);
  if (count ? !is_whole(text_) : !value) {
    const std::string words = joined(is_.words, " or ");
    refuse((count ? "a whole number" : "a number") + (words.empty() ? "" : " or " + words));
  }
  // A whole number of too many digits for a double has no value: it is out of any range.
  const double number = value.value_or(std::numeric_limits<double>::infinity());
  if (!in_range(is_, number)) throw out_of_range(is_, number, text_);
  return number;
}

std::optional<double> Text::value() const {
  const std::string_view kind = is_.kind;
  if (kind == "word" || kind == "flag") return static_cast<double>(one_of());
  return word() ? std::nullopt : std::optional(number());
}

Text::Form Text::form() const {
  std::size_t place = 0;
  const std::vector<std::string_view> forms = split(is_.words, ' ');
  const std::vector<std::string_view> parts = split(text_, ',');
  std::string_view head;
  for (std::size_t i = 0; i < forms.size(); ++i) {
    const std::vector<std::string_view> form = split(forms[i], ',');
    if (form[0] != head) place = i;
    head = form[0];
    if (form.size() != parts.size()) continue;
    if (is_capital(head[0])) return {"", numbers(), place};
    if (head == parts[0]) return {head, numbers(1), place};
  }
  refuse(joined(is_.words, " or "));
}

Text::Form Text::window() const { return {text_.substr(0, text_.find(',')), numbers(1), 0}; }

std::vector<double> Text::pairs() const {
  std::vector<double> values = numbers();
  if (values.size() % 2 != 0) refuse(joined(is_.words, " or "));
  return values;
}

std::vector<double> Text::numbers(std::size_t first) const {
  std::vector<double> values;
  const std::vector<std::string_view> parts = split(text_, ',');
  for (std::size_t i = first; i < parts.size(); ++i) {
    const std::optional<double> value = parsed(parts[i]);
    if (!value) throw refused(is_.name, " must have numbers, got '", parts[i].substr(0, 60), "'");
    values.push_back(*value);
  }
  return values;
}

void Text::refuse(const std::string& wanted) const {
  throw refused(is_.name, " must be ", wanted, ", got '", text_.substr(0, 60), "'");
}

}  // namespace melpix
